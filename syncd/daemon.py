"""The composition root: from a configuration to running objects, and back to a clean stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from sqlite3 import DatabaseError

import structlog

from syncd.beside import Beside
from syncd.config import EMBEDDED, Config, StoreConfig
from syncd.core.cost import Cost
from syncd.core.direction import Way
from syncd.core.model import Cursor
from syncd.cost import bucket_of, ceiling_of
from syncd.embedded.enroll import own_token
from syncd.embedded.launcher import EmbeddedBackend
from syncd.engine.bootstrap import Progress
from syncd.engine.link import AnotherDeployment
from syncd.engine.online import Tied
from syncd.engine.registry import register
from syncd.engine.session import Session
from syncd.engine.tailer import Tailer
from syncd.engine.teller import Teller
from syncd.engine.witnesses import Denied
from syncd.errors import LedgerDamaged, LedgerError, SyncdError
from syncd.files.claim import Claims
from syncd.files.git import operation_around
from syncd.files.history import History
from syncd.files.lines import LinesFolder
from syncd.files.replica import FileReplica
from syncd.files.vigil import Vigil
from syncd.judging import reviewed
from syncd.ledger.connection import damage_in
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import PASSING, StateFolder, put_aside
from syncd.notify import Notifier
from syncd.opening import (
    SystemClock,
    lines_folders,
    make_folder,
    no_token,
    payloads_of,
    place_of,
    registration,
    replicas,
    settings,
)
from syncd.pulse import Pulse, Told
from syncd.remote.client import ConvexHttp
from syncd.remote.listener import Listener
from syncd.remote.meter import Meter
from syncd.remote.replica import ConvexReplica
from syncd.remote.storage import ConvexStorage
from syncd.slips import Gathering
from syncd.standing import StatusReport
from syncd.supervisor import Supervisor

GRACE = 5.0
"""Seconds a stop gives to what is queued; what is not sent by then stays in the outbox."""

log = structlog.get_logger()


@dataclass(slots=True)
class Daemon:
    """What one run owns: the state folder, the way to the deployment, the stores' folders."""

    config: Config
    state: StateFolder
    http: ConvexHttp | None
    token: str | None
    backend: EmbeddedBackend | None
    approved: frozenset[str]
    claims: Claims
    supervisor: Supervisor

    async def run(self, stopping: asyncio.Event, begun: Callable[[], None]) -> None:
        """Keep everything the same until `stopping` is set; `begun` is called once the ledger is
        open. Raises SyncdError.
        """
        while not stopping.is_set():
            ledger = self._open_ledger()
            begun()
            try:
                await self._run_on(ledger, stopping)
            except* AnotherDeployment as another:
                self._rebind(another)
            except* (LedgerDamaged, DatabaseError) as damaged:
                if (damage := damage_in(damaged)) is None:
                    raise
                self._put_aside(ledger, damage)
            finally:
                ledger.close()

    async def once(self, progress: Callable[[Session], Progress]) -> None:
        """Bring both sides to agreement and return. Raises SyncdError."""
        for attempt in range(3):
            ledger = self._open_ledger()
            try:
                session = self._session(ledger, replicas(self.config))
                await session.once(progress(session))
                if (remote := self._remote()) is not None:
                    await Teller(ledger, remote).tell()
            except (AnotherDeployment, Denied, LedgerDamaged, DatabaseError) as parted:
                damage = damage_in(parted)
                if attempt == 2 or (isinstance(parted, DatabaseError) and damage is None):
                    raise
                if isinstance(parted, AnotherDeployment):
                    self._rebind(parted)
                if damage is not None:
                    self._put_aside(ledger, damage)
            else:
                return
            finally:
                ledger.close()

    def _open_ledger(self) -> Ledger:
        ledger = self.state.open_ledger(self.config.url, self.config.workspace)
        if self.http is not None:
            ledger.costs.connect(self.http.meter.spending)
        return ledger

    async def _run_on(self, ledger: Ledger, stopping: asyncio.Event) -> None:
        place = place_of(self.config)
        session = self._session(ledger, place.stores)
        beside = Beside(place, ledger, session, self._remote())
        # What watches the run ends it where it fails: nobody would be told of anything any more.
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watched(session))
            await self._run_beside(session, beside, stopping)
            watching.cancel()  # After the last push: until then the service manager is told.

    async def _watched(self, session: Session) -> None:
        """Tell those who look from outside, until cancelled."""
        told = [self.supervisor.told, Notifier(self.config.notify).told, _reviewing(session)]
        if self.http is not None:
            told.append(Gathering(self.config, self.http.meter.know_beside).told)
        pulse = Pulse(self.config, session.beat, told, self.supervisor.interval)
        async with asyncio.TaskGroup() as group:
            group.create_task(pulse.run())
            if (port := self.config.http.port) is not None:
                from syncd.endpoint import Endpoint

                group.create_task(Endpoint(self.config, port, session.beat).run())

    async def _run_beside(self, session: Session, beside: Beside, stopping: asyncio.Event) -> None:
        if self.http is None:
            session.health.report("deployment", "offline", "no deployment is configured")
            log.warning("offline", why="neither CONVEX_URL nor url is set",
                        advice="saves are kept in the outbox; see README.md")  # fmt: skip
        listener = self._listener(session)
        vigils = [self._vigil(session, store) for store in self.config.stores]
        for vigil in vigils:
            vigil.start()
        async with asyncio.TaskGroup() as group:
            begun = (self.claims.run(), session.run(_telling(listener, beside)), beside.run())
            running = [group.create_task(each) for each in begun]
            running += [group.create_task(vigil.run()) for vigil in vigils]
            if listener is not None:
                running.append(group.create_task(listener.run()))
            if self.backend is not None:
                running.append(group.create_task(self._supervise(self.backend, session)))
            await stopping.wait()
            self.supervisor.stopping()
            for task in running:
                task.cancel()
        await session.flush(GRACE)

    def _session(self, ledger: Ledger, stores: Mapping[str, FileReplica]) -> Session:
        history = History(self.state.history)
        payloads_of(self.state, history).clear()
        growing = lines_folders(self.config)
        folders: dict[str, FileReplica | LinesFolder] = {**stores, **growing}
        told = {
            store.name: registration(store, folders[store.name].identity())
            for store in self.config.stores
        }
        for name in register(ledger, told, history.put):
            make_folder(self.config, name)
        git = {store.name: partial(operation_around, store.path) for store in self.config.stores}
        clock, remote = SystemClock(), self._remote()
        return Session(
            ledger, remote, stores, clock, self.approved, storage=self._storage(),
            git=git, settings=[settings(store) for store in self.config.stores],
            tailer=Tailer(ledger, growing, remote.logs if remote is not None else None, clock),
        )  # fmt: skip

    def _remote(self) -> ConvexReplica | None:
        if self.http is None or self.token is None:
            return None
        own = [store.name for store in self.config.stores if store.direction is Way.OWN]
        return ConvexReplica(self.http, self.token, self.config.workspace, own)

    def _storage(self) -> ConvexStorage | None:
        if self.http is None or self.token is None:
            return None
        return ConvexStorage(self.http, self.token, self.config.workspace)

    def _listener(self, session: Session) -> Listener | None:
        if self.http is None or self.token is None:
            return None
        settings = {"url": self.http.url, "token": self.token, "workspace": self.config.workspace}
        meter = self.http.meter

        def told(head: Cursor, before: Cursor | None) -> None:
            meter.count(Cost(calls=1))
            session.told(head, before)

        def heard_from(state: str, detail: str) -> None:
            session.heard_from(state, detail if state == "live" else meter.held or detail)

        return Listener(settings, session.wake, heard_from, self.http.reachable, told)

    def _vigil(self, session: Session, store: StoreConfig) -> Vigil:
        grows = store.layout == "lines"
        return Vigil(
            store.name, store.path, store.patterns(),
            session.tailer.touched if grows else session.intake.touched,
            session.tailer.request if grows else session.rescan.request, session.health.watched,
        )  # fmt: skip

    async def _supervise(self, backend: EmbeddedBackend, session: Session) -> None:
        def report(event: str, detail: str) -> None:
            log.warning(event, detail=detail)
            session.retry_now()

        await backend.supervise(report)

    def _put_aside(self, ledger: Ledger, damage: str) -> None:
        with suppress(LedgerError):
            ledger.close()
        if self.http is not None:
            self.http.meter.spending.lost()
        path = self.state.ledger_path(self.config.url, self.config.workspace)
        if path is not None:
            put_aside(path, damage)

    def _rebind(self, another: AnotherDeployment | ExceptionGroup[AnotherDeployment]) -> None:
        while isinstance(another, BaseExceptionGroup):
            another = another.exceptions[0]
        log.warning("rebound", why=str(another), kept="the former ledger, in the state folder",
                    next="files and deployment are compared anew; nothing is deleted")  # fmt: skip
        self.state.rebind(self.config.url, self.config.workspace, another.deployment)


