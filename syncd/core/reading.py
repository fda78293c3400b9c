"""What a look at one file can say. Pure: values only."""

from __future__ import annotations

from dataclasses import dataclass
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


_LATEST: Final = 2**63 - 1
"""Nanoseconds: the year 2262. What file systems tell beyond is no number of SQLite's."""


def storable(time_ns: int) -> int:
    """The time, or the nearest one that the ledger can keep."""
    return max(-_LATEST, min(time_ns, _LATEST))


@dataclass(frozen=True, slots=True)
class Found:
    """A file, read whole between two equal stats. `body` is None for a payload: its bytes stay in
    the file, however many they are."""

    content: Content
    body: bytes | None
    stat: Stat


@dataclass(frozen=True, slots=True)
class Missing:
    """No file of that name under a root that is there. Not yet a tombstone: see `doubt`."""


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
