"""What a turn came to, written down. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from syncd.core.decision import Decision, Taken
from syncd.core.model import Content, Key, Reason, Tombstone
from syncd.ledger.events import Event

if TYPE_CHECKING:
    from syncd.ledger.ledger import Ledger


def commit(
    ledger: Ledger, decisions: Sequence[Decision], now: float, taken: Iterable[Taken]
) -> set[Key]:
    """Bases, queued rows, conflicts, holds and files; the keys whose hold is news."""
    fresh: set[Key] = set()
    held = {decision.key for decision in decisions if decision.plan.hold is not None}
    for each in taken:
        _take_over(ledger, each, now)
        if each.key not in held:
            ledger.attention.release(each.key.store, each.key.path)
    for decision in decisions:
        key, hold = decision.key, decision.plan.hold
        if hold is not None:
            if ledger.attention.hold(key.store, key.path, hold, now, key.record):
                fresh.add(key)
                ledger.events.add(Event(key, "held", now, detail=hold.detail))
        elif decision.capture:
            _capture(ledger, decision, now)
        else:
            _settle(ledger, decision, now)
    return fresh


def _take_over(ledger: Ledger, taken: Taken, now: float) -> None:
    ledger.places.record_file(taken.key.store, taken.key.path, taken.file)
    for digest, body in taken.bodies.items():
        ledger.contents.put(digest, body)
    for key, (local, authored) in taken.parts.items():
        ledger.records.keep(key, local)
        ledger.entries.author(key, authored.digest if isinstance(authored, Content) else None)
    for key, conflict in taken.conflicts:
        ledger.conflicts.add(key, conflict, ledger.entries.device_of(key), now)


def _capture(ledger: Ledger, decision: Decision, now: float) -> None:
    # The sent row is frozen and nothing is agreed until its answer; the newer save waits
    # behind it, durable, and takes its expectation from the base that the answer brings.
    if not decision.part:
        ledger.places.record_file(decision.key.store, decision.key.path, decision.file)
    ledger.carried.keep(decision.key, decision.started)
    if decision.plan.to_remote is not None:
        ledger.outbox.queue(decision, decision.plan.to_remote, now)
        if not decision.part:
            ledger.entries.author(decision.key, decision.file.digest if decision.file else None)
    else:
        ledger.outbox.drop(decision.key)


def _settle(ledger: Ledger, decision: Decision, now: float) -> None:
    key, plan = decision.key, decision.plan
    ledger.attention.release(key.store, key.path, key.record)
    if not decision.part:
        ledger.places.record_file(key.store, key.path, decision.file)
    if plan.reason is Reason.REWRITE:
        ledger.places.forget_note(key)
        return
    if plan.base is not None:
        ledger.entries.agree(key, plan.base)
    if isinstance(plan.to_remote or plan.to_local, Tombstone):
        ledger.carried.forget(key)
    ledger.carried.keep(key, decision.started)
    _keep_bytes(ledger, decision)
    if plan.to_remote is not None:
        ledger.outbox.queue(decision, plan.to_remote, now)
    else:
        ledger.outbox.drop(key)
    if decision.part:
        if plan.to_local is not None:
            ledger.records.keep(key, plan.to_local)
    elif plan.to_local is None and plan.reason is not Reason.NOTHING:
        ledger.entries.author(key, decision.file.digest if decision.file else None)
    _keep(ledger, decision, now)


def _keep_bytes(ledger: Ledger, decision: Decision) -> None:
    if decision.body is None:
        return
    if decision.part:
        if isinstance(decision.plan.to_local, Content):
            ledger.contents.put(decision.plan.to_local.digest, decision.body)
    elif decision.file is not None:
        ledger.contents.put(decision.file.digest, decision.body)


def _keep(ledger: Ledger, decision: Decision, now: float) -> None:
    key, plan = decision.key, decision.plan
    if plan.conflict is not None:
        ledger.conflicts.add(key, plan.conflict, ledger.entries.device_of(key), now)
    if decision.replaced is not None:
        ledger.past.replaced(key, decision.replaced, plan.reason, now)
    ledger.events.written(decision, ledger.entries.device_of(key), now)
    if not decision.part:
        ledger.places.forget_note(key)