@asynccontextmanager
async def open_daemon(
    config: Config,
    approved: frozenset[str] = frozenset(),
    supervisor: Supervisor | None = None,
) -> AsyncIterator[Daemon]:
    """Own the state folder and start the embedded backend if configured. Raises SyncdError."""
    state = StateFolder(config.state)
    async with AsyncExitStack() as stack:
        stack.callback(state.close)
        state.open(PASSING)
        folders = {store.name: store.path for store in config.stores}
        claims = stack.enter_context(Claims(folders))
        backend, url, token = None, config.url, config.token
        if url == EMBEDDED:
            backend = EmbeddedBackend(state.backend, port=config.embedded.port, log=_backend_said)
            stack.push_async_callback(backend.stop)
            await backend.start()
            url = backend.url
            state.backend_url.write_text(url)
            token = await own_token(backend, state.token, config.workspace)
        if url is not None and token is None:
            raise no_token(url)
        meter = Meter(ceiling_of(config.cost), bucket_of(config))
        http = await stack.enter_async_context(ConvexHttp(url, meter=meter)) if url else None
        watching = supervisor or Supervisor()
        yield Daemon(config, state, http, token, backend, approved, claims, watching)


def _reviewing(session: Session) -> Told:
    async def told(found: StatusReport) -> None:
        if reviewed(found):
            await session.end_review()

    return told


def _telling(listener: Listener | None, beside: Beside) -> Tied:
    def tied(trouble: SyncdError | None) -> None:
        if trouble is None:
            beside.tied()
        if listener is not None:
            (listener.resume if trouble is None else listener.doubt)()

    return tied


def _backend_said(line: str) -> None:
    log.debug("backend_said", line=line)
