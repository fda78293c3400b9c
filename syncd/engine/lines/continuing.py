"""Which new files go on with which logs: those in which the logs' tails lie. Reads files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
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


class Live:
    """The logs of a store, by which a file that is just being copied from one is known."""

    def __init__(self, folder: LinesReplica, logs: Collection[Log]) -> None:
        self._folder = folder
        self._ends: dict[int, set[str]] = {}
        """Where they end: by length, so that a file is opened and read once for thousands."""
        self._named: dict[str, list[int]] = {}
        """Inodes of their files, by path."""
        self._stems: dict[str, list[int]] = {}
        """The same, by path without its ending."""
        for each in logs:
            if (end := each.furthest) != NOTHING:
                self._ends.setdefault(end.length, set()).add(end.tail)
            self._named.setdefault(each.path, []).append(each.inode)
            self._stems.setdefault(_stem(each.path), []).append(each.inode)

    def copied_to(self, met: Met) -> bool:
        """Whether it holds all that a log does, or is the first part of one so far. Blocks."""
        path, stat = met
        if self._folder.holds_any(stat.inode, self._ends):
            return True
        # One that is emptied and goes on, under the name it had, is no copy.
        names = list(_beginnings(path)) if path not in self._named else []
        named = [inode for name in names for inode in self._named.get(name, ())]
        near = named + [inode for name in names for inode in self._stems.get(name, ())]
        end = self._folder.end(stat.inode) if near else None
        if end == NOTHING:
            # Only its name tells so far. One that begins as a stem does may be a log of its own:
            # that is followed at once, since it may be moved away.
            return bool(named)
        return end is not None and any(self._folder.holds(inode, end) for inode in near)


def _stem(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + (name.rpartition(".")[0] or name)


def _beginnings(path: str) -> Iterator[str]:
    """Paths that one which rotates by copying may have made `path` of: `run.jsonl` of
    `run.jsonl.1`, and `run` of `run-2026.jsonl`.
    """
    name = path.rfind("/") + 1
    for place in range(name + 1, len(path)):
        if path[place] in ".-_":
            yield path[:place]


def _holds_all(folder: LinesReplica, inode: int, extents: Iterable[Extent]) -> bool:
    return all(e == NOTHING or folder.holds(inode, e) for e in extents)
