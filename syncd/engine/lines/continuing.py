"""Which new files go on with which logs: those in which the logs' tails lie. Reads files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from syncd.core.log import NOTHING, Extent, ToldLog
from syncd.core.reading import Stat
from syncd.engine.ports import LinesReplica

Met = tuple[str, Stat]
"""A file as a look found it, by its path."""


class Candidate(NamedTuple):
    """A log that a new file may go on with, if it also holds everything up to `end`."""

    told: ToldLog
    end: Extent


def match(
    folder: LinesReplica, fresh: Sequence[Met], candidates: Sequence[Candidate]
) -> list[tuple[Met, ToldLog]]:
    """The new files in which the tails of logs lie, each with the longest such log. Blocks."""
    rest, found = list(fresh), []
    wanted = [each for each in candidates if each.end != NOTHING]
    for told, end in sorted(wanted, key=lambda each: -each.end.length):
        for met in sorted(rest, key=lambda met: met[0] != told.path):
            if _holds_all(folder, met[1].inode, {told.extent, end}):
                found.append((met, told))
                rest.remove(met)
                break
    return found


def _holds_all(folder: LinesReplica, inode: int, extents: Iterable[Extent]) -> bool:
    return all(e == NOTHING or folder.holds(inode, e) for e in extents)
