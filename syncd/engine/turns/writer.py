"""Carries plans out on files: staged, noted, performed, looked at; and after a crash, recovered.

The note is in the ledger from before a file is touched until the commit of what came of it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from syncd.core.decision import UNREAD, Decision, FileState, Write
from syncd.core.doubt import Doubts
from syncd.core.guard import Direction
from syncd.core.model import (
    TOMBSTONE,
    Content,
    Digest,
    Hold,
    Key,
    OperationId,
    Plan,
    Reason,
    Snapshot,
)
from syncd.core.wording import STATE_DISK, refusal
from syncd.core.writing import Busy, Contested, Note, NotWritten, Writing, Written
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.stops.guards import Guards
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import kind_of

log = structlog.get_logger()


@dataclass(slots=True)
class Performed:
    """What came of writes: decisions to commit, and keys to look at again, at once or `later`.

    `contested`: records files and the saves that their writing met, which nobody knows of yet.
    """

    done: list[Decision] = field(default_factory=list)
    again: list[Key] = field(default_factory=list)
    later: list[tuple[Key, float]] = field(default_factory=list)
    contested: list[tuple[Key, tuple[Digest, ...]]] = field(default_factory=list)


class Writer:
    """Writes and removes files as decided, and remembers what is not finished."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._clock = clock
        self._unfinished = _noted(ledger)
        self._leftovers: dict[str, list[Note]] = {}
        self._doubts = Doubts()
        self.wrote = asyncio.Event()
        """Set with every write: what it replaced is kept aside for a while."""

    async def write(self, decisions: Sequence[Decision]) -> Performed:
        """Carry out the `to_local` of each decision."""
        performed = Performed()
        for name in sorted({decision.key.store for decision in decisions}):
            of_store = [decision for decision in decisions if decision.key.store == name]
            await self._write_store(self._stores[name], of_store, performed)
        return performed

    async def clear(self) -> None:
        """Clear temporary names whose notes the last commit removed."""
        leftovers, self._leftovers = self._leftovers, {}
        for store, notes in leftovers.items():  # A thread for each file cost as much as the commit.
            await asyncio.to_thread(self._stores[store].discard, notes)

    async def recover(self, *, doubted: bool) -> Performed:
        """Decide about everything that a crash or a failed write left noted.

        `doubted`: the ledger may be an old copy, so only what nobody can have finished since.
        """
        performed = Performed()
        noted = {key for key, _, _ in self._ledger.notes()}
        self._unfinished = {key: each for key, each in self._unfinished.items() if key in noted}
        for key, (note, base) in list(self._unfinished.items()):
            store = self._stores.get(key.store)
            if store is None or store.identity() is None:
                continue
            result = await asyncio.to_thread(store.recover, note, doubted=doubted)
            self.wrote.set()
            if isinstance(result, Hold):
                continue
            del self._unfinished[key]
            log.info("recovered_note", key=str(key), outcome=type(result).__name__)
            await self._keep_expected(store, note, result)
            decision = self._from_note(store, key, note, base)
            self._settle(decision, note, result, performed)
            performed.again.append(key)
        return performed

    def unfinished(self, key: Key) -> bool:
        """Whether a noted write of `key` waits to be recovered, so that it must not be touched."""
        return key in self._unfinished

    def reload(self) -> None:
        """What waits to be recovered is what the ledger notes by now."""
        self._unfinished = _noted(self._ledger)

    async def _write_store(
        self, store: LocalReplica, decisions: Sequence[Decision], performed: Performed
    ) -> None:
        staged = await asyncio.to_thread(store.stage, [_to_write(each) for each in decisions])
        noted: list[tuple[Decision, Note]] = []
        # Once for all, for it looks at the folder: none of them is touched before all are noted.
        waits = any(isinstance(each, Note) and each.digest is None for each in staged) and (
            self._guards.holds_back(decisions[0].key.store, Direction.TO_LOCAL)
        )
        for decision, result in zip(decisions, staged, strict=True):
            match result:
                case Note(digest=None) if waits:
                    # Nothing was touched yet; decided anew, it is listed as waiting.
                    performed.again.append(decision.key)
                case Note():
                    noted.append((decision, result))
                case Hold():
                    performed.done.append(_held(decision, result))
                case None:
                    performed.again.append(decision.key)
        self._ledger.note(
            [(d.key, note, d.plan.base, d.plan.conflict) for d, note in noted],
            self._clock.now(),
        )
        results = await asyncio.to_thread(store.perform, [note for _, note in noted])
        self.wrote.set()
        for (decision, note), outcome in zip(noted, results, strict=True):
            if isinstance(outcome, Hold):
                self._unfinished[decision.key] = (note, decision.plan.base)
                performed.done.append(_held(decision, outcome))
            else:
                await self._keep_expected(store, note, outcome)
                self._settle(decision, note, outcome, performed)

    async def _keep_expected(self, store: LocalReplica, note: Note, result: Writing) -> None:
        # A save of the very bytes that were written came out instead of what was expected: it
        # was made from that, and is told from a second increment by it.
        met = isinstance(result, Written) and result.replaced is None and note.expected
        body = self._ledger.contents.get(note.expected) if met and note.expected else None
        if body is None:
            return
        try:
            await asyncio.to_thread(store.swapped.keep, body)
        except OSError as error:
            log.warning("expected_not_kept", path=note.path, why=refusal(error), advice=STATE_DISK)

    def _settle(
        self, decision: Decision, note: Note, result: Writing, performed: Performed
    ) -> None:
        key = decision.key
        self._leftovers.setdefault(key.store, []).append(note)
        match result:
            case Written(stat, replaced):
                file = None
                if stat is not None and note.digest is not None:
                    # RACE: a save may have met it before its stat was taken, or leave the same.
                    file = FileState(stat, note.digest, UNREAD)
                elif note.digest is not None:
                    performed.again.append(key)
                performed.done.append(replace(decision, file=file, replaced=replaced))
                self._doubts.certain(key)
                return
            case Busy(hold):
                self._put_off(decision, hold, performed)
                return
            case Contested():
                # The base stays as it was: the newest save did not know the remote version,
                # so the next turn lists that as a conflict instead of sending over it silently.
                log.warning("contested", key=str(key), kept="both saves")
            case NotWritten():
                log.info("write_put_off", key=str(key), why="a save came first")
        kept = result.kept if isinstance(result, Contested) else ()
        if kept and decision.plan.reason is Reason.REWRITE:
            performed.contested.append((key, kept))
            return
        self._ledger.abandon(key, kept, self._clock.now())
        performed.again.append(key)

    def _put_off(self, decision: Decision, hold: Hold, performed: Performed) -> None:
        # Its closing names the key too; trying again is for a program that is killed.
        key, now = decision.key, self._clock.monotonic()
        self._ledger.abandon(key, (), self._clock.now())
        when = self._doubts.unsettled(key, now)
        if when is None:
            performed.done.append(_held(decision, hold))
        else:
            performed.later.append((key, when))

    def _from_note(
        self, store: LocalReplica, key: Key, note: Note, base: Snapshot | None
    ) -> Decision:
        if base is not None:
            plan = Plan(Reason.PULL, base=base, to_local=base.version)
        else:
            written = Content(note.digest, 0) if note.digest is not None else TOMBSTONE
            plan = Plan(Reason.REWRITE, base=None, to_local=written)
        operation = OperationId(secrets.token_hex(16))
        format = store.format(key.path)
        return Decision(key, kind_of(store.kind, key.path), format, plan, operation, file=None)


def _noted(ledger: Ledger) -> dict[Key, tuple[Note, Snapshot | None]]:
    return {key: (note, base) for key, note, base in ledger.notes()}


def _held(decision: Decision, hold: Hold) -> Decision:
    return replace(decision, plan=Plan(Reason.HELD, None, hold=hold), body=None)


def _to_write(decision: Decision) -> Write:
    expected = decision.file.digest if decision.file else None
    wanted = decision.plan.to_local
    payload = wanted.digest if isinstance(wanted, Content) and decision.body is None else None
    return Write(decision.key.path, expected, decision.body, payload)
