"""Fetches payloads from the deployment's file storage and brings them beside their files.

A payload's change is heard without its bytes, so that the feed goes on; a turn that needs them asks
here, and its key waits alone. What fails is asked for anew, one payload at a time, so that small
edits never wait for large ones.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog

from syncd.core.model import Content, Digest, Hold, Key
from syncd.core.recent import Recent
from syncd.engine.freight import FileStorage, Payloads
from syncd.engine.naming.intake import Intake
from syncd.engine.payloads.incoming import gathered
from syncd.engine.payloads.transfers import Transfers
from syncd.engine.payloads.unawaited import unawaited
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.stops.holding import hold
from syncd.engine.waiting import all_ended, whole, woken
from syncd.errors import FunctionFailed, PayloadRefused, SyncdError, Unavailable
from syncd.ledger.ledger import Ledger

IN_FLIGHT = 3
"""Payloads on their way at once, the smallest first."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before keys are asked for again, doubled from the first to the longest."""

MOST_DOUBLED = 10
"""Times that the first is doubled: more than it takes to the longest."""

LEFT = 1.0
"""Seconds between two looks whether payloads that are here are in their files by now."""

WRONG = 3
"""Times that wrong bytes may come before the key is held."""

FAILED = 1000
"""Payloads of which it is remembered how often they failed."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Coming:
    """A payload to be received, and the keys that wait for it."""

    content: Content
    url: str
    keys: set[Key] = field(default_factory=set)


@dataclass(slots=True)
class _Later:
    """Keys to be asked for again."""

    when: float
    keys: set[Key]


class Downloads:
    """Receives payloads, several at once, and prepares them, one after the other."""

    def __init__(
        self,
        ledger: Ledger,
        storage: FileStorage,
        stores: Mapping[str, LocalReplica],
        intake: Intake,
        clock: Clock,
        transfers: Transfers,
        damaged: Hold,
    ) -> None:
        self._ledger = ledger
        self._storage = storage
        self._stores = stores
        self._intake = intake
        self._clock = clock
        self._transfers = transfers
        self._damaged = damaged
        self._coming: dict[Digest, _Coming] = {}
        self._smallest: list[tuple[int, Digest]] = []
        """A heap of what is coming and not under way, by size."""
        self._unready: dict[Key, Digest] = {}
        self._later: list[_Later] = []
        self._failed = Recent[Digest, int](FAILED)
        self._flying: dict[Digest, asyncio.Task[None]] = {}
        self._preparing: asyncio.Task[None] | None = None
        self._wakened = asyncio.Event()
        self._fetch: Callable[[Iterable[Key]], None] = lambda _: None
        self.patient = True
        """Whether troubles are waited out; else the first one is raised."""
        self.idle = asyncio.Event()
        """Set while nothing is to be fetched or prepared."""

    def connect(self, fetch: Callable[[Iterable[Key]], None]) -> None:
        """Tell who asks the deployment for the snapshots of keys, and where their bytes are."""
        self._fetch = fetch

    def want(self, keys: Iterable[Key]) -> None:
        """Have the bytes of `keys` fetched, unless that is under way."""
        busy = self._busy()
        if wanted := [key for key in keys if key not in busy]:
            self._fetch(wanted)

    def receive(self, key: Key, content: Content, url: str) -> None:
        """The payload that `key` waits for is served at `url`."""
        if not self._coming:
            # Told before the feed is: no moment lies between in which all seems to be here.
            self._transfers.waits("payloads are about to be downloaded")
        if content.digest not in self._coming:
            self._coming[content.digest] = _Coming(content, url)
            heapq.heappush(self._smallest, (content.size, content.digest))
        coming = self._coming[content.digest]
        coming.url = url
        coming.keys.add(key)
        self._wake()

    def prepare(self, unready: Iterable[tuple[Key, Digest]]) -> None:
        """Bring payloads that are here beside the files of their keys."""
        for key, digest in unready:
            self._unready[key] = digest
            self._wake()

    async def run(self) -> None:
        """Fetch and prepare until cancelled. Raises LedgerError."""
        # What was under way when an earlier run ended begins anew.
        self._smallest = sorted(
            (each.content.size, digest) for digest, each in self._coming.items()
        )
        try:
            while True:
                self._wakened.clear()
                pause = self._begin()
                if pause is None and self._preparing is None and not self._flying:
                    pause = LEFT if await unawaited(self._ledger, self._stores) else None
                    if not self._wakened.is_set():
                        self._transfers.rests()
                        self.idle.set()
                await woken(self._wakened, pause)
        finally:
            for task in self._flying.values():
                task.cancel()
            # RACE: not what is prepared: its thread goes on, and nobody else would name its key.
            ending = [*self._flying.values(), *([self._preparing] if self._preparing else [])]
            self._flying, self._preparing = {}, None
            await all_ended(ending)

    def _wake(self) -> None:
        self.idle.clear()
        self._wakened.set()

    def _busy(self) -> set[Key]:
        waiting = [*(c.keys for c in self._coming.values()), *(each.keys for each in self._later)]
        return set(self._unready).union(*waiting)

    def _begin(self) -> float | None:
        """Start what may start; seconds until there is more to start, None for a wake-up."""
        for digest in [each for each, task in self._flying.items() if task.done()]:
            self._flying.pop(digest).result()
        if self._preparing is not None and self._preparing.done():
            done, self._preparing = self._preparing, None
            done.result()
        now = self._clock.monotonic()
        for due in [each for each in self._later if each.when <= now]:
            self._later.remove(due)
            # Who made room and told us to try had it written then: it is not to come once more.
            if lacking := [key for key in due.keys if not self._ledger.view(key).agreed]:
                self._fetch(lacking)
        while self._smallest and len(self._flying) < IN_FLIGHT:
            _, digest = heapq.heappop(self._smallest)
            self._flying[digest] = asyncio.create_task(self._receive(self._coming[digest]))
        if self._unready and self._preparing is None:
            self._preparing = asyncio.create_task(self._prepare())
        return min((max(0.0, each.when - now) for each in self._later), default=None)

    async def _receive(self, coming: _Coming) -> None:
        digest = coming.content.digest
        try:
            await self._take(coming)
        except ValueError as wrong:
            self._count_wrong(coming, str(wrong))
        except (Unavailable, FunctionFailed, PayloadRefused) as trouble:
            self._put_off(coming, trouble)
        except OSError as error:
            what = f"{coming.content.size:,} bytes cannot be kept: {error.strerror}"
            self._put_off(coming, PayloadRefused(what, "make room on the disk of the state folder"))
        else:
            del self._coming[digest]
            self._failed.drop(digest)
            self._intake.name(coming.keys)
        finally:
            self._wakened.set()

    async def _take(self, coming: _Coming) -> None:
        payloads, content = self._payloads(coming), coming.content
        if await asyncio.to_thread(payloads.has, content.digest):
            return
        key = min(coming.keys)
        with (
            payloads.receive(content) as arrival,
            self._transfers.of(str(key), content) as transfer,
        ):
            # RACE: a loss cancels this, and what is written by a thread then must find its file
            # open: the number of one that is closed is another file's in a moment.
            async for part in gathered(self._storage.download(coming.url)):
                await whole(asyncio.to_thread(arrival.write, part))
                self._transfers.advance(transfer, len(part))
            await whole(asyncio.to_thread(arrival.finish))
        log.info("downloaded", key=str(key), size=content.size)

    def _payloads(self, coming: _Coming) -> Payloads:
        return self._stores[min(coming.keys).store].transit.payloads

    def _count_wrong(self, coming: _Coming, what: str) -> None:
        digest = coming.content.digest
        trouble = PayloadRefused(f"other bytes came than were told: {what}", self._damaged.advice)
        if (self._failed.get(digest) or 0) + 1 < WRONG:
            self._put_off(coming, trouble)
            return
        del self._coming[digest]
        self._failed.drop(digest)
        for key in coming.keys:
            hold(self._ledger, key, self._damaged, self._clock.now())
        # Held now, what can be decided without the bytes is: a save goes over them.
        self._intake.name(coming.keys)

    def _put_off(self, coming: _Coming, trouble: SyncdError) -> None:
        if not self.patient:
            raise trouble
        digest = coming.content.digest
        failed = (self._failed.get(digest) or 0) + 1
        self._failed.put(digest, failed, 1)
        if failed == 1:
            log.warning("download_put_off", key=str(min(coming.keys)), why=str(trouble),
                        advice=trouble.advice)  # fmt: skip
        del self._coming[digest]
        # After a day of failures the power alone is no float any more.
        doubled = min(failed - 1, MOST_DOUBLED)
        self._again(coming.keys, min(LONGEST_PAUSE, FIRST_PAUSE * 2**doubled))
        self._transfers.waits(f"{min(coming.keys)}: {trouble}")

    def _again(self, keys: Iterable[Key], pause: float) -> None:
        self._later.append(_Later(self._clock.monotonic() + pause, set(keys)))

    async def _prepare(self) -> None:
        key, digest = next(iter(self._unready.items()))
        transit = self._stores[key.store].transit
        move = not self._needed_beyond(key, digest)
        try:
            why = await asyncio.to_thread(transit.prepare, key.path, digest, move=move)
        except FileNotFoundError:
            self._again([key], 0.0)
        except ValueError as wrong:
            log.warning("payload_damaged", key=str(key), what=str(wrong))
            transit.payloads.drop(digest)
            self._again([key], FIRST_PAUSE)
        else:
            if why is not None:
                hold(self._ledger, key, why, self._clock.now())
                self._again([key], LONGEST_PAUSE / 6)
            else:
                self._intake.name([key])
        finally:
            if self._unready.get(key) == digest:
                del self._unready[key]
            self._wakened.set()

    def _needed_beyond(self, key: Key, digest: Digest) -> bool:
        """Whether a file other than that of `key` waits for the payload too."""
        return any(
            not self._stores[other.store].transit.prepared(other.path, digest)
            for other in self._ledger.entries.awaiting(digest)
            if other != key and other.store in self._stores
        )
