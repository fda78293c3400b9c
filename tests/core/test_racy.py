"""A stat is trusted once no further save can leave the same one."""

from __future__ import annotations

import pytest

from syncd.core.decision import COARSE_NS, RACY_NS, UNREAD, racy

SECOND = 1_000_000_000


@pytest.mark.parametrize("later", ["mtime", "ctime"])
@pytest.mark.parametrize(
    ("changed", "tick"),
    [(5 * SECOND + 1, RACY_NS), (5 * SECOND, COARSE_NS), (6 * SECOND, COARSE_NS)],
)
def test_whole_seconds_are_the_stamps_of_a_coarse_clock(
    later: str, changed: int, tick: int
) -> None:
    stamps = (changed, SECOND) if later == "mtime" else (SECOND, changed)
    assert racy(*stamps, changed + tick)
    assert not racy(*stamps, changed + tick + 1)


def test_a_save_in_the_same_two_seconds_is_not_passed_over() -> None:
    assert racy(4 * SECOND, 4 * SECOND, 5 * SECOND), "FAT stamps a save at 5.9 with 4 too"


YEAR = 365 * 86_400 * SECOND


def test_a_stamp_of_next_year_is_of_no_clock_that_stamps_now() -> None:
    """Copied with its time from elsewhere, or saved while the clock was wrong: read once, not at
    each walk for a year."""
    read = 50 * YEAR
    assert not racy(read + YEAR, read - YEAR, read)
    assert not racy(read + YEAR, read + YEAR, read)
    assert racy(read + YEAR, read - 1, read), "what it was set in is not over"
    assert racy(read + 3600 * SECOND + 1, 0, read), "a file server's clock may be ahead"


def test_what_was_never_read_is_not_trusted() -> None:
    assert racy(50 * YEAR, 50 * YEAR, UNREAD)
    assert racy(1, 1, UNREAD), "nor where the clock has just begun"
