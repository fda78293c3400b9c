"""A daemon that stays: its session, and all that goes on around one until it is stopped.

What watches the files and listens to the deployment, does what commands ask, and tells those who
look from outside. A single pass needs none of it (`Daemon.once`), nor has it imported.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextlib import closing
from sqlite3 import DatabaseError
from typing import TYPE_CHECKING

import structlog

from syncd.beside import Beside
from syncd.config import Config, StoreConfig
from syncd.core.cost import Cost
from syncd.core.model import Cursor
from syncd.daemon import Daemon
from syncd.engine.exchange.link import AnotherDeployment
from syncd.engine.session import Session
from syncd.engine.waiting import woken
from syncd.errors import LedgerDamaged, LedgerFull, SyncdError, first_of
from syncd.files.vigil import Vigil
from syncd.ledger.connection import damage_in
from syncd.ledger.ledger import Ledger
from syncd.ledger.lock import tell_waiting, waits_for_room
from syncd.monitoring.notify import Notifier
from syncd.monitoring.pulse import Pulse, Told
from syncd.monitoring.supervisor import Supervisor
from syncd.opening import let_go, place_of
from syncd.remote.listener import Listener
from syncd.report.judging import reviewed
from syncd.report.standing import StatusReport
from syncd.slips import Gathering
from syncd.stores import yaml_merge as _yaml  # noqa: F401

# Above, `_yaml`: what is imported where it is needed would be a later program's, were one installed
# over this while it runs.

if TYPE_CHECKING:
    from syncd.embedded.launcher import EmbeddedBackend

NO_ROOM = 10.0
"""Seconds until a ledger whose disk was full is tried again, or less where a watchdog waits so."""

SAID = 60.0
"""Seconds for which it is not said again that there is none: the log may lie on that disk too."""

GRACE = 5.0
"""Seconds a stop gives to what is queued; what is not sent by then stays in the outbox."""

log = structlog.get_logger()


async def run_daemon(
    daemon: Daemon, supervisor: Supervisor, stopping: asyncio.Event, begun: Callable[[], None]
) -> None:
    """Keep everything the same until `stopping` is set; `begun` is called once the ledger is open.

    Raises SyncdError.
    """
    while not stopping.is_set():
        ledger = daemon.open_ledger()
        begun()
        try:
            await _kept(daemon, supervisor, ledger, stopping)
        except* AnotherDeployment as another:
            daemon.rebind(another)
        except* (LedgerDamaged, DatabaseError) as damaged:
            if (damage := damage_in(damaged)) is None:
                raise
            daemon.put_aside(ledger, damage)
        finally:
            ledger.close()


async def _kept(
    daemon: Daemon, supervisor: Supervisor, ledger: Ledger, stopping: asyncio.Event
) -> None:
    """Run on `ledger` until `stopping` is set; where its disk has no room, anew after a while.

    It stays open: without room it could not be opened again.
    """
    clock, said = asyncio.get_running_loop().time, -math.inf
    while not stopping.is_set():
        try:
            with closing(_Run(daemon, supervisor, ledger)) as run:
                await run.until(stopping)
        except* LedgerFull as full:
            if clock() - said >= SAID:
                said = clock()
                log.warning("no_room", why=str(first_of(full)),
                            advice="free disk space: until then nothing is sent or written, and "
                                   "what is saved meanwhile is found after it")  # fmt: skip
            # A run that cannot even begin tells nobody that the daemon lives.
            supervisor.waiting(str(first_of(full)))
            tell_waiting(daemon.config.state, waits=True)
            await woken(stopping, min(NO_ROOM, (supervisor.interval or math.inf) / 3))


class _Run:
    """What runs on one ledger, until stopped or until another ledger is needed."""

    def __init__(self, daemon: Daemon, supervisor: Supervisor, ledger: Ledger) -> None:
        place = place_of(daemon.config)
        self._daemon = daemon
        self._config = daemon.config
        self._stores = place.stores
        self._access = daemon.access
        self._supervisor = supervisor
        self._session = daemon.session(ledger, place.stores)
        retention = daemon.retention(ledger, place.stores, self._session)
        self._beside = Beside(place, ledger, self._session, daemon.remote(), retention)

    async def until(self, stopping: asyncio.Event) -> None:
        """Go on until `stopping` is set. Raises what ends any part of it, in groups."""
        # What watches the run ends it where it fails: nobody would be told of anything any more.
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watched())
            await self._run_beside(stopping)
            watching.cancel()  # After the last push: until then the service manager is told.

    def close(self) -> None:
        """Let go what the run has open."""
        let_go(self._stores.values())

    async def _watched(self) -> None:
        """Tell those who look from outside, until cancelled."""
        beat, notifier = self._session.beat, Notifier(self._config.notify)
        told = [_going_on(self._config), self._supervisor.told, notifier.told,
                _reviewing(self._session)]  # fmt: skip
        if self._access is not None:
            told.append(Gathering(self._config, self._access.http.meter.know_beside).told)
        pulse = Pulse(self._config, beat, told, self._supervisor.interval)
        async with asyncio.TaskGroup() as group:
            group.create_task(pulse.run())
            if (port := self._config.http.port) is not None:
                from syncd.monitoring.endpoint import Endpoint

                group.create_task(Endpoint(self._config, port, beat).run())

    async def _run_beside(self, stopping: asyncio.Event) -> None:
        if self._access is None:
            self._session.health.report("deployment", "offline", "no deployment is configured")
            log.warning("offline", why="neither CONVEX_URL nor url is set",
                        advice="saves are kept in the outbox; see README.md")  # fmt: skip
        listener = self._listener()
        vigils = [self._vigil(store) for store in self._config.stores]
        for vigil in vigils:
            vigil.start()
        tied = self._told_of_ties(listener)
        async with asyncio.TaskGroup() as group:
            begun = (self._daemon.claims.run(), self._session.run(tied), self._beside.run())
            running = [group.create_task(each) for each in begun]
            running += [group.create_task(vigil.run()) for vigil in vigils]
            if listener is not None:
                running.append(group.create_task(listener.run()))
            if self._daemon.backend is not None:
                running.append(group.create_task(self._supervise(self._daemon.backend)))
            await stopping.wait()
            self._supervisor.stopping()
            for task in running:
                task.cancel()
        await self._session.flush(GRACE)

    def _listener(self) -> Listener | None:
        if self._access is None:
            return None
        http, token, session = self._access.http, self._access.token, self._session
        settings = {"url": http.url, "token": token, "workspace": self._config.workspace}

        def told(head: Cursor, before: Cursor | None) -> None:
            http.meter.count(Cost(calls=1))
            session.told(head, before)

        def heard_from(state: str, detail: str) -> None:
            session.heard_from(state, detail if state == "live" else http.meter.held or detail)

        return Listener(settings, session.wake, heard_from, http.reachable, told)

    def _vigil(self, store: StoreConfig) -> Vigil:
        session, grows = self._session, store.layout == "lines"
        return Vigil(
            store.name, store.path, store.patterns(),
            session.tailer.touched if grows else session.intake.touched,
            session.tailer.request if grows else session.rescan.request, session.health.watched,
        )  # fmt: skip

    def _told_of_ties(self, listener: Listener | None) -> Callable[[SyncdError | None], None]:
        def tied(trouble: SyncdError | None) -> None:
            if trouble is None:
                self._beside.tied()
            if listener is not None:
                (listener.resume if trouble is None else listener.doubt)()

        return tied

    async def _supervise(self, backend: EmbeddedBackend) -> None:
        def report(event: str, detail: str) -> None:
            log.warning(event, detail=detail)
            self._session.retry_now()

        await backend.supervise(report)


def _going_on(config: Config) -> Told:
    """Take back, with the first turn that could be recorded, that there is no room for any."""

    async def told(_: StatusReport) -> None:
        if waits_for_room(config.state):
            tell_waiting(config.state, waits=False)

    return told


def _reviewing(session: Session) -> Told:
    async def told(found: StatusReport) -> None:
        if reviewed(found):
            await session.end_review()

    return told
