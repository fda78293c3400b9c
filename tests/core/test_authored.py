"""A save is taken as edits of what its program saved before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.authored import authored_after, taken
from syncd.core.model import TOMBSTONE, Content, Digest, Version

V0, V1, V2, V3 = (Content(Digest(str(number) * 64), 1) for number in range(4))
GONE = TOMBSTONE

CASES: dict[str, tuple[Version, Version, Version, tuple[Digest, ...], Version | None]] = {
    # saved, authored, local, ours -> the local version after it
    "nothing changed": (V1, V1, V1, (), V1),
    "an old value is put back": (V1, V1, V2, (), V2),
    "a record it does not know is put back": (GONE, GONE, V2, (), V2),
    "what it holds itself": (V2, V1, V2, (), V2),
    "a new record": (V1, GONE, GONE, (), V1),
    "an edit of its own record": (V2, V1, V1, (), V2),
    "it goes back to what it had before": (V0, V1, V1, (V0.digest,), V0),
    "a deletion of its own record": (GONE, V1, V1, (), GONE),
    "a deletion of what was changed since": (GONE, V1, V2, (), V2),
    "an edit of what was removed since": (V2, V1, GONE, (), V2),
    "a removed record that it read before": (V2, GONE, GONE, (), V2),
    "a removed record that it had read in the file": (V2, V1, GONE, (V2.digest,), GONE),
    "an old version that it read in the file": (V1, GONE, V2, (V1.digest, V2.digest), V2),
    "both changed it": (V3, V1, V2, (V2.digest,), None),
}


@pytest.mark.parametrize("what", CASES)
def test_a_save_is_taken(what: str) -> None:
    saved, authored, local, ours, after = CASES[what]
    assert taken(saved, authored, local, ours) == after


versions = st.sampled_from([GONE, V0, V1, V2])


@given(versions, versions, versions)
def test_a_record_left_out_is_as_it_was_where_that_says_nothing(
    saved: Version, authored: Version, local: Version
) -> None:
    kept = taken(saved, authored, local, absent_is_unchanged=True)
    assert kept == (local if saved == GONE else taken(saved, authored, local))
    after = authored_after(saved, authored, absent_is_unchanged=True)
    assert after == (authored if saved == GONE else saved)


@given(versions, versions, versions)
def test_the_same_save_again_changes_nothing(
    saved: Version, authored: Version, local: Version
) -> None:
    once = taken(saved, authored, local)
    if once is not None:
        after = authored_after(saved, authored, absent_is_unchanged=False)
        assert after == saved
        assert taken(saved, after, once) == once
