"""What a write to one file starts from and what came of it. Pure: values and one error."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.model import Digest, Hold
from syncd.core.reading import Stat


@dataclass(frozen=True, slots=True)
class Note:
    """What is committed to the ledger before a file is touched, and removed by the commit after.

    `temporary` is a name in the same folder as `path`. `inode` is that of the staged bytes; for
    a removal, that of the file to go. `expected` is the digest the file must still have, None
    where no file may be; `digest` is what is to be written, None for a removal. `folder` is the
    inode of the folder, None where that was not noted.
    """

    path: str
    temporary: str
    inode: int
    expected: Digest | None
    digest: Digest | None
    folder: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The file was what the note expected and is now what the note says; the old bytes, of
    digest `replaced`, are in history. `stat` is None for a removal, and where a later save
    already took the name: then the write happened and the file is to be read again.
    """

    stat: Stat | None
    replaced: Digest | None


@dataclass(frozen=True, slots=True)
class NotWritten:
    """The file was not what the note expected and is as if it had not been touched: read it."""


@dataclass(frozen=True, slots=True)
class Contested:
    """The write happened and was saved over at once, by a save that did not know it.

    The file holds the newest save. The save that the write had met is in history, `kept`.
    """

    kept: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Busy:
    """A program has the file open for writing, and nothing was touched: try again in a moment.

    `hold` is for the key once trying again has not helped.
    """

    hold: Hold


Writing = Written | NotWritten | Contested | Busy


@dataclass(frozen=True, slots=True)
class LateSave:
    """What a program wrote into a file that syncd had taken out of the tree before.

    The program had started from the version `base`, whose bytes are `before` (None: not known
    any more). `mark` names the file that was taken out. `body` is None for a payload, which is in
    history. `retold`: an earlier run may have told of this save, and had it taken up.
    """

    path: str
    base: Digest
    before: bytes | None
    digest: Digest
    body: bytes | None
    mark: str
    retold: bool = False


class WriteFailed(Exception):
    """A write could not be staged; nothing was changed and nothing is left of it."""

    def __init__(self, path: str, hold: Hold) -> None:
        super().__init__(f"{path}: {hold.detail} ({hold.reason}); {hold.advice}")
        self.path = path
        self.hold = hold
