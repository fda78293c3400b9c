"""The decision, as a table and as properties over every combination of three snapshots."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import (
    NEVER,
    TOMBSTONE,
    Content,
    Digest,
    Reason,
    Snapshot,
    Tombstone,
    Version,
)
from syncd.core.reconcile import reconcile

A, B, C = (Content(Digest(letter * 64), 1) for letter in "abc")
GONE = Tombstone(last=A.digest)


def at(revision: int, version: Version) -> Snapshot:
    return Snapshot(revision, version, revision)


CASES: dict[str, tuple[Snapshot | None, Version, Snapshot, Reason, Version | None, Version | None]]
CASES = {
    # name: base, local, remote -> reason, to_local, to_remote
    "nothing anywhere": (NEVER, TOMBSTONE, NEVER, Reason.NOTHING, None, None),
    "nothing changed": (at(1, A), A, at(1, A), Reason.NOTHING, None, None),
    "same bytes, newer revision": (at(1, A), A, at(2, A), Reason.CONVERGED, None, None),
    "both made the same edit": (at(1, A), B, at(2, B), Reason.CONVERGED, None, None),
    "both deleted": (at(1, A), TOMBSTONE, at(2, GONE), Reason.CONVERGED, None, None),
    "edited here": (at(1, A), B, at(1, A), Reason.PUSH, None, B),
    "deleted here": (at(1, A), TOMBSTONE, at(1, A), Reason.PUSH, None, TOMBSTONE),
    "made again here": (at(2, GONE), B, at(2, GONE), Reason.PUSH, None, B),
    "edited there": (at(1, A), A, at(2, B), Reason.PULL, B, None),
    "deleted there": (at(1, A), A, at(2, GONE), Reason.PULL, GONE, None),
    "made again there": (at(2, GONE), TOMBSTONE, at(3, B), Reason.PULL, B, None),
    "edit here beats deletion there": (at(1, A), B, at(2, GONE), Reason.PUSH, None, B),
    "edit there beats deletion here": (at(1, A), TOMBSTONE, at(2, B), Reason.PULL, B, None),
    "both edited": (at(1, A), B, at(2, C), Reason.CONFLICT, None, B),
    "first contact, only here": (None, A, NEVER, Reason.PUSH, None, A),
    "first contact, only there": (None, TOMBSTONE, at(3, A), Reason.PULL, A, None),
    "first contact, equal": (None, A, at(3, A), Reason.CONVERGED, None, None),
    "first contact, different": (None, A, at(3, B), Reason.CONFLICT, None, A),
    "first contact, deleted elsewhere": (None, A, at(3, GONE), Reason.HELD, None, None),
    "first contact, another was deleted": (None, B, at(3, GONE), Reason.PUSH, None, B),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_table(
    case: tuple[Snapshot | None, Version, Snapshot, Reason, Version | None, Version | None],
) -> None:
    base, local, remote, reason, to_local, to_remote = case
    plan = reconcile(base, local, remote)
    assert (plan.reason, plan.to_local, plan.to_remote) == (reason, to_local, to_remote)


versions = st.sampled_from([A, B, C, TOMBSTONE, GONE])
snapshots = st.builds(at, st.integers(1, 4), versions) | st.just(NEVER)


@given(st.none() | snapshots, versions, snapshots)
def test_a_plan_carried_out_is_followed_by_nothing(
    base: Snapshot | None, local: Version, remote: Snapshot
) -> None:
    plan = reconcile(base, local, remote)
    if plan.reason is Reason.HELD:
        return
    now_local = plan.to_local if plan.to_local is not None else local
    if plan.to_remote is not None:
        # The push was accepted: the remote is one revision on, and that is the base.
        assert plan.base == remote, "a push is expected to meet what was heard"
        accepted = Snapshot(remote.revision + 1, plan.to_remote)
        assert reconcile(accepted, now_local, accepted).reason is Reason.NOTHING
    else:
        assert reconcile(plan.base, now_local, remote).reason is Reason.NOTHING


@given(st.none() | snapshots, versions, snapshots)
def test_planning_again_before_the_answer_gives_the_same_push(
    base: Snapshot | None, local: Version, remote: Snapshot
) -> None:
    plan = reconcile(base, local, remote)
    if plan.to_remote is not None:
        assert reconcile(plan.base, local, remote).to_remote == plan.to_remote


@given(st.none() | snapshots, versions, snapshots)
def test_no_content_is_dropped_unkept(
    base: Snapshot | None, local: Version, remote: Snapshot
) -> None:
    """What one side alone holds survives, is a conflict, or is what the sides agreed on before."""
    plan = reconcile(base, local, remote)
    after = {plan.to_local or local, plan.to_remote or remote.version}
    kept = {plan.conflict.remote.version} if plan.conflict else set()
    agreed = {base.version} if base else set()
    for version in (local, remote.version):
        if isinstance(version, Content):
            assert version in after | kept | agreed


@pytest.mark.parametrize(
    ("local", "remote"), list(product([A, TOMBSTONE], [at(1, A), at(2, GONE), NEVER]))
)
def test_first_contact_deletes_nothing(local: Version, remote: Snapshot) -> None:
    plan = reconcile(None, local, remote)
    assert not isinstance(plan.to_remote, Tombstone)
    assert not (isinstance(plan.to_local, Tombstone) and isinstance(local, Content))
