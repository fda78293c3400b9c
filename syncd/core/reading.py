"""What a look at one file can say. Pure: values only."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from struct import Struct, error
from typing import Final, NamedTuple

from syncd.core.model import Content, Hold


class Stat(NamedTuple):
    """What the file system says of a file without reading it. Times are nanoseconds.

    A tuple, because a scan makes one a file: a frozen dataclass took a quarter of its time.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


_STAT: Final = Struct("<qqqQ")

_LATEST: Final = 2**63 - 1
"""Nanoseconds: the year 2262. What file systems tell beyond is no number of SQLite's."""


def storable(time_ns: int) -> int:
    """The time, or the nearest one that the ledger can keep."""
    return max(-_LATEST, min(time_ns, _LATEST))


class Stats(MutableMapping[str, Stat]):
    """The stats of the files of a store by path, packed: as tuples they took three times as much,
    and the collector of cycles looked through all of them.
    """

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def take(self, path: str, size: int, mtime_ns: int, ctime_ns: int, inode: int) -> None:
        """Put a stat: the way that a scan can afford."""
        try:
            self._packed[path] = _STAT.pack(size, mtime_ns, ctime_ns, inode)
        except error:
            self._packed[path] = _STAT.pack(size, storable(mtime_ns), storable(ctime_ns), inode)

    def same(self, path: str, stat: tuple[int, int, int, int]) -> bool | None:
        """Whether the file has this stat; None where there is none."""
        met = self._packed.get(path)
        return None if met is None else met == _STAT.pack(*stat)

    def __getitem__(self, path: str) -> Stat:
        return Stat(*_STAT.unpack(self._packed[path]))

    def __setitem__(self, path: str, stat: Stat) -> None:
        self.take(path, *stat)

    def __delitem__(self, path: str) -> None:
        del self._packed[path]

    def __contains__(self, path: object) -> bool:
        return path in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)


@dataclass(frozen=True, slots=True)
class Found:
    """A file, read whole between two equal stats. `body` is None for a payload: its bytes stay in
    the file, however many they are."""

    content: Content
    body: bytes | None
    stat: Stat


@dataclass(frozen=True, slots=True)
class Missing:
    """No file of that name under a root that is there. Not yet a tombstone: see settle."""


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The file was being written, or does not parse yet; look again in a moment."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class Slow(Unsettled):
    """A file that takes long to read, for who asked not to wait: it is to be read apart."""

    stat: Stat


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The file is there and cannot be taken as it is: never a deletion, never overwritten."""

    hold: Hold


@dataclass(frozen=True, slots=True)
class Obstructed(Unreadable):
    """No file is there, nor can one be: a folder with something in it has its name, or a file that
    of its folder. Nothing there was to be read: it is a deletion, unless there is news of it."""


Reading = Found | Missing | Unsettled | Unreadable
