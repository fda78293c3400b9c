"""Logs as values: how far one goes, what is added to it, and what a look at its file can say.

A log is the life of one file that only grows: its *generation*. It is told by the bytes of whole
lines; an *extent* says how many and, by the digest of the last of them, which. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from syncd.core.model import Kind, Refused


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a log goes: `length` bytes of its file; `tail` is a digest, see `stores.lines`."""

    length: int
    tail: str


NOTHING: Final = Extent(0, "")
"""The extent of a log that no line was added to."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. `flag` says why `text` is not quite what the file holds."""

    text: str
    flag: Literal["cut", "not-text"] | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Whole lines behind an extent, and the extent behind them.

    `size` is the file's; `more` says that there may be further whole lines.
    """

    lines: tuple[Line, ...]
    extent: Extent
    size: int
    more: bool


@dataclass(frozen=True, slots=True)
class Parted:
    """The file does not go on from an extent: it is shorter, or holds something else there."""


@dataclass(frozen=True, slots=True)
class Gone:
    """Nothing leads to the file any more, or it cannot be read now."""


@dataclass(frozen=True, slots=True)
class Log:
    """A log as the ledger knows it: `path` is its file's first name, `extent` is acknowledged.

    `whole` is where the last whole line ended that was seen in the file: up to there lines wait.
    `tried` is the extent of the first append: until it is answered, the log may go so far.
    """

    store: str
    generation: str
    path: str
    inode: int
    extent: Extent
    whole: int
    tried: Extent = NOTHING

    @property
    def furthest(self) -> Extent:
        """How far the deployment's log may go at least, as far as is known here."""
        return self.tried if self.extent == NOTHING else self.extent


@dataclass(frozen=True, slots=True)
class ToldLog:
    """A log as the deployment tells it."""

    generation: str
    path: str
    extent: Extent


@dataclass(frozen=True, slots=True)
class Append:
    """Add `lines` to a log that goes as far as `expect`; then it goes as far as `next`."""

    store: str
    path: str
    generation: str
    kind: Kind
    expect: Extent
    next: Extent
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Appended:
    """The lines are there."""

    extent: Extent


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The log goes another way; nothing was added."""

    extent: Extent


Answer = Appended | Mismatch | Refused
