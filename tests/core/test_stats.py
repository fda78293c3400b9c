"""What a walk saw, held against what was known: as a plain comparison of tuples would have it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.decision import AHEAD_NS, COARSE_NS, RACY_NS, UNREAD, racy
from syncd.core.reading import Stat, storable
from syncd.core.stats import Compared, KnownFile, Stats

NOW = 1_700_000_000_000_000_000

PATHS = st.sampled_from(["a", "b", "c/d", "é"])

TIMES = st.sampled_from(
    [0, NOW, NOW - 1, NOW + 1, NOW - RACY_NS, NOW - COARSE_NS, NOW - COARSE_NS - 1, NOW + AHEAD_NS,
     -(2**63) + 1, 2**63 - 1]
)  # fmt: skip

INODES = st.sampled_from([1, 2, 2**63 - 1, 2**63, 2**64 - 1])

STATS = st.builds(Stat, st.integers(0, 2), TIMES, TIMES, INODES)

READ = st.sampled_from([UNREAD, NOW])


def column(inode: int) -> int:
    return inode - 2**64 if inode >= 2**63 else inode


def plainly(walked: dict[str, Stat], known: dict[str, tuple[Stat, int]]) -> Compared:
    there = [path for path in known if path in walked]
    changed = [
        path
        for path in there
        if walked[path] != known[path][0]
        or racy(known[path][0].mtime_ns, known[path][0].ctime_ns, known[path][1])
    ]
    return Compared(changed, [path for path in known if path not in walked], len(there))


@given(st.dictionaries(PATHS, STATS), st.dictionaries(PATHS, st.tuples(STATS, READ)), st.data())
def test_the_comparison_is_the_plain_one(
    walked: dict[str, Stat], known: dict[str, tuple[Stat, int]], data: st.DataObject
) -> None:
    for path in walked.keys() & known.keys():
        if data.draw(st.booleans()):
            known[path] = walked[path], known[path][1]
    stats = Stats()
    stats.update(walked)
    rows: list[KnownFile] = [
        (path, each.size, each.mtime_ns, each.ctime_ns, column(each.inode), read)
        for path, (each, read) in known.items()
    ]
    assert dict(stats) == walked
    assert stats.compared(rows) == plainly(walked, known)


@given(PATHS, STATS, STATS)
def test_a_path_is_taken_once(path: str, first: Stat, second: Stat) -> None:
    stats = Stats()
    assert stats.take(path, *first)
    assert not stats.take(path, *second)
    assert stats == {path: first}
    stats[path] = second
    assert stats == {path: second}


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_times_that_no_ledger_can_keep_are_cut(mtime_ns: int, ctime_ns: int) -> None:
    stats = Stats()
    stats.take("a", 0, mtime_ns, ctime_ns, 1)
    assert stats["a"] == Stat(0, storable(mtime_ns), storable(ctime_ns), 1)
