"""One turn: the named keys are read, decided, written where told, and committed together.

The only place where a decision meets the world. Disk and ledger only, never the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

from syncd.core.decision import Decision, Taken, View
from syncd.core.flap import Flaps
from syncd.core.guard import RootState
from syncd.core.model import Key
from syncd.core.reading import Found, Missing, Reading
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.holding import obstructed, vanished
from syncd.engine.turns.closing import Closing
from syncd.engine.turns.decide import Decider, Turn
from syncd.engine.turns.losers import Losers
from syncd.engine.turns.merging import Merging, finished
from syncd.engine.turns.moves import Moves
from syncd.engine.turns.parts import FileTurn
from syncd.engine.turns.readings import Readings, linked
from syncd.engine.turns.renamed import Renamed, postponed, together
from syncd.engine.turns.rewrite import Rewrites
from syncd.engine.turns.splits import Splits
from syncd.engine.turns.writer import Performed, Writer
from syncd.ledger.ledger import Ledger
from syncd.stores.records import Split, split

PUT_OFF = 5.0
"""Seconds until a key is considered again for which the disk had no room."""

log = structlog.get_logger()

Amendment = Callable[[Reading, View], Sequence[Decision] | None]
"""What to do about a key as it is read and known now; None: not now."""


class Reconciler:
    """Considers keys, many at a time, one turn at a time."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._clock = clock
        self.flaps = Flaps()
        self.writer = Writer(ledger, stores, guards, clock)
        self._decider = Decider(ledger, stores, guards, clock)
        self._rewrites = Rewrites(ledger, stores, clock)
        self._splits = Splits(stores)
        self.readings = Readings(stores)
        self._moves = Moves(ledger, stores, clock)
        self._renamed = Renamed(ledger, stores, self._moves, self.readings, self.writer.unfinished)
        self._losers = Losers(ledger, stores, clock)
        self.closing = Closing(ledger, clock)
        self.between_turns = asyncio.Lock()
        """Held while a turn runs: what it has read must still be so when it commits."""
        self.began = False
        """Whether any turn did."""

    async def consider(self, keys: Sequence[Key]) -> Turn:
        """Bring `keys` nearer to agreement. Raises LedgerError; then nothing was recorded."""
        async with self._turn() as turn:
            units = list(dict.fromkeys(map(self.unit, keys)))
            await self._finish_writes(units, turn)
            readings = await self._read(units, turn)
            files = await self._decide_files(readings, turn)
            decisions = await self._decide(readings, files, turn)
            await self._carry_out(decisions, turn, files)
            await self._rewrite(files, turn)
            return turn

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Turn]:
        async with self.between_turns:
            self.began = True
            with self._ledger.outbox.claimable.noticed() as claimed:
                yield Turn(looked_ns=self._clock.read_ns(), claimed=claimed)

    async def _finish_writes(self, keys: Sequence[Key], turn: Turn) -> None:
        """Settle what an earlier turn began to write of `keys`, or a crash left."""
        if any(self.writer.unfinished(key) for key in keys):
            await self._recover(turn)
            # They are decided next: named too, a write that fails each time never came to rest.
            turn.again = [again for again in turn.again if again[0] not in keys]

    async def _read(self, keys: Sequence[Key], turn: Turn) -> dict[Key, Reading]:
        """What `keys` hold that may be decided about now; the rest is left to another turn."""
        ready = self._decidable(self._moves.together(keys))
        readings = await asyncio.to_thread(self.readings.first, ready, turn.slow)
        turn.again += [(key, 0.0) for key in ready if not (key in readings or key in turn.slow)]
        others = self._decidable(linked(self._ledger, readings))
        if others:  # Read here, and never named: two names that are held would name each other.
            readings |= await asyncio.to_thread(self.readings.first, others, turn.slow)
        return readings

    async def _decide(
        self, readings: Mapping[Key, Reading], files: Sequence[FileTurn], turn: Turn
    ) -> list[Decision]:
        """What to do about whole files, and about the records of `files`, as the guards let it."""
        wholes = {key: each for key, each in readings.items() if not self._has_records(key)}
        decisions = await self._decide_wholes(wholes, turn)
        decisions += [decision for file in files for decision in file.decisions]
        found = [key for key, each in {**readings, **wholes}.items() if isinstance(each, Found)]
        if self._guards.guarded:  # Thousands of keys, which only what waits is compared with.
            found += [Key(f.file.store, f.file.path, name) for f in files for name in f.there]
        return self._moves.paired(self._allowed(decisions, found))

    async def _decide_wholes(self, readings: dict[Key, Reading], turn: Turn) -> list[Decision]:
        """What to do about whole files. Adds to `readings` files that may have been renamed."""
        with self._ledger.moment():
            former = self._moves.former(readings, turn)
        others = {key for keys in former.values() for key in keys} - readings.keys()
        if others:  # A thread is asked only where it is needed: a single save waits for each.
            former_names = self._decidable(sorted(others))
            more = await asyncio.to_thread(self.readings.first, former_names, turn.slow)
            readings.update(more)
        gone = {key for key, reading in readings.items() if isinstance(reading, Missing)}
        with self._ledger.moment():
            views = self._ledger.views.of(readings)
        decided: list[Decision | Merging] = []
        for key in sorted(readings, key=lambda key: key not in gone):
            if self._moves.waits(key, gone.intersection(former.get(key, ())), turn):
                continue
            decision = self._decider.decide(key, readings[key], views[key], turn)
            if decision is not None:
                decided.append(decision)
        whole = [await finished(each) if isinstance(each, Merging) else each for each in decided]
        whole = await self._renamed.followed(whole, views, turn)
        return [each for each in whole if not self._moves.comes_later(each, turn)]

    def unit(self, key: Key) -> Key:
        """What is considered when `key` is named: of a record its file, once for all its keys."""
        return Key(key.store, key.path) if self._has_records(key) else key

    def _has_records(self, key: Key) -> bool:
        store = self._stores.get(key.store)
        return store is not None and store.pointer is not None

    def answered(self, keys: Sequence[Key]) -> list[Key]:
        """Those of `keys` of which nothing waits for its answer."""
        return [key for key in keys if self._ledger.view(key).sent is None]

    async def amend(self, key: Key, decide: Amendment) -> tuple[bool, Turn]:
        """Carry out what `decide` makes of `key` now; whether it could be, else nothing is done.

        For what no reading of files tells: see `late`. Raises LedgerError.
        """
        async with self._turn() as turn:
            if not self._guards.confirmed or not self._decidable([key]):
                return False, turn
            readings = await asyncio.to_thread(self.readings.first, [key], turn.slow)
            reading = readings.get(key)
            decided = decide(reading, self._ledger.view(key)) if reading is not None else None
            if decided is not None:
                await self._carry_out(decided, turn)
            return decided is not None, turn

    async def absorb(self, file: Key, body: bytes) -> bool:
        """Take up a save of a records file that is not in the file; False where not now."""
        async with self.between_turns:
            pointer = self._stores[file.store].pointer
            if pointer is None or not self._decidable([file]):
                return False
            await self._absorb(file, body, pointer)
            return True

    async def _absorb(self, file: Key, body: bytes, pointer: str) -> None:
        found = await asyncio.to_thread(split, body, pointer)
        if isinstance(found, Split):
            taken = self._decider.parts.saves.beside(file, found)
            await self._losers.keep([], [FileTurn(file, taken=taken)])
            self.closing.commit([], [taken])

    async def _met(self, performed: Performed) -> list[tuple[Key, float]]:
        """Take up the saves that the writing of records files met; the files to look at."""
        for file, kept in performed.contested:
            store = self._stores[file.store]
            for digest in kept:
                try:
                    body = await asyncio.to_thread(store.swapped.kept, digest)
                except OSError as error:
                    log.warning("save_not_taken_up", why=str(error), kept=f"in history, {digest}")
                    continue
                if body is not None and store.pointer is not None:
                    await self._absorb(file, body, store.pointer)
            # Only now: until then the note leads here again after a crash.
            self._ledger.abandon(file, kept, self._clock.now())
        return [(file, 0.0) for file, _ in performed.contested]

    async def recover(self, *, doubted: bool = False) -> list[Key]:
        """Finish what a crash left half done; the keys to consider after it. See Writer.recover."""
        async with self.between_turns:
            turn = Turn()
            await self._losers.catch_up()
            await self._recover(turn, doubted=doubted)
            return [key for key, _ in turn.again]

    async def _recover(self, turn: Turn, *, doubted: bool = False) -> None:
        # Of an old copy only those must be settled that are as they were: see exchange/epoch.py.
        performed = await self.writer.recover(doubted=doubted or not self._guards.confirmed)
        turn.again += [(key, 0.0) for key in performed.again] + await self._met(performed)
        await self._commit(performed.done, turn)

    def _allowed(self, decisions: Sequence[Decision], found: Sequence[Key]) -> list[Decision]:
        now = self._clock.monotonic()
        admitted = together(decisions, self._guards.admitted(decisions, found))
        going = {each.key for each in admitted}
        self.closing.looked_at(each for each in decisions if each.key not in going)
        return [self.flaps.judged(each, now) for each in admitted]

    async def _decide_files(self, readings: Mapping[Key, Reading], turn: Turn) -> list[FileTurn]:
        files: list[FileTurn] = []
        for key, reading in readings.items():
            if self._has_records(key):
                split = await asyncio.to_thread(self._splits.of, key, reading)
                file = await self._decider.decide_file(key, reading, split, turn)
                files += [file] if file is not None else []
        return files

    async def _rewrite(self, files: Sequence[FileTurn], turn: Turn) -> None:
        """Have records files hold what they are to hold, as far as that is due."""
        taken = [file for file in files if file.taken is not None]
        if not taken or not self._guards.confirmed:
            return
        writes, later = await self._rewrites.due(taken)
        turn.again += later
        if writes:
            performed = await self.writer.write(writes)
            turn.again += [(key, 0.0) for key in performed.again] + performed.later
            turn.again += await self._met(performed)
            for decision in performed.done:
                self._rewrites.wrote(decision.key)
            await self._commit(performed.done, turn)
            turn.again += obstructed(self._ledger, vanished(performed.done))

    async def _carry_out(
        self, decided: Sequence[Decision], turn: Turn, files: Sequence[FileTurn] = ()
    ) -> None:
        decisions = await self._losers.shelved(decided)
        if len(decisions) < len(decided):
            kept, later = {each.key for each in decisions}, self._clock.monotonic() + PUT_OFF
            turn.again += [(each.key, later) for each in decided if each.key not in kept]
        await self._losers.keep(decisions, files)
        # Of a move the new name comes first, and the former one goes only if that came about.
        done = await self._perform([each for each in decisions if each.target is None], turn)
        made = {each.operation for each in done if each.plan.hold is None}
        halves = [each for each in decisions if each.target is not None]
        turn.again += postponed(halves, decisions, made, turn)
        gone = await self._perform([each for each in halves if each.target in made], turn)
        taken = [file.taken for file in files if file.taken is not None and file.fresh]
        await self._commit(gone + done, turn, taken)
        absent = [file.file for file in files if file.taken is not None and file.state is None]
        turn.again += obstructed(self._ledger, vanished(gone + done) + absent)

    async def _perform(self, decisions: Sequence[Decision], turn: Turn) -> list[Decision]:
        """Write files where `decisions` say so; what is to be committed of it."""
        ours = [each for each in decisions if each.plan.to_local is not None and not each.part]
        performed = await self.writer.write(ours)
        turn.again += [(key, 0.0) for key in performed.again] + performed.later
        rest = [each for each in decisions if each.plan.to_local is None or each.part]
        return rest + performed.done

    async def _commit(
        self, decisions: Sequence[Decision], turn: Turn, taken: Sequence[Taken] = ()
    ) -> None:
        decisions = turn.standing(decisions)
        self.closing.commit(decisions, taken)
        await self.writer.clear()
        turn.queued |= any(decision.plan.to_remote is not None for decision in decisions)

    def _decidable(self, keys: Sequence[Key]) -> list[Key]:
        # A store that was never bootstrapped, or whose folder is away or another one, is scanned
        # whole once that ends: nothing is lost by passing its keys over now. (sim: turns in a
        # replaced folder pull edits into it and take their absence later for a deletion.)
        ready = {
            name
            for name in {key.store for key in keys} & self._stores.keys()
            if self._guards.roots.bootstrapped(name)
            and self._guards.root_state(name) is RootState.PRESENT
        }
        return [
            key
            for key in keys
            if key.store in ready
            and self._stores[key.store].includes(key.path)
            and not self.writer.unfinished(key)
        ]
