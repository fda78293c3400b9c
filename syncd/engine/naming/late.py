"""Saves that came late: written into files that had just been taken out of the tree.

Such a program had opened the file before syncd replaced or removed it, so its save is a local
edit of that older version. It is merged into the file where that is certain; where the file was
removed for the deployment, it comes back. Otherwise it is listed as a conflict, whole.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from syncd.core.decision import UNREAD, Decision, FileState, View
from syncd.core.model import (
    INLINE_LIMIT,
    TOMBSTONE,
    Conflict,
    Content,
    Digest,
    Key,
    OperationId,
    Plan,
    Reason,
    Snapshot,
    Tombstone,
    Version,
)
from syncd.core.reading import Found, Missing, Obstructed, Reading
from syncd.core.wording import STATE_DISK, refusal
from syncd.core.writing import LateSave
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.turns.turn import Reconciler
from syncd.engine.waiting import whole, woken
from syncd.ledger.ledger import CONTESTED, Ledger
from syncd.stores.layout import kind_of
from syncd.stores.merge import Combined, merge, summed

EVERY = 1.0
"""Seconds between two questions whether anything is due, while anything is kept aside."""

SELDOM = 5.0
"""Seconds between two questions otherwise; what the engine writes wakes it at once."""

WHY = "late"
"""How the history index calls these bytes; by it a save is known that was told before a crash."""

log = structlog.get_logger()


class Late:
    """Asks each store for late saves, and brings them back into play."""

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        reconciler: Reconciler,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._reconciler = reconciler
        self._intake = intake
        self._clock = clock
        self._recorded: set[tuple[str, Digest]] = set()
        """Saves that are on record and were not released since, by mark and digest."""

    async def run(self) -> None:
        """Look again and again, until cancelled. Raises LedgerError."""
        wrote = self._reconciler.writer.wrote
        while True:
            # RACE: before the look: what is written during it may not be seen by it.
            wrote.clear()
            await self.look()
            if all(store.swapped.empty for store in self._stores.values()):
                await woken(wrote, SELDOM)
            else:
                await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Take up every late save there is; what cannot be decided now is told again."""
        for name, store in self._stores.items():
            # Mostly for nothing: neither a thread nor the folder is asked then.
            if store.swapped.empty or store.identity() is None:
                continue
            try:
                await self._look_at(name, store)
            except OSError as error:
                # The state folder's disk is full or failing: what was set aside stays so.
                log.warning("late_look_put_off", store=name, why=refusal(error), advice=STATE_DISK)

    async def _look_at(self, name: str, store: LocalReplica) -> None:
        for save in await asyncio.to_thread(store.swapped.due, self._clock.monotonic()):
            if await self._take_up(Key(name, save.path), store, save):
                await asyncio.to_thread(store.swapped.release, save)
                self._recorded.discard((save.mark, save.digest))

    async def _take_up(self, key: Key, store: LocalReplica, save: LateSave) -> bool:
        if self._is_on_record(key, save):
            return True
        if store.pointer is not None and save.body is not None:
            if self._ledger.past.known(key, save.digest, CONTESTED):
                return True  # Met by a write, and taken up with it: a newer save stands by now.
            # A save like any other, of a program that had the file open.
            if await whole(self._reconciler.absorb(key, save.body)):
                self._indexed(key, save)
                self._intake.name([key])
                return True
            return False
        if len(save.body or b"") > INLINE_LIMIT:
            save = replace(save, body=None, before=None)
        late = _Late(self._ledger, key, store, save, self._clock, self._recorded)
        done, turn = await whole(self._reconciler.amend(key, late.decide))
        self._intake.take_over(turn)
        if done:
            self._intake.name([key])
        return done

    def _is_on_record(self, key: Key, save: LateSave) -> bool:
        # The index does not tell one file that was taken out from another: a program may save the
        # same bytes into two of them, and means both.
        before = save.retold and self._ledger.past.known(key, save.digest, WHY)
        return before or (save.mark, save.digest) in self._recorded

    def _indexed(self, key: Key, save: LateSave) -> None:
        with self._ledger.transaction():
            self._ledger.past.replaced(key, save.digest, WHY, self._clock.now())


@dataclass(frozen=True, slots=True)
class _Late:
    """One late save, to be decided inside a turn."""

    ledger: Ledger
    key: Key
    store: LocalReplica
    save: LateSave
    clock: Clock
    recorded: set[tuple[str, Digest]]

    def decide(self, reading: Reading, view: View) -> list[Decision] | None:
        """What to do about it. None while the key itself has something to settle first."""
        if view.sent is not None or (view.base is not None and not view.agreed):
            return None
        match reading:
            case Found():
                return self._beside(reading, view)
            case Missing():
                return self._alone(view)
            case Obstructed():
                # It cannot be written, and nothing tells when it can: a person finds it listed.
                self._record(TOMBSTONE)
                return []
            case _:
                return None

    def _beside(self, found: Found, view: View) -> list[Decision]:
        body = self._merged(found) if self.store.way.merges else None
        if body == found.body and (body is not None or self._same(found)):
            # The file says all of it already.
            self._record(None)
            return []
        # On record before the file is written: told again after a crash, it is not added twice.
        self._record(found.content if found.content.digest != self.save.digest else None)
        if body is None or view.base is None:
            return []
        file = FileState(found.stat, found.content.digest, UNREAD)
        return [self._decision(view.base, body, file)]

    def _same(self, found: Found) -> bool:
        return found.content.digest == self.save.digest

    def _alone(self, view: View) -> list[Decision]:
        body = self.save.body
        if view.base is None or not isinstance(view.base.version, Tombstone) or body is None:
            # Deleted here since, by somebody who had seen the version that replaced it. A payload
            # is listed too: a person puts it back from history.
            self._record(TOMBSTONE)
            return []
        # An edit beats a deletion. Not on record before the commit: then the file is equal to it.
        return [self._decision(view.base, body, None)]

    def _merged(self, found: Found) -> bytes | None:
        save = self.save
        before = save.before or self.ledger.contents.get(save.base)
        format, kind = self.store.format(self.key.path), kind_of(self.store.kind, self.key.path)
        if self._same(found):
            return found.body and (summed(before, found.body, format, kind) or found.body)
        if before is None or save.body is None or found.body is None:
            return None
        merged = merge(before, found.body, save.body, format, kind)
        return merged.body if isinstance(merged, Combined) and not merged.clashes else None

    def _decision(self, base: Snapshot, body: bytes, file: FileState | None) -> Decision:
        content = Content.of(body)
        plan = Plan(Reason.MERGED, base=base, to_local=content, to_remote=content)
        operation = OperationId(secrets.token_hex(16))
        format = self.store.format(self.key.path)
        kind = kind_of(self.store.kind, self.key.path)
        return Decision(self.key, kind, format, plan, operation, file, body)

    def _record(self, beside: Version | None) -> None:
        """Index the save, and list it as a conflict with `beside`, the version in the file."""
        save, ledger, now = self.save, self.ledger, self.clock.now()
        with ledger.transaction():
            ledger.past.replaced(self.key, save.digest, WHY, now)
            if beside is not None:
                if save.body is not None:
                    ledger.contents.put(save.digest, save.body)
                base = Snapshot(0, Content(save.base, len(save.before or b"")))
                late = Snapshot(0, Content(save.digest, len(save.body or b"")))
                ledger.conflicts.add(self.key, Conflict(base, beside, late), None, now)
        self.recorded.add((save.mark, save.digest))
        log.warning("late_save", key=str(self.key), listed=beside is not None,
                    why="a program wrote into a file that had just been replaced")  # fmt: skip
