"""How many deletions are too many, whatever moves are among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.guard import (
    Direction,
    Guard,
    RootState,
    allowance,
    gone_at_once,
    guard,
    mass_guard,
)
from syncd.core.model import Digest

DIGESTS = st.sampled_from([Digest(letter) for letter in "abc"])
MANY = st.lists(DIGESTS, max_size=40)


def stops(size: int, gone: list[Digest], waiting: list[Digest], came: list[Digest]) -> bool:
    return mass_guard("s", Direction.TO_LOCAL, size, gone, waiting, Counter(came)) is not None


def test_more_than_ten_and_more_than_a_fifth() -> None:
    assert [allowance(size) for size in (0, 10, 54, 55, 100)] == [10, 10, 10, 11, 20]


@given(st.integers(0, 200), MANY, MANY)
def test_what_went_counts_like_what_waits(
    size: int, gone: list[Digest], waiting: list[Digest]
) -> None:
    assert stops(size, gone, waiting, []) == (len(gone) + len(waiting) > allowance(size))


@given(st.integers(0, 200), MANY, MANY, DIGESTS)
def test_a_file_that_came_excuses_one_deletion_at_most(
    size: int, waiting: list[Digest], came: list[Digest], one: Digest
) -> None:
    if stops(size, [], [*waiting, one], [*came, one]):
        assert stops(size, [], [*waiting, one], came)
    if not stops(size, [], waiting, came):
        assert not stops(size, [], [*waiting, one], [*came, one])


@given(MANY, MANY)
def test_a_whole_move_never_stops(gone: list[Digest], waiting: list[Digest]) -> None:
    assert not stops(0, gone, waiting, [*gone, *waiting])


@given(MANY)
def test_the_guard_says_how_many_wait(waiting: list[Digest]) -> None:
    found = mass_guard("s", Direction.TO_REMOTE, 0, [Digest("x")] * 11, waiting, Counter())
    assert found is not None
    assert found.missing == len(waiting)


def every_guard() -> Iterator[Guard]:
    for root in RootState:
        found = guard("s", root, 5, 0)
        assert found is not None
        assert found.folder is root
        yield found
    yield from (Guard("s", "9 of 9 files would be deleted", 9, way) for way in Direction)


def test_counts_in_reasons_are_written_as_elsewhere() -> None:
    digests = [Digest(f"{number:064x}") for number in range(1500)]
    many = mass_guard("s", Direction.TO_LOCAL, 4000, [], digests, Counter())
    at_once = gone_at_once("s", 4000, 1500, 0)
    for found in (many, at_once):
        assert found is not None
        assert found.reason.startswith("1,500 of 4,000 files ")


def test_every_guard_says_what_waits_and_what_to_type() -> None:
    for found in every_guard():
        assert str(found.missing) in found.meanwhile
        if found.folder is not RootState.UNREADABLE:
            assert "`syncd approve s`" in found.advice
            assert "`syncd reject s`" in found.advice


def test_edits_go_on_only_where_they_do() -> None:
    going = {found.folder for found in every_guard() if "edits go on" in found.meanwhile}
    assert going == {RootState.PRESENT}
