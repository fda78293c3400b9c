"""What each direction makes of each situation."""

from __future__ import annotations

import itertools

import pytest

from syncd.core.direction import Way, directed
from syncd.core.model import (
    NEVER,
    TOMBSTONE,
    Content,
    Digest,
    Plan,
    Reason,
    Snapshot,
    Tombstone,
    Version,
)
from syncd.core.reconcile import reconcile

A, B, C = (Content(Digest(letter * 64), 1) for letter in "abc")
GONE = Tombstone(A.digest)

VERSIONS: tuple[Version, ...] = (A, B, C, TOMBSTONE)
BASES: tuple[Snapshot | None, ...] = (None, NEVER, Snapshot(1, A), Snapshot(1, TOMBSTONE))
REMOTES = (NEVER, Snapshot(1, A), Snapshot(2, B), Snapshot(2, GONE))
SITUATIONS = list(itertools.product(BASES, VERSIONS, REMOTES))

Situation = tuple[Snapshot | None, Version, Snapshot]


def plans(way: Way, situation: Situation, *, theirs: bool = False) -> Plan:
    base, local, remote = situation
    plan = reconcile(base, local, remote)
    return directed(plan, way, base, local, remote, theirs=theirs)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_both_is_what_reconcile_says(situation: Situation) -> None:
    assert plans(Way.BOTH, situation, theirs=True) == reconcile(*situation)
    assert plans(Way.OWN, situation) == reconcile(*situation)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_nothing_is_done_about_anothers_key(situation: Situation) -> None:
    base, local, remote = situation
    plan = plans(Way.OWN, situation, theirs=True)
    if isinstance(local, Tombstone) and local != remote.version:
        was_here = base is not None and isinstance(base.version, Content)
        left = Plan(Reason.CONVERGED, NEVER) if was_here else Plan(Reason.NOTHING, None)
        assert plan == left
    assert plan.to_local is None
    assert plan.to_remote is None
    equal = local == remote.version
    assert (plan.hold is not None) == (isinstance(local, Content) and not equal)
    assert equal == (plan.base == remote)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_push_never_writes_files_and_loses_no_remote_edit(situation: Situation) -> None:
    base, local, remote = situation
    plan = plans(Way.PUSH, situation)
    assert plan.to_local is None
    assert plan.hold is None
    was_here = base is not None and isinstance(base.version, Content)
    if local == remote.version:
        assert plan.to_remote is None
    elif isinstance(local, Content) or was_here:
        assert plan.to_remote == local
        assert plan.base == remote
    else:
        assert plan == Plan(Reason.NOTHING, None), "what is there alone is left there"
    edited = isinstance(remote.version, Content) and (
        base is None or remote.version != base.version
    )
    replaced = plan.to_remote is not None and edited
    assert (plan.conflict is not None) == replaced
    if plan.conflict is not None:
        assert plan.conflict.remote == remote


@pytest.mark.parametrize("situation", SITUATIONS)
def test_pull_never_sends_and_overwrites_no_edit(situation: Situation) -> None:
    base, local, remote = situation
    plan = plans(Way.PULL, situation)
    assert plan.to_remote is None
    assert plan.conflict is None
    agreed = base.version if base is not None else TOMBSTONE
    edited = isinstance(local, Content) and local not in (agreed, remote.version)
    if plan.to_local is not None:
        assert not edited
        assert plan.base == remote
    assert (plan.reason is Reason.HELD) == edited
    if not edited and local != remote.version:
        assert plan.to_local == remote.version
