"""The composition root: from a configuration to running objects, and back to a clean stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from syncd.config import EMBEDDED, Config, StoreConfig
from syncd.embedded.enroll import enroll, own_token
from syncd.embedded.launcher import EmbeddedBackend
from syncd.engine.bootstrap import Progress
from syncd.engine.link import AnotherEpoch
from syncd.engine.online import Tied
from syncd.engine.registry import Registration, register
from syncd.engine.session import Session
from syncd.errors import ConfigError, SyncdError
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.vigil import Vigil
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import StateFolder
from syncd.remote.client import ConvexHttp
from syncd.remote.listener import Listener
from syncd.remote.replica import ConvexReplica

GRACE = 5.0
"""Seconds a stop gives to what is queued; what is not sent by then stays in the outbox."""

log = structlog.get_logger()


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary start."""
        return time.monotonic()

    def read_ns(self) -> int:
        """Nanoseconds since the epoch, on the clock that stamps files."""
        return time.time_ns()


@dataclass(slots=True)
class Daemon:
    """What one run owns: the state folder, the way to the deployment, the stores' folders."""

    config: Config
    state: StateFolder
    http: ConvexHttp | None
    token: str | None
    backend: EmbeddedBackend | None
    approved: frozenset[str]

    async def run(self, stopping: asyncio.Event) -> None:
        """Keep everything the same until `stopping` is set. Raises SyncdError."""
        while not stopping.is_set():
            ledger = self.state.open_ledger(self.config.url, self.config.workspace)
            try:
                await self._run_on(ledger, stopping)
            except* AnotherEpoch as epochs:
                self._begin_epoch(epochs)
            finally:
                ledger.close()

    async def once(self, progress: Callable[[Session], Progress]) -> None:
        """Bring both sides to agreement and return. Raises SyncdError."""
        for attempt in range(2):
            ledger = self.state.open_ledger(self.config.url, self.config.workspace)
            try:
                session = self._session(ledger)
                await session.once(progress(session))
            except AnotherEpoch as epoch:
                if attempt:
                    raise
                self._begin_epoch(epoch)
            else:
                return
            finally:
                ledger.close()

    async def _run_on(self, ledger: Ledger, stopping: asyncio.Event) -> None:
        session = self._session(ledger)
        if self.http is None:
            session.health.report("deployment", "offline", "no deployment is configured")
            log.warning("offline", why="neither CONVEX_URL nor url is set",
                        advice="saves are kept in the outbox; see README.md")  # fmt: skip
        listener = self._listener(session)
        vigils = [self._vigil(session, store) for store in self.config.stores]
        for vigil in vigils:
            vigil.start()
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(vigil.run()) for vigil in vigils]
            running.append(group.create_task(session.run(_telling(listener))))
            if listener is not None:
                running.append(group.create_task(listener.run()))
            if self.backend is not None:
                running.append(group.create_task(self._supervise(self.backend, session)))
            await stopping.wait()
            for task in running:
                task.cancel()
        await session.flush(GRACE)

    def _session(self, ledger: Ledger) -> Session:
        stores = replicas(self.config)
        for name in register(ledger, {s.name: _registration(s) for s in self.config.stores}):
            _make(self.config, name)
        remote = None
        if self.http is not None and self.token is not None:
            remote = ConvexReplica(self.http, self.token, self.config.workspace)
        return Session(ledger, remote, stores, SystemClock(), self.approved)

    def _listener(self, session: Session) -> Listener | None:
        if self.http is None or self.token is None:
            return None
        settings = {
            "url": self.http.url, "token": self.token, "workspace": self.config.workspace
        }  # fmt: skip
        return Listener(
            settings,
            session.wake,
            lambda state, detail: session.health.report("listener", state, detail),
            self.http.reachable,
        )

    def _vigil(self, session: Session, store: StoreConfig) -> Vigil:
        return Vigil(
            store.name, store.path, store.patterns(), session.intake.touched,
            session.rescan.request, session.health.report,
        )  # fmt: skip

    async def _supervise(self, backend: EmbeddedBackend, session: Session) -> None:
        def report(event: str, detail: str) -> None:
            log.warning(event, detail=detail)
            session.retry_now()

        await backend.supervise(report)

    def _begin_epoch(self, epoch: AnotherEpoch | ExceptionGroup[AnotherEpoch]) -> None:
        while isinstance(epoch, BaseExceptionGroup):
            epoch = epoch.exceptions[0]
        log.warning("epoch_began", why=epoch.why, kept="the former ledger, in the state folder",
                    next="files and deployment are compared anew; nothing is deleted")  # fmt: skip
        self.state.new_ledger(self.config.url, self.config.workspace).close()


