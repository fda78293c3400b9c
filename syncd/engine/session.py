"""The engine on one ledger: everything that runs between a start and a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from syncd.core.model import Cursor, Digest, Key
from syncd.core.news import StoreSettings
from syncd.engine.exchange.bootstrap import Progress
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.freight import FileStorage
from syncd.engine.health import Health
from syncd.engine.lines.tailer import Tailer
from syncd.engine.naming.apart import Apart
from syncd.engine.naming.audit import Audit
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.late import Late
from syncd.engine.naming.patience import Patience
from syncd.engine.naming.rescan import Rescan
from syncd.engine.online import Here, Online, There, Tied
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.hiatus import Hiatus
from syncd.engine.stops.pauses import Looking, Pauses
from syncd.engine.turns.turn import Reconciler
from syncd.engine.waiting import all_ended
from syncd.errors import Paused, SyncdError, first_of
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import unsafe

LONG = 1.5
"""Seconds of looking at files after which that is told: no save takes so long, no deletion."""

MANY = 100
"""Keys to be looked at that are told at once: a page of the feed, or a switch of branches."""

TIDIED = "tidied"
"""The ledger's name for when it last forgot bytes that nothing names."""

WEEK = 7 * 86400.0
"""Seconds until a start does so itself, before it begins: that looks at every key. Mostly nothing
is left to it: Retention does so once a day, a minute behind the start."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Gauge:
    """How much is left: keys to look at, rows to send or awaiting an answer, files of lines."""

    named: int
    queued: int
    sent: int
    growing: int = 0


class Session:
    """Wires the verbs together. `run` until cancelled, or `once` until there is nothing to do.

    Without a remote the daemon is offline by configuration: it captures and sends nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica | None,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        approved: frozenset[str] = frozenset(),
        *,
        git: Mapping[str, Looking] | None = None,
        settings: Sequence[StoreSettings] = (),
        storage: FileStorage | None = None,
        tailer: Tailer | None = None,
    ) -> None:
        self.guards = guards = Guards(ledger, stores, clock, approved)
        self._ledger = ledger
        self._clock = clock
        self._reconciler = Reconciler(ledger, stores, guards, clock)
        self.between_turns = self._reconciler.between_turns
        """Held while a turn runs: what a person decides is written down before it or after it."""
        self.health = Health(ledger, clock)
        self.hiatus = Hiatus(ledger, clock)
        self.intake = Intake(self._reconciler, clock)
        self.rescan = Rescan(ledger, stores, guards, self.intake, clock)
        self._audit = Audit(ledger, stores, self.intake, self.health, clock)
        self._patience = Patience(ledger, stores, self.intake)
        self.tailer = tailer or Tailer(ledger, {}, None, clock)
        self._late = Late(ledger, stores, self._reconciler, self.intake, clock)
        self._apart = Apart(stores, self._reconciler, self.intake)
        self._epoch = Epoch(ledger, stores, guards, self._reconciler, clock)
        self._online: Online | None = None
        if remote is not None:
            # Until the deployment was met the ledger may be an old copy: see Guards.
            guards.confirmed = False
            pauses = Pauses(ledger, git or {}, clock, self.health)
            here = Here(
                ledger, stores, clock, guards, intake=self.intake, rescan=self.rescan,
                health=self.health, epoch=self._epoch, hiatus=self.hiatus, tailer=self.tailer,
            )  # fmt: skip
            self._online = Online(here, There(remote, storage, tuple(settings), pauses.waiting))
            pusher = self._online.pusher

            def claim_beside(saves: int) -> Claim | None:
                # Of what is not queued yet nobody asks git.
                return None if pauses.at_work() else pusher.claim_beside(saves)

            self._reconciler.closing.connect(claim_beside, pusher.send)
        carrier = self._online.carrier if self._online is not None else None
        prepare = carrier.downloads.prepare if carrier is not None else self._fetch
        self.intake.connect_payloads(prepare, self._apart.add)

    def wake(self) -> None:
        """The deployment may have news."""
        if self._online is not None:
            self._online.puller.wake()

    def told(self, head: Cursor, before: Cursor | None) -> None:
        """The feed ends at `head` now, and the place before that is `before`, if told."""
        if self._online is not None:
            self._online.puller.told(head, before)

    def heard_from(self, state: str, detail: str) -> None:
        """The listener is "live" or "polling"; what it stops hearing may be going on unheard."""
        if not self.health.report("listener", state, detail):
            return
        if state != "live":
            self.health.report("feed", "behind", "not heard live; the next poll will tell")
        elif self._online is not None:
            self._online.link.answering()

    def retry_now(self) -> None:
        """The deployment is likely back."""
        if self._online is not None:
            self._online.link.retry_now()

    def look_again(self, keys: Iterable[Key]) -> None:
        """A person has decided about `keys`: they are considered, were they flapping before."""
        every = list(keys)
        self.tailer.look_again({key.store for key in every})
        named = [key for key in every if not self.tailer.follows(key.store)]
        self._reconciler.flaps.release(named)
        # A turn holds what can be no key, there or not: a walk tells which of them still are.
        odd = {key for key in named if unsafe(key.path) is not None}
        self.intake.name(key for key in named if key not in odd)
        for store in {key.store for key in odd}:
            self.rescan.request(store)

    async def beat(self) -> None:
        """Return once another turn could begin and the ledger answers."""
        async with self.between_turns:
            self._ledger.outbox.count()

    async def end_review(self) -> None:
        """What the last epoch's end led to is settled."""
        async with self.between_turns:
            with self._ledger.transaction():
                self._ledger.epochs.end_review()

    def gauge(self) -> Gauge:
        """How much is left to do."""
        counts = self._ledger.outbox.count()
        queued, sent = counts.get("queued", 0), counts.get("sent", 0)
        return Gauge(self.intake.waiting, queued, sent, self.tailer.waiting)

    async def run(self, tied: Tied) -> None:
        """Keep both sides the same until cancelled; `tied` is told how the link is."""
        self.health.report("files", "reading", "what changed while no daemon ran")
        await self._epoch.take_up()
        await self._prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.intake.run())
            group.create_task(self._looks())
            group.create_task(self.rescan.run())
            group.create_task(self.tailer.run())
            group.create_task(self._late.run())
            group.create_task(self._audit.run())
            group.create_task(self._patience.run())
            group.create_task(self._apart.run())
            if self._online is not None:
                group.create_task(self._online.run(tied))

    async def once(self, progress: Progress) -> None:
        """Bring both sides to agreement and return. Raises the first trouble met."""
        if self._online is None:
            raise RuntimeError("once needs a deployment")
        if self.hiatus.left:
            raise Paused(
                "mirroring is paused; nothing was sent or written", "`syncd resume` ends the pause"
            )
        await self._epoch.take_up()
        await self._online.tie(progress)
        await self._prepare()
        runs = [
            self.intake.run(),
            self._apart.run(),
            self._online.pusher.run(),
            self._online.puller.run(),
            self.tailer.run(),
            self.tailer.send(),
            self._quiet(self._online),
        ]
        if self._online.carrier is not None:
            runs += self._online.carrier.runs(progress)
        running = [asyncio.create_task(each) for each in runs]
        try:
            ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
        finally:
            for task in running:
                task.cancel()
            await all_ended(running)
        # What waits for a person may have grown with each turn, and a walk says how much it is.
        for store in sorted(self.guards.guarded):
            await self.rescan.scan(store)

    async def flush(self, seconds: float) -> None:
        """Give what is queued up to `seconds` to be sent; the rest stays in the outbox.

        All of it where the deployment is lost: only a hello tells which one answers.
        """
        gauge = self.gauge()
        left = gauge.queued + gauge.sent + gauge.growing
        if self._online is None or self.hiatus.left or not left:
            return
        if not self._online.tied:
            log.info("flush_ended", left=gauge.queued + gauge.sent, why="the deployment is lost")
            return
        try:
            async with asyncio.timeout(seconds):
                await self._online.push_only()
        except (TimeoutError, SyncdError, ExceptionGroup) as error:
            gauge = self.gauge()
            why = type(first_of(error)).__name__
            log.info("flush_ended", left=gauge.queued + gauge.sent, why=why)

    async def tidy(self) -> None:
        """Let the ledger forget bytes that nothing names any more."""
        # RACE: between turns: what a turn has seen it may still list as a conflict.
        async with self.between_turns:
            with self._ledger.transaction():
                self._ledger.contents.drop_unreferenced()
                self._ledger.places.put(TIDIED, str(self._clock.now()))

    async def _prepare(self) -> None:
        self.intake.name(await self._reconciler.recover())
        # After the notes, which say what is agreed, and before anything else is decided.
        await self._late.look()
        # What was only just replaced tells what a late save was made from.
        if abs(self._clock.now() - float(self._ledger.places.get(TIDIED) or 0)) > WEEK:
            await self.tidy()
        await self.rescan.begin()

    async def _looks(self) -> None:
        await self.intake.idle.wait()
        await self.tailer.looked.wait()
        while True:
            # RACE: more may have been named since it was idle.
            if self.intake.idle.is_set():
                self.health.report("files", "current")
            await self.intake.busy.wait()
            if self.intake.waiting >= MANY or not await self._soon_idle():
                self.health.report("files", "busy", "what changed, or is not whole yet")
                await self.intake.idle.wait()

    async def _soon_idle(self) -> bool:
        try:
            async with asyncio.timeout(LONG):
                await self.intake.idle.wait()
        except TimeoutError:
            return False
        return True

    async def _quiet(self, online: Online) -> None:
        idle = [self.intake.idle, self._apart.idle, online.pusher.idle, online.puller.idle]
        idle.append(self.tailer.idle)
        if online.carrier is not None:
            idle += [online.carrier.uploads.idle, online.carrier.downloads.idle]
        while True:
            sent = online.pusher.accepted
            while not all(event.is_set() for event in idle):
                for event in idle:
                    await event.wait()
            if online.pusher.accepted == sent:
                return
            # Our own writes are heard too, so that the cursor ends at the head.
            online.puller.wake()

    def _fetch(self, unready: Iterable[tuple[Key, Digest]]) -> None:
        # Without file storage: a text that is in history is told anew, and payloads stay there.
        if self._online is not None and (keys := [key for key, _ in unready]):
            self._online.puller.fetch(keys)
