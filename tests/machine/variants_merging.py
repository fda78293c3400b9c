"""Broken variants of merging, listing and sending: see `variants`."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

from syncd.core import merge
from syncd.core.decision import Decision
from syncd.core.writing import NotWritten
from syncd.engine.turns import buffers, combine
from syncd.files import swap, write
from syncd.files.folder import Folder
from syncd.ledger import answers, claimable
from syncd.ledger.conflicts import Conflicts
from syncd.ledger.ledger import Ledger
from syncd.stores import aware

from .faults import COUNTING, HARD, INTERRUPTED, MEDDLING, REMEMBERING
from .variants import Variant

_agree_with, _hear = answers._agree_with, Ledger.hear
_acknowledged: WeakKeyDictionary[Ledger, dict[Any, float]] = WeakKeyDictionary()


def _noting_when(self: Ledger, intent: Any, snapshot: Any, device: str, now: float) -> None:
    _acknowledged.setdefault(self, {})[intent.key] = asyncio.get_running_loop().time()
    _agree_with(self, intent, snapshot, device, now)


def _echo_by_time(self: Ledger, news: Any, cursor: Any) -> Any:
    when, now = _acknowledged.get(self, {}), asyncio.get_running_loop().time()
    fresh = [each for each in news if now - when.get(each.key, -9e9) > 1.0]
    return _hear(self, fresh, cursor)


def _expects_what_was_heard(self: Ledger, claim: Any) -> Any:
    claimed = self.outbox.claim(claim)
    heard = [self.entries.get(intent.key)[1] for intent in claimed]
    return [
        replace(intent, expect_revision=each.revision, expect_digest=each.digest)
        for intent, each in zip(claimed, heard, strict=True)
    ]


def _swapped_back_blindly(folder: Folder, note: Any, met: Any, swapped: Any) -> Any:
    folder.exchange(note.temporary, swap._name(note))
    return NotWritten()


def _always_written(root: Any, folder: Folder, note: Any, swapped: Any) -> Any:
    return swap._written(folder, note, note.expected, swapped)


def _moved_over(self: Folder, source: str, target: str) -> None:
    self.replace(source, target)


def _not_summed(decision: Decision, *_sides: Any) -> Decision:
    return decision


def _nothing(*_args: Any, **_kwargs: Any) -> None:
    return None


def _aware(_self: combine.Combiner, decision: Decision, *_: Any) -> Decision:
    return decision


VARIANTS = (
    Variant("equal increments not summed", ((combine, "_summed", _not_summed),), COUNTING),
    Variant("counters are not added", ((merge, "sum_counters", _nothing),), COUNTING),
    Variant("an unaware save is not listed", ((combine.Combiner, "_push", _aware),), REMEMBERING),
    Variant(
        "a save knew all but what the last save before it held",
        ((buffers.Buffers, "_former", lambda *_: ()),),
        REMEMBERING,
    ),
    Variant(
        "a save knew what lies beside its own lines",
        ((aware, "unread", lambda *_: False),),
        REMEMBERING,
    ),
    Variant(
        "a save knew all that was here before another program saved",
        ((buffers.Buffers, "_older", _nothing),),
        REMEMBERING,
    ),
    Variant("conflicts are not listed", ((Conflicts, "add", _nothing),)),
    Variant(
        "echo by time",
        ((answers, "_agree_with", _noting_when), (Ledger, "hear", _echo_by_time)),
        HARD,
    ),
    Variant(
        "expects what was heard",
        ((Ledger, "_claim", _expects_what_was_heard), (claimable, "_NEWS", "0")),
    ),
    Variant("swapped back blindly", ((swap, "_give_back", _swapped_back_blindly),), MEDDLING),
    Variant("moved over what is there", ((Folder, "move", _moved_over),), MEDDLING),
    Variant("recovery: always written", ((write, "recover_in", _always_written),), INTERRUPTED),
)