@asynccontextmanager
async def open_daemon(
    config: Config, approved: frozenset[str] = frozenset()
) -> AsyncIterator[Daemon]:
    """Own the state folder and start the embedded backend if configured. Raises SyncdError."""
    state = StateFolder(config.state)
    async with AsyncExitStack() as stack:
        stack.callback(state.close)
        state.open()
        backend, url, token = None, config.url, config.token
        if url == EMBEDDED:
            backend = EmbeddedBackend(state.backend, port=config.embedded.port, log=_backend_said)
            stack.push_async_callback(backend.stop)
            await backend.start()
            url = backend.url
            state.backend_url.write_text(url)
            token = await own_token(backend, state.token, config.workspace)
        if url is not None and token is None:
            raise _no_token(url)
        http = await stack.enter_async_context(ConvexHttp(url)) if url else None
        yield Daemon(config, state, http, token, backend, approved)


async def stopped_by_signal(stopping: asyncio.Event) -> None:
    """Set `stopping` on SIGTERM or SIGINT; a second one ends the process at once."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        if stopping.is_set():
            raise SystemExit(1)
        log.info("stopping", again="a second signal skips what is still to be sent")
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)


@asynccontextmanager
async def open_remote(config: Config) -> AsyncIterator[ConvexReplica]:
    """The deployment as it is, beside a running daemon or without one. Raises SyncdError."""
    state = StateFolder(config.state)
    if config.url == EMBEDDED and state.owner() is None:
        async with open_daemon(config) as daemon:
            if daemon.http is not None and daemon.token is not None:
                yield ConvexReplica(daemon.http, daemon.token, config.workspace)
        return
    url, token = config.url, config.token
    if url == EMBEDDED:
        url, token = state.backend_url.read_text(), state.token.read_text().strip()
    if url is None:
        raise ConfigError("no deployment is configured", "set CONVEX_URL: see README.md")
    if token is None:
        raise _no_token(url)
    async with ConvexHttp(url) as http:
        yield ConvexReplica(http, token, config.workspace)


def replicas(config: Config) -> dict[str, FileReplica]:
    """The folders of the configured stores, by name."""
    history = History(StateFolder(config.state).history)
    return {
        store.name: FileReplica(store.path, store.kind, store.patterns(), history)
        for store in config.stores
    }


async def enroll_device(config: Config, name: str) -> str:
    """A token for the device `name` on the embedded backend, which must be running."""
    state = StateFolder(config.state)
    if config.url != EMBEDDED or state.owner() is None:
        raise ConfigError(
            "no embedded backend runs for this configuration; nobody was enrolled",
            "start `syncd run` first; on another deployment use "
            "`npx convex run devices:enroll`, see convex/README.md",
        )
    url = state.backend_url.read_text()
    answer = await enroll(url, state.backend / "admin_key", config.workspace, name)
    return answer.token


def _no_token(url: str) -> ConfigError:
    return ConfigError(
        f"there is no device token for {url}; nothing was started",
        "enroll this device (`npx convex run devices:enroll`, see README.md) and set SYNCD_TOKEN",
    )


def _telling(listener: Listener | None) -> Tied:
    def tied(trouble: SyncdError | None) -> None:
        if listener is not None and trouble is None:
            listener.resume()
        elif listener is not None:
            listener.doubt()

    return tied


def _registration(store: StoreConfig) -> Registration:
    return Registration(store.model_dump_json(), store.patterns().matches)


def _make(config: Config, name: str) -> None:
    # Only for a store that was never in touch: later a missing folder is a reason to stop.
    path = next(store.path for store in config.stores if store.name == name)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the folder of store {name!r} cannot be made: {error.strerror}; nothing was started",
            "make it, or mend its path in config.toml",
        ) from error


def _backend_said(line: str) -> None:
    log.debug("backend_said", line=line)
