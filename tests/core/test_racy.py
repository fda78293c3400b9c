"""A stat is trusted once no further save can leave the same one."""

from __future__ import annotations

import pytest

from syncd.core.decision import COARSE_NS, RACY_NS, racy

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
