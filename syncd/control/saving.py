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

    @property
    def transit(self) -> Transit:
        """Its payloads."""

    def stage(self, writes: Sequence[Write]) -> list[Note | Hold | None]:
        """Put new bytes durably beside their files, and say what will be done."""

    def perform(self, notes: Sequence[Note]) -> list[Writing | Hold]:
        """Do what was noted, each if its file still is what was expected."""

    def discard(self, notes: Sequence[Note]) -> None:
        """Clear the temporary names of notes."""


class Transit(Protocol):
    """The payloads of one store."""

    def keep(self, path: str) -> Digest | Hold:
        """Put a copy of a file into history, durably."""

    def prepare(self, path: str, digest: Digest, *, move: bool) -> Hold | None:
        """Put a copy of a payload beside a file. Raises ValueError and FileNotFoundError."""


Body = bytes | Digest | None
"""What a file is to hold: bytes, or a payload that is in history; None: be gone."""


class KeptBytes(Protocol):
    """The history folder."""

    def size(self, digest: Digest) -> int | None:
        """How many bytes are kept under `digest`, None for nothing."""

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
    files: OpaqueFiles, history: KeptBytes, wanted: Sequence[tuple[str, Body]]
) -> list[Saved | Hold]:
    """Make the files at these paths hold these bodies, durably; None: be gone. No path comes twice.

    A hold tells that the file was left as it was, and keeps no other from what is wanted of it.
    """
    return await asyncio.to_thread(_save, files, history, wanted)


def _save(
    files: OpaqueFiles, history: KeptBytes, wanted: Sequence[tuple[str, Body]]
) -> list[Saved | Hold]:
    if not all(path.isascii() for path, _ in wanted):
        files.scan()
    prepared = [_prepared(files, history, path, body) for path, body in wanted]
    if full := _synced(history):
        prepared = [full if isinstance(each, Write) else each for each in prepared]
    written = iter(_written(files, [each for each in prepared if isinstance(each, Write)]))
    return [next(written) if isinstance(each, Write) else each for each in prepared]


def _prepared(
    files: OpaqueFiles, history: KeptBytes, path: str, body: Body
) -> Write | Saved | Hold:
    """What is to be written, now that what the file holds is kept; or what came of it already."""
    match files.read(path):
        case Unsettled(hold) | Unreadable(hold):
            return hold
        case Missing():
            former = None
        case Found(content, present):
            former = content.digest
            if body is not None and body in (present, former):
                return Saved(former, changed=False)
            if refused := _keep(files, history, path, present):
                return refused
    if former is None and body is None:
        return Saved(None, changed=False)
    if isinstance(body, str):
        return _with_payload(files, path, former, body)
    return Write(path, former, body)


def _with_payload(
    files: OpaqueFiles, path: str, former: Digest | None, body: Digest
) -> Write | Hold:
    """The write of a payload, of which a copy lies beside the file now."""
    try:
        refused = files.transit.prepare(path, body, move=False)
    except (ValueError, FileNotFoundError) as damaged:
        return Hold("damaged", f"what is kept is not whole any more ({damaged})",
                    "choose another version")  # fmt: skip
    except OSError as error:
        return _unkept(error)
    return refused or Write(path, former, None, body)


def _keep(files: OpaqueFiles, history: KeptBytes, path: str, present: bytes | None) -> Hold | None:
    try:
        kept = history.put(present) if present is not None else files.transit.keep(path)
    except OSError as error:
        return _unkept(error)
    return kept if isinstance(kept, Hold) else None


def _synced(history: KeptBytes) -> Hold | None:
    try:
        history.sync()
    except OSError as error:
        return _unkept(error)
    return None


def _unkept(error: OSError) -> Hold:
    why = error.strerror or type(error).__name__
    return Hold("no-room", f"what it holds cannot be kept in history first: {why}",
                "make room on the disk of the state folder")  # fmt: skip


def _written(files: OpaqueFiles, writes: Sequence[Write]) -> list[Saved | Hold]:
    staged = files.stage(writes)
    # No note in the ledger: after a crash a file holds the one or the other, whole, and what
    # lies under the temporary name is retired into history by the next start.
    notes = [each for each in staged if isinstance(each, Note)]
    performed = iter(files.perform(notes))
    files.discard(notes)
    came = [next(performed) if isinstance(each, Note) else each for each in staged]
    return [_came_of(write, each) for write, each in zip(writes, came, strict=True)]


def _came_of(write: Write, result: Writing | Hold | None) -> Saved | Hold:
    if isinstance(result, Written):
        return Saved(write.expected, changed=True)
    return result if isinstance(result, Hold) else _SAVED_MEANWHILE
