"""Writes a file for a person: what it held is in history first, and nobody's save is lost.

To everything else the write is an ordinary save: the next look at the file mirrors it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from syncd.core.decision import Write
from syncd.core.model import Digest, Hold
from syncd.core.reading import Found, Missing, Reading, Unreadable, Unsettled
from syncd.core.writing import Note, Writing, Written


class OpaqueFiles(Protocol):
    """One store's folder with its files taken for bytes: what is broken is what people restore."""

    def includes(self, path: str) -> bool:
        """Whether the store's patterns match `path`."""

    def scan(self) -> object:
        """Learn how names are spelled on disk."""

    def read(self, path: str) -> Reading:
        """Read one file."""

    def stage(self, writes: Sequence[Write]) -> list[Note | Hold | None]:
        """Put new bytes durably beside their files, and say what will be done."""

    def perform(self, notes: Sequence[Note]) -> list[Writing | Hold]:
        """Do what was noted, each if its file still is what was expected."""

    def discard(self, note: Note) -> None:
        """Clear the temporary name of a note."""


class KeptBytes(Protocol):
    """The history folder."""

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of `digest` are kept."""

    def get(self, digest: Digest) -> bytes:
        """The bytes of `digest`. Raises KeyError."""

    def put(self, body: bytes) -> Digest:
        """Keep `body`."""

    def sync(self) -> None:
        """Make everything kept so far durable."""


@dataclass(frozen=True, slots=True)
class Saved:
    """The file holds what was asked for. `former` is what it held before, which is in history."""

    former: Digest | None
    changed: bool


_SAVED_MEANWHILE: Final = Hold(
    "saved-meanwhile",
    "a program saved it, or has it open for writing, at this moment; it was left as it is",
    "look at the file, and do this again if it is still wanted",
)


async def save(
    files: OpaqueFiles, history: KeptBytes, path: str, body: bytes | None
) -> Saved | Hold:
    """Make the file at `path` hold `body`, durably; None: be gone.

    A hold tells that the file was left as it was.
    """
    return await asyncio.to_thread(_save, files, history, path, body)


def _save(files: OpaqueFiles, history: KeptBytes, path: str, body: bytes | None) -> Saved | Hold:
    if not path.isascii():
        files.scan()
    match files.read(path):
        case Unsettled(hold) | Unreadable(hold):
            return hold
        case Missing():
            former = None
        case Found(content, present):
            former = content.digest
            if present == body:
                return Saved(former, changed=False)
            history.put(present)
            history.sync()
    if former is None and body is None:
        return Saved(None, changed=False)
    return _write(files, Write(path, former, body))


def _write(files: OpaqueFiles, write: Write) -> Saved | Hold:
    (note,) = files.stage([write])
    if note is None or isinstance(note, Hold):
        return note or _SAVED_MEANWHILE
    # No note in the ledger: after a crash the file holds the one or the other, whole, and what
    # lies under the temporary name is retired into history by the next start.
    (result,) = files.perform([note])
    files.discard(note)
    if isinstance(result, Written):
        return Saved(write.expected, changed=True)
    return result if isinstance(result, Hold) else _SAVED_MEANWHILE
