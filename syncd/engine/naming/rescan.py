"""Truth about files: every store is walked at start, on demand, and every few minutes.

A walk costs a stat a file. Only files whose stat is not what it was when they were last read
are named, and those that are missing, and whatever earlier turns left unfinished.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Set
from typing import TypeAlias

import structlog

from syncd.core.guard import Direction
from syncd.core.model import NEVER, Digest, Key
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import Clock, LocalReplica, Seen
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.holding import hold_found
from syncd.engine.waiting import woken
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import unsafe

INTERVAL = 300.0
"""Seconds between two walks of everything, give or take a fifth."""

GUARDED = 5.0
"""Seconds between two walks of a store whose deletions wait: files put back must be seen soon."""

SHARE, RARELY = 20, 60.0
"""And at least so many times what the last ones took, up to so many seconds: deletions may wait
for days, and each walk of 100,000 files takes seconds."""

log = structlog.get_logger()

_Unfinished: TypeAlias = tuple[list[Key], dict[Key, Digest]]


class Rescan:
    """Walks stores and names the keys that need a look."""

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        guards: Guards,
        intake: Intake,
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._intake = intake
        self._clock = clock
        self._requested: set[str] = set()
        self._wakened = asyncio.Event()
        self._walk = asyncio.Lock()
        guards.connect(self.request)

    def request(self, store: str) -> None:
        """Walk `store` soon."""
        self._requested.add(store)
        self._wakened.set()

    async def run(self) -> None:
        """Walk what is requested, and everything at intervals, until cancelled."""
        # Each has its time, whatever is requested meanwhile: a store that is polled always is.
        whole, soon = self._clock.monotonic() + interval(), 0.0
        while True:
            due = min(whole, soon) if self._guards.guarded else whole
            await woken(self._wakened, max(0.0, due - self._clock.monotonic()))
            self._wakened.clear()
            stores, self._requested = self._requested, set()
            now = self._clock.monotonic()
            guarded = self._guards.guarded if now >= soon else set()
            stores |= guarded
            if now >= whole:
                stores, whole = set(self._stores), now + interval()
            for store in sorted(stores):
                await self.scan(store)
            if guarded:
                ended = self._clock.monotonic()
                soon = ended + max(GUARDED, min(RARELY, SHARE * (ended - now)))

    async def begin(self) -> None:
        """The walk at start, before any turn: what a crash left of ours goes into history."""
        noted = {note.temporary for _, note, _ in self._ledger.notes()}
        for store, replica in self._stores.items():
            seen = await self.scan(store, alone=True)
            leftovers = [left for left in seen.leftovers if left.rpartition("/")[2] not in noted]
            await asyncio.to_thread(replica.retire, leftovers)

    async def scan(self, store: str, *, alone: bool = False) -> Seen:
        """Walk one store and name what needs a look; of one not bootstrapped, nothing. `alone`: no
        turn runs meanwhile, so the ledger is asked while the files are.
        """
        async with self._walk:
            with self._ledger.places.noticed() as since:
                walk = self._stores[store].scan
                walking = asyncio.get_running_loop().run_in_executor(None, walk)
                unfinished = self._unfinished(store, alone=True) if alone else None
                seen = await walking
                await self._guards.survey(store, seen)
                # RACE: a folder is adopted by this, and bases with it are forgotten: what a turn
                # has read in the other folder is committed before.
                async with self._intake.between_turns:
                    if self._guards.roots.bootstrapped(store):
                        self._name(store, seen, since, unfinished or self._unfinished(store))
            return seen

    def _name(self, store: str, seen: Seen, since: Set[Key], left: _Unfinished) -> None:
        """Name what `seen` tells, and what is `left`. Turns have seen the files of `since`
        meanwhile.
        """
        self._record_holds(store, seen)
        changed, fresh, gone = self._compared(store, seen)
        unfinished, unread = left
        appeared = sum(Key(store, path) not in unread for path in fresh)
        # A file whose first push is not answered has no base yet, and is missed all the same.
        missing = {Key(store, path): digest for path, digest in gone.items()}
        missing |= {key: digest for key, digest in unread.items() if seen.missing(key.path)}
        if gone:
            live = self._ledger.entries.live(store)
            missing |= {key: digest for key, digest in live if key.path in gone}
        self._intake.name(Key(store, path) for path in changed + fresh)
        waiting = self._guards.waiting(store, Direction.TO_REMOTE)
        self._intake.name(key for key in missing if key not in waiting)
        self._intake.name(unfinished)
        if self._stores[store].pointer is not None:
            absent = self._ledger.records.absent(store)
            live = self._ledger.entries.live(store)
            missing |= {key: digest for key, digest in live if key in absent}
        # RACE: of what turns saw since, the walk had passed the folders when it came. It is looked
        # at once more, and no reason to stop deletions.
        lost = {k: digest for k, digest in missing.items() if Key(k.store, k.path) not in since}
        self._guards.scanned(store, seen.root, lost, appeared)
        log.debug("scanned", store=store, files=len(seen.stats), changed=len(changed) + len(fresh),
                  missing=len(missing))  # fmt: skip

    def _unfinished(self, store: str, *, alone: bool = False) -> _Unfinished:
        """What to look at whatever was seen, and what is to be in files that were not there."""
        entries = self._ledger.entries
        if self._stores[store].pointer is not None:
            # A file of records may have to be written, though nothing of it has changed.
            paths = self._ledger.records.paths(store)
            return [Key(store, path) for path in paths], dict(entries.live(store, unread=True))
        # In one pass: it looks at every entry, and at a start with nothing changed finds nothing.
        found = list(entries.unfinished(store, here=self._stores[store].way.leaves))
        # News of what waits name it; of what was heard before a start no turn may know.
        ways = () if alone else (Direction.TO_LOCAL, Direction.TO_REMOTE)
        waiting = {key for way in ways for key in self._guards.waiting(store, way)}
        left = [key for key, _ in found if key not in waiting]
        return left, {key: lost for key, lost in found if lost is not None}

    def _compared(self, store: str, seen: Seen) -> tuple[list[str], list[str], dict[str, Digest]]:
        """Files that are not as they were last read, those never read, and those that are gone,
        with what they held.
        """
        places = self._ledger.places
        found = seen.compared(places.files(store))
        gone = places.digests(store, [path for path in found.gone if seen.missing(path)])
        if found.found == len(seen.stats):
            return found.changed, [], gone
        read_once = {path for path, *_ in places.files(store)}
        return found.changed, [path for path in seen.stats if path not in read_once], gone

    def _record_holds(self, store: str, seen: Seen) -> None:
        held = self._ledger.attention.held(store)
        with self._ledger.transaction():
            hold_found(self._ledger, store, seen.holds, self._clock.now())
            gone = [path for path in held.keys() - seen.holds.keys() if seen.missing(path)]
            for path in gone:
                # Of a key, a turn tells whether it still is: the deployment may hold it, too.
                if self._is_no_key(store, path) or not self._stores[store].includes(path):
                    self._ledger.attention.release(store, path)
        # What is held and still there is looked at again: the reason may be gone without a save.
        self._intake.name(Key(store, path) for path in held if path in seen.stats)
        self._intake.name(Key(store, path) for path in gone if not self._is_no_key(store, path))

    def _is_no_key(self, store: str, path: str) -> bool:
        # What a walk meets that can be none, too long for one or a folder (held with a slash at
        # its end), no turn can look at. A key that is like that was told by the deployment.
        told = self._ledger.entries.get(Key(store, path))
        return unsafe(path) is not None and told == (None, NEVER)


def interval() -> float:
    """Seconds until everything is walked again."""
    return INTERVAL * random.uniform(0.8, 1.2)  # noqa: S311
