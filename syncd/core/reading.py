"""What a look at one file can say. Pure: values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from syncd.core.model import Content, Hold


class Stat(NamedTuple):
    """What the file system says of a file without reading it. Times are nanoseconds.

    A tuple, because a scan makes one a file: a frozen dataclass took a quarter of its time.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


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


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The file is there and cannot be taken as it is: never a deletion, never overwritten."""

    hold: Hold


Reading = Found | Missing | Unsettled | Unreadable
