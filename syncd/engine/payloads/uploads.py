"""Brings payloads into the deployment's file storage, before their rows are sent.

What is uploaded is read from the file itself: no copy is kept of it. So what is queued stands for
the file as it is; once it is another, its key is named, and the newer save takes the row's place.
What fails is tried again by itself and holds up nothing else. What is written to all the time
rests between its uploads.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from syncd.core.model import Content, Digest, Key
from syncd.core.rest import Rests
from syncd.engine.freight import FileStorage
from syncd.engine.naming.intake import Intake
from syncd.engine.payloads.outgoing import Changed, begin
from syncd.engine.payloads.transfers import Transfers
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.waiting import all_ended, woken
from syncd.errors import FunctionFailed, PayloadRefused, SyncdError, Unavailable
from syncd.ledger.ledger import Ledger

ASKED = 1.0
"""Seconds between two questions what is there, while there is something to upload."""

IN_FLIGHT = 3
"""Payloads on their way at once, the smallest first: the deployment serves calls beside them. One
after the other where one was lost: the platform ends what takes longer than two minutes, and each
of three takes three times as long over a slow link. One that was lost is in nobody's way."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a payload is tried again, doubled from the first to the longest; or as many as it
took in vain, so that half of a slow link is left to others."""

PAUSED = 1.0
"""Seconds between two looks whether a store may send again."""

log = structlog.get_logger()


@dataclass(slots=True)
class _PutOff:
    when: float
    pause: float


class Uploads:
    """Uploads what queued rows need, several at once."""

    def __init__(
        self,
        ledger: Ledger,
        storage: FileStorage,
        stores: Mapping[str, LocalReplica],
        intake: Intake,
        clock: Clock,
        waiting: Callable[[], Collection[str]],
        transfers: Transfers,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._stores = stores
        self._intake = intake
        self._clock = clock
        self._waiting = waiting
        self._transfers = transfers
        self._flying: dict[Digest, asyncio.Task[None]] = {}
        self._abreast = IN_FLIGHT
        self._lacking: set[Digest] = set()
        self._put_off: dict[Digest, _PutOff] = {}
        self._ready: deque[tuple[Key, Content]] = deque()
        self._look_next = 0.0
        self._rests = Rests()
        self._ask_next = 0.0
        self._wakened = asyncio.Event()
        self._on_there: Callable[[], None] = lambda: None
        self.patient = True
        """Whether troubles are waited out; else the first one is raised."""
        self.idle = asyncio.Event()
        """Set while nothing is to be uploaded."""

    def connect(self, on_there: Callable[[], None]) -> None:
        """Tell who sends the rows whose content is there."""
        self._on_there = on_there

    def wake(self) -> None:
        """Something may have been queued."""
        self.idle.clear()
        self._look_next = 0.0
        self._wakened.set()

    async def run(self) -> None:
        """Upload until cancelled. Raises Unauthorized, ProtocolError and LedgerError."""
        self._put_off.clear()
        self._look_next = 0.0
        try:
            while True:
                self._wakened.clear()
                for digest in [each for each, task in self._flying.items() if task.done()]:
                    self._flying.pop(digest).result()
                pause = await self._begin()
                if pause is None and not self._flying and not self._wakened.is_set():
                    self._transfers.rests()
                    self.idle.set()
                await woken(self._wakened, pause)
        finally:
            flying, self._flying = self._flying, {}
            for task in flying.values():
                task.cancel()
            await all_ended(flying.values())

    async def _begin(self) -> float | None:
        """Start what may start; seconds until there may be more to start, None for a wake-up."""
        # Not for each that is done: the time would grow with the square of what is queued.
        if not self._ready or self._clock.monotonic() >= self._look_next:
            await self._look()
        self._start()
        if self._look_next == math.inf:
            return None
        return max(0.0, self._look_next - self._clock.monotonic())

    async def _look(self) -> None:
        """Find anew what may start, and when there may be more."""
        self._look_next = math.inf
        paused = self._waiting()
        rows = self._ledger.uploads.wanted()
        now = self._clock.monotonic()
        self._rests.forget({key for key, _ in rows}, now)
        resting = {key: left for key, _ in rows if (left := self._rests.left(key, now))}
        keys = {content.digest: (key, content) for key, content in reversed(rows)
                if key.store not in paused and key not in resting}  # fmt: skip
        for digest in self._put_off.keys() - keys.keys():
            del self._put_off[digest]
        self._lacking.intersection_update(content.digest for _, content in rows)
        due = [each for each in keys.values() if self._due(each[1].digest, now)]
        unasked = [each for each in due if each[1].digest not in self._lacking]
        # Not for each row that moves up by itself: that were a call more for every upload.
        if len(due) - len(unasked) < IN_FLIGHT or now >= self._ask_next:
            self._ask_next = now + ASKED
            await self._ask(unasked)
            unasked = []
        lacking = [each for each in due if each[1].digest in self._lacking]
        self._ready = deque(sorted(lacking, key=lambda each: each[1].size))
        pauses = [put_off.when - now for put_off in self._put_off.values()]
        pauses += [self._ask_next - now] if unasked else []
        pauses += resting.values()
        pauses += [PAUSED] if any(key.store in paused for key, _ in rows) else []
        if resting and not self._flying:
            self._transfers.waits(f"{next(iter(resting))}: it was uploaded, or changed, only just")
        # RACE: what was queued while the deployment was asked is looked for at once.
        self._look_next = min(self._look_next, now + min(pauses, default=math.inf))

    def _start(self) -> None:
        paused = self._waiting()
        while self._ready and self._may_start(self._ready[0][1].digest):
            key, content = self._ready.popleft()
            if key.store in paused or not self._ledger.uploads.wants(key, content):
                self._look_next = 0.0
            elif content.digest not in self._flying:
                task = asyncio.create_task(self._send(key, content))
                self._flying[content.digest] = task

    def _may_start(self, digest: Digest) -> bool:
        if len(self._flying) < self._abreast:
            return True
        # What was lost may be lost each time, after minutes: whatever was not goes beside it.
        lost = self._put_off.keys()
        return self._abreast == 1 and digest not in lost and self._flying.keys() <= lost

    def _due(self, digest: Digest, now: float) -> bool:
        put_off = self._put_off.get(digest)
        return digest not in self._flying and (put_off is None or put_off.when <= now)

    async def _ask(self, due: Iterable[tuple[Key, Content]]) -> None:
        """Learn which of these are not there; those that are need no upload."""
        unasked = {content.digest: key for key, content in due}
        digests = list(unasked)
        if not digests:
            return
        try:
            lacking = await self._storage.missing(digests)
        except (Unavailable, FunctionFailed) as trouble:
            for digest in digests:
                self._fail(unasked[digest], digest, trouble)
            return
        self._lacking |= lacking
        self._there([digest for digest in digests if digest not in lacking])

    async def _send(self, key: Key, content: Content) -> None:
        began = self._clock.monotonic()
        try:
            await self._upload(key, content)
        except Changed:
            # The turn that is named by this reads the file, and queues what it holds now.
            self._lacking.discard(content.digest)
            self._look_next = 0.0
            self._rests.changed(key, self._clock.monotonic())
            self._intake.name([key])
        except (Unavailable, FunctionFailed, PayloadRefused) as trouble:
            self._abreast = 1
            self._fail(key, content.digest, trouble, self._clock.monotonic() - began)
        else:
            self._abreast = min(IN_FLIGHT, self._abreast + 1)
            self._rests.uploaded(key, content.size, self._clock.monotonic())
            self._there([content.digest])
            log.info("uploaded", key=str(key), size=content.size)
        finally:
            self._wakened.set()

    async def _upload(self, key: Key, content: Content) -> None:
        store = self._stores.get(key.store)
        if store is None:
            raise Changed
        reader = await asyncio.to_thread(begin, store.transit, key.path, content)
        with reader.file, self._transfers.of(str(key), content) as transfer:
            try:
                parts = reader.parts(partial(self._transfers.advance, transfer))
                await self._storage.upload(content, parts, key.path)
            except SyncdError:
                # A file that changed ends the connection, which looks like any lost one.
                if reader.changed:
                    raise Changed from None
                raise

    def _there(self, digests: Collection[Digest]) -> None:
        if not digests:
            return
        with self._ledger.transaction():
            self._ledger.uploads.there(digests)
        self._lacking.difference_update(digests)
        for digest in digests:
            self._put_off.pop(digest, None)
        self._on_there()

    def _fail(self, key: Key, digest: Digest, trouble: SyncdError, took: float = 0.0) -> None:
        if not self.patient:
            raise trouble
        if digest not in self._put_off:
            log.warning("upload_put_off", key=str(key), why=str(trouble), advice=trouble.advice)
        self._delay(digest, took)
        self._transfers.waits(f"{key}: {trouble}")

    def _delay(self, digest: Digest, took: float = 0.0) -> None:
        self._look_next = 0.0
        # It may have come there otherwise, or been there and gone: asked again.
        self._lacking.discard(digest)
        former = self._put_off.get(digest)
        pause = FIRST_PAUSE if former is None else min(LONGEST_PAUSE, 2 * former.pause)
        pause = max(pause, took)
        self._put_off[digest] = _PutOff(self._clock.monotonic() + pause, pause)
