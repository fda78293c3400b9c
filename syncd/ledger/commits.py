"""What a turn came to, written down. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from syncd.core.decision import Decision, Taken
from syncd.core.direction import UNSENT
from syncd.core.model import Content, Digest, Key, Reason, Snapshot, Tombstone, Version
from syncd.core.settle import FEW
from syncd.ledger.events import Event

if TYPE_CHECKING:
    from syncd.ledger.ledger import Ledger


def commit(
    ledger: Ledger, decisions: Sequence[Decision], now: float, taken: Iterable[Taken]
) -> set[Key]:
    """Bases, queued rows, conflicts, holds and files; the keys whose hold is news."""
    held = [decision for decision in decisions if decision.plan.hold is not None]
    for each in taken:
        _take_over(ledger, each, now)
        if each.key not in {decision.key for decision in held}:
            ledger.attention.release_keys([each.key])
    for decision in held:
        if decision.plan.hold is not None and decision.plan.hold.reason in UNSENT:
            ledger.outbox.drop([decision.key])
    rest = [decision for decision in decisions if decision.plan.hold is None]
    settled = [decision for decision in rest if not decision.capture]
    # Of all keys at once: a statement for each costs several times as much.
    ledger.attention.release_keys(decision.key for decision in settled)
    ledger.places.record_files((each.key, each.file) for each in rest if not each.part)
    ledger.epochs.pulled(_pulled(settled))
    ledger.takeovers.record(each.key for each in rest if each.taken)
    bases, authored = dict(_bases(ledger, settled)), dict(_authored(rest))
    saved = {key: save for key, save in authored.items() if save is not None and key in bases}
    ledger.entries.agree(bases.items(), saved)
    for decision in settled:
        if decision.plan.reason is Reason.REWRITE:
            ledger.records.wrote(decision.key)
    bulk = sum(decision.plan.to_remote is not None for decision in rest) > FEW
    decided = [each for each in rest if each.capture or each.plan.reason is not Reason.REWRITE]
    dropped = ledger.outbox.drop(each.key for each in decided if each.plan.to_remote is None)
    ledger.authoring.author(_taken_back(ledger, settled, dropped))
    ledger.contents.put_all(dict(_agreed_bytes(decided)), soon=False)
    for decision in decided:
        # RACE: a sent row is frozen and nothing is agreed until its answer; the newer save waits
        # behind it, durable, and takes its expectation from the base that the answer brings.
        if not decision.capture:
            _settle(ledger, decision, now)
        if (conflict := decision.plan.conflict) is not None:
            author = ledger.entries.last_write(decision.key)[1]
            ledger.conflicts.add(decision.key, conflict, author, now)
        ledger.carried.keep(decision.key, decision.started)
    written = [each for each in decided if each.plan.to_local is not None and not each.capture]
    ledger.events.written(written, ledger.views.devices(each.key for each in written), now)
    ledger.outbox.queue(list(_queued(rest)), now, bulk=bulk)
    ledger.authoring.author((key, save) for key, save in authored.items() if key not in saved)
    ledger.authoring.wrote(_written(settled))
    ledger.forgetting.noted(decision.key for decision in settled if not decision.part)
    return {decision.key for decision in held if _hold(ledger, decision, now)}


def _hold(ledger: Ledger, decision: Decision, now: float) -> bool:
    key, hold = decision.key, decision.plan.hold
    if hold is None or not ledger.attention.hold(key.store, key.path, hold, now, key.record):
        return False
    ledger.events.add(Event(key, "held", now, detail=hold.detail))
    return True


def _bases(ledger: Ledger, settled: Sequence[Decision]) -> Iterator[tuple[Key, Snapshot]]:
    for decision in settled:
        key, base = decision.key, decision.plan.base
        if base is None or decision.plan.reason is Reason.REWRITE:
            continue
        # RACE: the file was new when something was merged into it; its creation was answered
        # while that was written.
        written = decision.plan.to_local is not None
        if written and not base.revision and ledger.entries.get(key)[0] is not None:
            continue
        yield key, base


def _pulled(settled: Sequence[Decision]) -> Iterator[tuple[Key, Digest]]:
    for decision in settled:
        pulled = decision.plan.reason is Reason.PULL and decision.plan.to_local
        if isinstance(pulled, Content):
            yield decision.key, pulled.digest


def _authored(decisions: Sequence[Decision]) -> Iterator[tuple[Key, Digest | None]]:
    """Of the files that hold what syncd did not write, that."""
    silent = (Reason.REWRITE, Reason.NOTHING)
    for decision in decisions:
        plan = decision.plan
        if decision.capture:
            saved = plan.to_remote is not None
        else:
            saved = plan.to_local is None and plan.reason not in silent
        # What was merged and is not sent yet is looked at again, and is no save either (sim).
        if saved and not decision.part and not decision.seen:
            yield decision.key, decision.file.digest if decision.file else None


def _taken_back(
    ledger: Ledger, settled: Sequence[Decision], dropped: Mapping[Key, str | None]
) -> Iterator[tuple[Key, Digest]]:
    """What files hold whose save was `dropped` unsent, as they hold again what was agreed on: their
    programs' last save. What waited was a program's too, not a merge of ours: nobody else took it
    back.
    """
    for decision in settled:
        key, file = decision.key, decision.file
        if decision.plan.reason is Reason.NOTHING and file is not None and not decision.part:
            waited = dropped.get(key)
            if waited is not None and waited == ledger.authoring.authored(key):
                yield key, file.digest


def _written(settled: Sequence[Decision]) -> Iterator[tuple[Key, Digest, Digest | None]]:
    """What any save of these files contains at least, where none was seen: what they were written
    over, which a program may hold, or what they were made with. And what was written, if anything.

    Not of records files: their parts are what programs save, and the key of the whole is one.
    """
    for decision in settled:
        local = decision.plan.to_local
        whole = not decision.part and decision.plan.reason is not Reason.REWRITE
        if whole and (local is not None or decision.seen) and decision.file is not None:
            wrote = local.digest if isinstance(local, Content) else None
            yield decision.key, decision.replaced or decision.file.digest, wrote


def _take_over(ledger: Ledger, taken: Taken, now: float) -> None:
    ledger.places.record_files([(taken.key, taken.file)])
    for digest, body in taken.bodies.items():
        ledger.contents.put(digest, body)
    for key, (local, _) in taken.parts.items():
        ledger.records.keep(key, local)
    ledger.records.met(taken.parts)
    ledger.authoring.author(
        (key, authored.digest if isinstance(authored, Content) else None)
        for key, (_, authored) in taken.parts.items()
    )
    for key, conflict in taken.conflicts:
        ledger.conflicts.add(key, conflict, ledger.entries.last_write(key)[1], now)


def _queued(decisions: Sequence[Decision]) -> Iterator[tuple[Decision, Version]]:
    for decision in decisions:
        sent = decision.plan.to_remote
        if sent is not None and (decision.capture or decision.plan.reason is not Reason.REWRITE):
            yield decision, sent


def _settle(ledger: Ledger, decision: Decision, now: float) -> None:
    key, plan = decision.key, decision.plan
    if isinstance(plan.to_remote or plan.to_local, Tombstone):
        ledger.carried.forget(key)
    if decision.part and plan.to_local is not None:
        ledger.records.keep(key, plan.to_local)
    if decision.replaced is not None:
        ledger.past.replaced(key, decision.replaced, plan.reason, now)


def _agreed_bytes(decided: Sequence[Decision]) -> Iterator[tuple[Digest, bytes]]:
    """What is on both sides by now, and not kept because it is queued."""
    for decision in decided:
        body, local = decision.body, decision.plan.to_local
        if body is None or decision.capture or decision.plan.to_remote is not None:
            continue
        if decision.part and isinstance(local, Content):
            yield local.digest, body
        elif not decision.part and decision.file is not None:
            yield decision.file.digest, body
