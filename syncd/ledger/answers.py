"""What the deployment answered, written down. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

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
    Tombstone,
    Version,
)

if TYPE_CHECKING:
    from syncd.ledger.ledger import Ledger


@dataclass(slots=True)
class Acknowledged:
    """What answers leave to do.

    Keys to consider again, those of them to fetch first, the rows that were claimed with them,
    and whether the feed must be asked: it brings keys that are considered then, and not before.
    """

    named: list[Key] = field(default_factory=list)
    wanted: list[Key] = field(default_factory=list)
    claimed: list[Intent] = field(default_factory=list)
    coming: bool = False


def take(
    ledger: Ledger, answers: Iterable[tuple[Intent, Outcome]], device: str, now: float
) -> Acknowledged:
    """Bases, what is heard and the queue after `answers`; nothing is claimed.

    An operation applied while nothing else was heard of its key leaves nothing to consider:
    saves made meanwhile are queued already.
    """
    every = list(answers)
    applied = [(intent, each) for intent, each in every if isinstance(each, Applied)]
    taken = Acknowledged(_applied(ledger, applied, device, now))
    for intent, outcome in every:
        if isinstance(outcome, Applied):
            continue
        wanted = _take(ledger, intent, outcome, device, now)
        if wanted and _is_coming(ledger, intent, outcome):
            taken.coming = True
            continue
        taken.named.append(intent.key)
        if wanted:
            taken.wanted.append(intent.key)
    return taken


def _is_coming(ledger: Ledger, intent: Intent, outcome: Outcome) -> bool:
    """Whether the feed brings what the key is by now: it lies behind the cursor.

    Considered before that, the key would be sent again, and answered the same.
    """
    halved = intent.source is not None or intent.target is not None
    if not isinstance(outcome, Stale) or halved or ledger.passing.cursor is None:
        return False
    return outcome.current.at > int(ledger.passing.cursor)


def _applied(
    ledger: Ledger, answers: Sequence[tuple[Intent, Applied]], device: str, now: float
) -> list[Key]:
    """Take operations that were applied; the keys whose base is not what was heard last."""
    here = ledger.outbox.remove(intent.operation for intent, _ in answers)
    ours = [each for each in answers if each[0].operation in here]
    ledger.events.pushed([(intent, made.revision) for intent, made in ours], device, now)
    bases = [(i.key, Snapshot(made.revision, _version(i), made.at)) for i, made in ours]
    named = ledger.entries.acknowledge(bases, device)
    gone = (intent.key for intent, _ in answers if intent.operation not in here)
    return named + [key for key in gone if not ledger.view(key).agreed]


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
            ledger.outbox.remove([intent.operation])
            return ledger.entries.get(intent.key)[1] != current
        case Replayed(revision, current):
            at = current.at if current.revision == revision else 0
            _agree_with(ledger, intent, Snapshot(revision, _version(intent), at), device, now)
            return current.revision != revision


def _version(intent: Intent) -> Version:
    """What the deployment holds by it: of a move it knows where the content is now."""
    if intent.target is None:
        return intent.version
    return Tombstone(intent.expect_digest, intent.target.key.path)


def _agree_with(
    ledger: Ledger, intent: Intent, snapshot: Snapshot, device: str, now: float
) -> None:
    """Take `snapshot` of our own making for the base, and for what is heard where `at` tells."""
    if not ledger.outbox.remove([intent.operation]):
        return
    ledger.events.pushed([(intent, snapshot.revision)], device, now)
    if not snapshot.at:
        _, known = ledger.entries.get(intent.key)
        if known.revision < snapshot.revision:
            # A receipt does not tell when. It is later than what was heard of a lower
            # revision, which must not be taken for news about the new base (sim).
            snapshot = replace(snapshot, at=known.at)
        else:
            ledger.entries.acknowledge([(intent.key, snapshot)])
            return
    ledger.entries.acknowledge([(intent.key, snapshot)], device)
