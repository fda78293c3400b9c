"""Broken variants of waiting, refusals and disks that fail or are slow: see `variants`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from syncd.core.decision import Decision
from syncd.core.writing import NotWritten
from syncd.engine.stops.pauses import Pauses
from syncd.engine.turns.decide import Turn
from syncd.files import folder, swap
from syncd.files.folder import Folder
from syncd.ledger import entries
from syncd.ledger.outbox import Outbox

from .faults import CHECKING, DAWDLING, FAILING, REFUSING, WAITING
from .sources import CALLS
from .variants import Variant

_claim = Outbox.claim

_ANY_BASE = ", ".join(
    f"{name} = excluded.{name}" for name in ("base_revision", "base_digest", "base_size")
)


def _flushed_again(self: Folder, name: str, body: bytes, _like: object) -> int:
    fd = CALLS.open(name, folder._CREATE, dir_fd=self.fd)
    try:
        folder.write_all(fd, body)
        with suppress(OSError):
            CALLS.fsync(fd)
        CALLS.fsync(fd)
        return CALLS.fstat(fd).st_ino
    finally:
        CALLS.close(fd)


def _never_at_work(_self: Pauses) -> bool:
    return False


def _never_waits(_self: Pauses) -> list[str]:
    return []


def _behind_what_is_parked(self: Outbox, *args: Any) -> Any:
    return [] if self.count().get("parked") else _claim(self, *args)


def _replaced_unchecked(_root: Any, opened: Folder, note: Any, swapped: Any) -> Any:
    fd = opened.open(swap._name(note))
    swapped.history.copy(opened, swap._name(note))
    opened.replace(note.temporary, swap._name(note))
    swapped.watch(fd, note.path, note.expected)
    return swap._written(opened, note, note.expected, swapped)


def _checked_once(root: Any, opened: Folder, note: Any, swapped: Any) -> Any:
    met = opened.look(swap._name(note))
    if met is None or met.digest != note.expected:
        return NotWritten()
    return _replaced_unchecked(root, opened, note, swapped)


def _all_of(_self: Turn, decisions: Sequence[Decision]) -> list[Decision]:
    return list(decisions)


VARIANTS = (
    Variant("a failed flush is tried again", ((Folder, "create", _flushed_again),), FAILING),
    Variant("git is not waited for", ((Pauses, "waiting", _never_waits),), WAITING),
    Variant("git is not waited for at rest", ((Pauses, "at_work", _never_at_work),), WAITING),
    Variant("what is parked blocks", ((Outbox, "claim", _behind_what_is_parked),), REFUSING),
    Variant(
        "written without a look before",
        ((swap, "_replace_checked", _replaced_unchecked),),
        CHECKING,
    ),
    Variant(
        "looked at once before a write", ((swap, "_replace_checked", _checked_once),), CHECKING
    ),
    Variant(
        "a turn takes an answer back",
        ((Turn, "standing", _all_of), (entries, "_NEWER_BASE", _ANY_BASE)),
        DAWDLING,
    ),
)
