"""The composition root: from a configuration to running objects, and back to a clean stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from sqlite3 import DatabaseError
from typing import TYPE_CHECKING

import structlog

from syncd.config import EMBEDDED, Config
from syncd.core.direction import Way
from syncd.engine.exchange.asker import Asker
from syncd.engine.exchange.bootstrap import Progress
from syncd.engine.exchange.link import AnotherDeployment
from syncd.engine.exchange.teller import Teller
from syncd.engine.exchange.tombstones import Tombstones
from syncd.engine.exchange.witnesses import Denied
from syncd.engine.lines.tailer import Tailer
from syncd.engine.registry import register
from syncd.engine.retention import Retention
from syncd.engine.session import Session
from syncd.errors import LedgerDamaged, LedgerError
from syncd.files.claim import Claims
from syncd.files.git import operation_around
from syncd.files.history import History, secure
from syncd.files.lines import LinesFolder
from syncd.files.replica import FileReplica
from syncd.ledger.connection import damage_in
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import PASSING, StateFolder, put_aside
from syncd.opening import (
    SystemClock,
    let_go,
    lines_folders,
    make_folder,
    no_token,
    payloads_of,
    registration,
    replicas,
    settings,
)
from syncd.remote.client import ConvexHttp
from syncd.remote.meter import Meter
from syncd.remote.replica import ConvexReplica
from syncd.remote.storage import ConvexStorage
from syncd.report.cost import bucket_of, ceiling_of

if TYPE_CHECKING:
    from syncd.embedded.launcher import EmbeddedBackend

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Access:
    """The way to the deployment, and the token by which it knows this device."""

    http: ConvexHttp
    token: str


@dataclass(slots=True)
class Daemon:
    """What one run owns: the state folder, the stores' folders, and access to the deployment, None
    where none is configured.
    """

    config: Config
    state: StateFolder
    access: Access | None
    backend: EmbeddedBackend | None
    approved: frozenset[str]
    claims: Claims

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no line of the log may hold."""
        tokens = (self.config.token, self.access.token if self.access is not None else None)
        return tuple(filter(None, tokens))

    async def once(self, progress: Callable[[Session], Progress]) -> None:
        """Bring both sides to agreement and return. Raises SyncdError."""
        for attempt in range(3):
            ledger, stores = self.open_ledger(), replicas(self.config)
            try:
                session = self.session(ledger, stores)
                await session.once(progress(session))
                if (remote := self.remote()) is not None:
                    await Teller(ledger, remote).tell()
                    await Asker(ledger, remote).ask()
                await self.retention(ledger, stores, session).if_due()
            except (AnotherDeployment, Denied, LedgerDamaged, DatabaseError) as parted:
                damage = damage_in(parted)
                if attempt == 2 or (isinstance(parted, DatabaseError) and damage is None):
                    raise
                if isinstance(parted, AnotherDeployment):
                    self.rebind(parted)
                if damage is not None:
                    self.put_aside(ledger, damage)
            else:
                return
            finally:
                let_go(stores.values())
                ledger.close()

    def retention(
        self, ledger: Ledger, stores: Mapping[str, FileReplica], session: Session
    ) -> Retention:
        """What keeps the ledger and history within their bounds while `session` runs."""
        history = History(self.state.history)
        tombstones = Tombstones(ledger, stores, session.between_turns)
        return Retention(ledger, history, SystemClock(), session.tidy, tombstones.forget)

    def open_ledger(self) -> Ledger:
        """The ledger of what the configuration names; to be closed. Raises LedgerError."""
        ledger = self.state.open_ledger(self.config.url, self.config.workspace)
        if self.access is not None:
            ledger.costs.connect(self.access.http.meter.spending)
        return ledger

    def session(self, ledger: Ledger, stores: Mapping[str, FileReplica]) -> Session:
        """The engine on `ledger`, of the configured stores that it knows from now on."""
        history = History(self.state.history)
        payloads_of(self.state, history).clear()
        growing = lines_folders(self.config)
        folders: dict[str, FileReplica | LinesFolder] = {**stores, **growing}
        told = {
            store.name: registration(store, folders[store.name].identity())
            for store in self.config.stores
        }
        clock, remote = SystemClock(), self.remote()
        for name in register(ledger, told, clock.now(), partial(secure, history)):
            make_folder(self.config, name)
        git = {store.name: partial(operation_around, store.path) for store in self.config.stores}
        return Session(
            ledger, remote, stores, clock, self.approved, storage=self._storage(),
            git=git, settings=[settings(store) for store in self.config.stores],
            tailer=Tailer(ledger, growing, remote.logs if remote is not None else None, clock),
        )  # fmt: skip

    def remote(self) -> ConvexReplica | None:
        """The workspace on the deployment; None where none is configured."""
        if self.access is None:
            return None
        own = [store.name for store in self.config.stores if store.direction is Way.OWN]
        return ConvexReplica(self.access.http, self.access.token, self.config.workspace, own)

    def _storage(self) -> ConvexStorage | None:
        if self.access is None:
            return None
        return ConvexStorage(self.access.http, self.access.token, self.config.workspace)

    def put_aside(self, ledger: Ledger, damage: str) -> None:
        """Close a damaged ledger and keep its file: the next that is opened begins anew."""
        with suppress(LedgerError):
            ledger.close()
        if self.access is not None:
            self.access.http.meter.spending.lost()
        path = self.state.ledger_path(self.config.url, self.config.workspace)
        if path is not None:
            put_aside(path, damage)

    def rebind(self, another: AnotherDeployment | ExceptionGroup[AnotherDeployment]) -> None:
        """Have the next ledger that is opened be that of the deployment that answers."""
        while isinstance(another, BaseExceptionGroup):
            another = another.exceptions[0]
        is_new = self.state.rebind(self.config.url, self.config.workspace, another.deployment)
        anew = "files and deployment are compared anew; nothing is deleted"
        log.warning("rebound", why=str(another), kept="the former ledger, in the state folder",
                    next=anew if is_new else "it goes on with the ledger it had")  # fmt: skip


@asynccontextmanager
async def open_daemon(
    config: Config, approved: frozenset[str] = frozenset()
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
            from syncd.embedded.enroll import own_token
            from syncd.embedded.launcher import EmbeddedBackend

            backend = EmbeddedBackend(state.backend, port=config.embedded.port, log=_backend_said)
            stack.push_async_callback(backend.stop)
            await backend.start()
            url = backend.url
            state.backend_url.write_text(url)
            token = await own_token(backend, state.token, config.workspace)
        access = None
        if url is not None:
            if token is None:
                raise no_token(url)
            meter = Meter(ceiling_of(config.cost), bucket_of(config))
            http = await stack.enter_async_context(ConvexHttp(url, meter=meter))
            access = Access(http, token)
        yield Daemon(config, state, access, backend, approved, claims)


def _backend_said(line: str) -> None:
    log.debug("backend_said", line=line)
