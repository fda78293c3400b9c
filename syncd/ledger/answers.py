"""What the deployment answered, written down. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from syncd.core.decision import Heard
from syncd.core.model import (
    MISSING_BLOB,
    Applied,
    Intent,
    Key,
    Outcome,
    Refused,
    Replayed,
    Snapshot,
    Stale,
)

if TYPE_CHECKING:
    from syncd.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What answers leave to do: keys to consider again, those of them to fetch first, and the
    rows that were claimed with them."""

    named: list[Key]
    wanted: list[Key]
    claimed: list[Intent]


def take(
    ledger: Ledger, answers: Iterable[tuple[Intent, Outcome]], device: str, now: float
) -> tuple[list[Key], list[Key]]:
    """Bases, what is heard and the queue after `answers`: keys to consider, and to fetch first.

    An operation applied while nothing else was heard of its key leaves nothing to consider:
    saves made meanwhile are queued already.
    """
    named: list[Key] = []
    wanted: list[Key] = []
    for intent, outcome in answers:
        if isinstance(outcome, Applied):
            if not _applied(ledger, intent, outcome, device, now):
                named.append(intent.key)
            continue
        named.append(intent.key)
        if _take(ledger, intent, outcome, device, now):
            wanted.append(intent.key)
    return named, wanted


def _applied(ledger: Ledger, intent: Intent, applied: Applied, device: str, now: float) -> bool:
    """Take an operation that was applied; whether base and what was heard are one by that."""
    snapshot = Snapshot(applied.revision, intent.version, applied.at)
    if _agree_with(ledger, intent, snapshot, device, now):
        return True
    base, remote = ledger.entries.get(intent.key)
    return base == remote


def _take(
    ledger: Ledger, intent: Intent, outcome: Replayed | Stale | Refused, device: str, now: float
) -> bool:
    """Whether the key's current snapshot must be fetched before it is considered."""
    match outcome:
        case Refused(reason) if reason == MISSING_BLOB:
            ledger.uploads.lacking(intent)
            return False
        case Refused():
            if ledger.outbox.park(intent, outcome):
                ledger.events.parked(intent, outcome, now)
            return False
        case Stale(current):
            ledger.outbox.remove(intent.operation)
            return ledger.entries.get(intent.key)[1] != current
        case Replayed(revision, current):
            at = current.at if current.revision == revision else 0
            _agree_with(ledger, intent, Snapshot(revision, intent.version, at), device, now)
            return current.revision != revision


def _agree_with(
    ledger: Ledger, intent: Intent, snapshot: Snapshot, device: str, now: float
) -> bool:
    """Take `snapshot` of our own making for the base; whether it also is what is now heard."""
    if not ledger.outbox.remove(intent.operation):
        return False
    ledger.events.pushed(intent, snapshot.revision, device, now)
    if not snapshot.at:
        _, known = ledger.entries.get(intent.key)
        if known.revision < snapshot.revision:
            # A receipt does not tell when. It is later than what was heard of a lower
            # revision, which must not be taken for news about the new base (sim).
            snapshot = replace(snapshot, at=known.at)
        else:
            ledger.entries.acknowledge(intent.key, snapshot)
            return False
    ledger.entries.acknowledge(intent.key, snapshot)
    return ledger.entries.hear(Heard(intent.key, snapshot, device, None))
