"""Which new files go on with which logs: those in which the logs' tails lie. Reads files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from syncd.core.log import NOTHING, Extent, Log, ToldLog
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


def holders(folder: LinesReplica, inodes: Set[int]) -> dict[int, int]:
    """By the former inodes of files that were copied with the state folder, the files that hold now
    what they held: one of the store's `inodes`, and then the copy goes; else the copy. Blocks.
    """
    found: dict[int, int] = {}
    for was, copy in folder.renumbered().items():
        end = folder.end(copy)
        found[was] = copy
        if copy not in inodes and end is not None and end != NOTHING:
            others = sorted(inodes - set(found.values()), key=lambda inode: inode != was)
            found[was] = next((each for each in others if folder.holds(each, end)), copy)
        if found[was] != copy:
            folder.release(copy)
    return found


def renumberings(found: Mapping[int, int], known: Set[int]) -> dict[int, int]:
    """Of the `known` inodes of logs those that another takes the place of, as `found` says, and
    that is no other log's. Pure."""
    moves = {was: now for was, now in found.items() if was in known and was != now}
    while clash := {was for was, now in moves.items() if now in known - moves.keys()}:
        moves = {was: now for was, now in moves.items() if was not in clash}
    return moves


def tails(logs: Iterable[Log]) -> dict[int, set[str]]:
    """Where `logs` end: by length, so that a file is opened and read once for thousands. Pure."""
    found: dict[int, set[str]] = {}
    for end in (each.furthest for each in logs if each.furthest != NOTHING):
        found.setdefault(end.length, set()).add(end.tail)
    return found


def _holds_all(folder: LinesReplica, inode: int, extents: Iterable[Extent]) -> bool:
    return all(e == NOTHING or folder.holds(inode, e) for e in extents)
