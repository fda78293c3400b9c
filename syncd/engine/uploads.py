"""Brings payloads into the deployment's file storage, before their rows are sent.

What is uploaded is read from the file itself: no copy is kept of it. So what is queued stands for
the file as it is; once it is another, its key is named, and the newer save takes the row's place.
What fails is tried again by itself and holds up nothing else. What is written to all the time
rests between its uploads.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import structlog

from syncd.core.model import Content, Digest, Hold, Key
from syncd.core.rest import Rests
from syncd.engine.freight import FileStorage
from syncd.engine.intake import Intake
from syncd.engine.moving import Move, Moving
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.waiting import woken
from syncd.errors import FunctionFailed, PayloadRefused, SyncdError, Unavailable
from syncd.ledger.ledger import Ledger

ASKED = 1.0
"""Seconds between two questions what is there, while there is something to upload."""

IN_FLIGHT = 3
"""Payloads on their way at once, the smallest first: the deployment serves calls beside them."""

PART = 1 << 20
"""Bytes read and sent at once."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a payload is tried again, doubled from the first to the longest."""

PAUSED = 1.0
"""Seconds between two looks whether a store may send again."""

log = structlog.get_logger()


class _Changed(Exception):
    """The file does not hold any more what was queued."""


@dataclass(slots=True)
class _PutOff:
    when: float
    pause: float


@dataclass(slots=True)
class _Reader:
    """Reads a file for sending; gives its last part away only if the whole is what it must be."""

    file: BinaryIO
    content: Content
    moved: Callable[[int], None]
    changed: bool = False
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    async def parts(self) -> AsyncIterator[bytes]:
        """The bytes of `content`. Raises _Changed where the file holds others."""
        left = self.content.size
        part = await asyncio.to_thread(self._next)
        while part:
            left -= len(part)
            following = await asyncio.to_thread(self._next)
            if not following and (left or self._digest.hexdigest() != self.content.digest):
                break
            self.moved(len(part))
            yield part
            part = following
        if left or self._digest.hexdigest() != self.content.digest:
            self.changed = True
            raise _Changed

    def grew(self) -> bool:
        """Whether the file is longer or shorter than what was queued: then it is another."""
        self.changed |= os.fstat(self.file.fileno()).st_size != self.content.size
        return self.changed

    def _next(self) -> bytes:
        if self.grew():  # A program is writing it: the rest would travel in vain.
            return b""
        part = self.file.read(PART)
        self._digest.update(part)
        return part


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
        moving: Moving,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._stores = stores
        self._intake = intake
        self._clock = clock
        self._waiting = waiting
        self._moving = moving
        self._flying: dict[Digest, asyncio.Task[None]] = {}
        self._lacking: set[Digest] = set()
        self._put_off: dict[Digest, _PutOff] = {}
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
        self._wakened.set()

    async def run(self) -> None:
        """Upload until cancelled. Raises Unauthorized, ProtocolError and LedgerError."""
        self._put_off.clear()
        try:
            while True:
                self._wakened.clear()
                for digest in [each for each, task in self._flying.items() if task.done()]:
                    self._flying.pop(digest).result()
                pause = await self._begin()
                if pause is None and not self._flying and not self._wakened.is_set():
                    self._moving.rests()
                    self.idle.set()
                await woken(self._wakened, pause)
        finally:
            flying, self._flying = self._flying, {}
            for task in flying.values():
                task.cancel()
            await asyncio.gather(*flying.values(), return_exceptions=True)

    async def _begin(self) -> float | None:
        """Start what may start; seconds until there may be more to start, None for a wake-up."""
        paused = self._waiting()
        rows = self._ledger.uploads.wanted()
        now = self._clock.monotonic()
        self._rests.forget({key for key, _ in rows}, now)
        resting = {key: left for key, _ in rows if (left := self._rests.left(key, now))}
        keys = {content.digest: (key, content) for key, content in reversed(rows)
                if key.store not in paused and key not in resting}  # fmt: skip
        for digest in self._put_off.keys() - keys.keys():
            del self._put_off[digest]
        due = [each for each in keys.values() if self._due(each[1].digest, now)]
        unasked = [each for each in due if each[1].digest not in self._lacking]
        # Not for each row that moves up by itself: that were a call more for every upload.
        if len(due) - len(unasked) < IN_FLIGHT or now >= self._ask_next:
            self._ask_next = now + ASKED
            await self._ask(unasked)
            unasked = []
        for key, content in sorted(due, key=lambda each: each[1].size):
            if len(self._flying) < IN_FLIGHT and content.digest in self._lacking:
                task = asyncio.create_task(self._send(key, content))
                self._flying[content.digest] = task
        pauses = [put_off.when - now for put_off in self._put_off.values()]
        pauses += [self._ask_next - now] if unasked else []
        pauses += resting.values()
        pauses += [PAUSED] if any(key.store in paused for key, _ in rows) else []
        if resting and not self._flying:
            self._moving.waits(f"{next(iter(resting))}: it was uploaded, or changed, only just")
        return max(0.0, min(pauses)) if pauses else None

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
        try:
            await self._upload(key, content)
        except _Changed:
            # The turn that is named by this reads the file, and queues what it holds now.
            self._lacking.discard(content.digest)
            self._rests.changed(key, self._clock.monotonic())
            self._intake.name([key])
        except (Unavailable, FunctionFailed, PayloadRefused) as trouble:
            self._fail(key, content.digest, trouble)
        else:
            self._rests.uploaded(key, content.size, self._clock.monotonic())
            self._there([content.digest])
            log.info("uploaded", key=str(key), size=content.size)
        finally:
            self._wakened.set()

    async def _upload(self, key: Key, content: Content) -> None:
        store = self._stores.get(key.store)
        opened = await asyncio.to_thread(store.transit.open, key.path) if store else None
        if opened is None or isinstance(opened, Hold):
            raise _Changed
        with opened, self._moving.of(str(key), content) as move:
            reader = _Reader(opened, content, self._mover(move))
            if reader.grew():
                raise _Changed
            try:
                await self._storage.upload(content, reader.parts(), key.path)
            except SyncdError:
                # A file that changed ends the connection, which looks like any lost one.
                if reader.changed:
                    raise _Changed from None
                raise

    def _mover(self, move: Move) -> Callable[[int], None]:
        return lambda size: self._moving.advance(move, size)

    def _there(self, digests: Collection[Digest]) -> None:
        if not digests:
            return
        with self._ledger.transaction():
            self._ledger.uploads.there(digests)
        self._lacking.difference_update(digests)
        for digest in digests:
            self._put_off.pop(digest, None)
        self._on_there()

    def _fail(self, key: Key, digest: Digest, trouble: SyncdError) -> None:
        if not self.patient:
            raise trouble
        if digest not in self._put_off:
            log.warning("upload_put_off", key=str(key), why=str(trouble), advice=trouble.advice)
        self._delay(digest)
        self._moving.waits(f"{key}: {trouble}")

    def _delay(self, digest: Digest) -> None:
        # It may have come there otherwise, or been there and gone: asked again.
        self._lacking.discard(digest)
        former = self._put_off.get(digest)
        pause = FIRST_PAUSE if former is None else min(LONGEST_PAUSE, 2 * former.pause)
        self._put_off[digest] = _PutOff(self._clock.monotonic() + pause, pause)
