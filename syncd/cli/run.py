"""`syncd run` and `syncd sync`."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress
from functools import partial
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting, with_stores
from syncd.cli.importing import uncollected
from syncd.cli.progress import showing_progress
from syncd.config import Config
from syncd.core.wording import counted
from syncd.errors import ConfigError, SyncdError
from syncd.logs import set_up

if TYPE_CHECKING:
    from syncd.daemon import Daemon
    from syncd.engine.exchange.bootstrap import Progress
    from syncd.engine.session import Session
    from syncd.signals import Signals

log = structlog.get_logger()

APPROVE = "Send deletions of this store even if its folder is empty or another one."


@app.command()
@reporting
def run(config: ConfigPath = CONFIG) -> int:
    """Keep files and deployment the same until stopped.

    Examples: `syncd run`, `syncd run --config ~/project/config.toml`
    """
    asyncio.run(_run(with_stores(configured(config))))
    return 0


@app.command()
@reporting
def sync(
    config: ConfigPath = CONFIG,
    once: Annotated[bool, typer.Option("--once", help="Stop when both sides agree.")] = False,
    approve_deletions: Annotated[
        list[str] | None, typer.Option("--approve-deletions", metavar="STORE", help=APPROVE)
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Bring files and deployment to agreement, once; `syncd run` keeps them so.

    Examples: `syncd sync --once`, `syncd sync --once --approve-deletions workflows`
    """
    if not once:
        raise ConfigError("`syncd sync` needs --once; nothing was started",
                          "`syncd sync --once`, or `syncd run` to keep them so")  # fmt: skip
    settings = with_stores(configured(config))
    asyncio.run(_once(settings, frozenset(approve_deletions or ())))
    return _summary(settings, as_json=as_json)


async def _run(config: Config) -> None:
    from syncd.signals import Signals

    turns = [config]
    signals = Signals(lambda: _reloaded(turns))
    signals.listen()  # Before the slow imports: a stop is heard from here on.
    _import_client(config)
    with uncollected():
        from syncd.monitoring.supervisor import Supervisor
        from syncd.running import run_daemon

    supervisor = Supervisor()
    while not signals.stopping:
        signals.begin_turn()
        async with AsyncExitStack() as stack:
            try:
                daemon = await _opened(stack, turns[-1], signals)
            except SyncdError as error:
                if len(turns) == 1:
                    raise
                turns.pop()
                _refused(error)
                continue
            del turns[:-1]
            if daemon is not None:
                set_up(secrets=daemon.secrets)
                say = partial(_say_begun, daemon)
                await run_daemon(daemon, supervisor, signals.ending, say)
        if not signals.stopping:
            supervisor.reloading()


async def _opened(stack: AsyncExitStack, config: Config, signals: Signals) -> Daemon | None:
    """The daemon, ready to run; None where it was to end before."""
    from syncd.daemon import open_daemon

    entering = asyncio.create_task(stack.enter_async_context(open_daemon(config)))
    ending = asyncio.create_task(signals.ending.wait())
    try:
        await asyncio.wait((entering, ending), return_when=asyncio.FIRST_COMPLETED)
    finally:
        ending.cancel()
        if not entering.done():
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
    return None if entering.cancelled() else entering.result()


def _import_client(config: Config) -> None:
    if config.url is not None:
        # Most of it is certificates that are read without the interpreter, beside what follows.
        # No daemon thread: an interpreter that ends under an import dies of it (SIGSEGV).
        Thread(target=import_module, args=("aiohttp",)).start()


def _say_begun(daemon: Daemon) -> None:
    config = daemon.config
    stores, other = counted(len(config.stores), "store"), "no deployment"
    if daemon.access is not None:
        other = daemon.access.http.url
    typer.echo(f"mirroring {stores}, workspace {config.workspace!r}, with {other}", err=True)


def _reloaded(turns: list[Config]) -> bool:
    """Add the configuration as it is now, if it can be used."""
    try:
        turns.append(with_stores(configured(turns[-1].source)))
    except ConfigError as error:
        _refused(error)
        return False
    return True


def _refused(error: SyncdError) -> None:
    log.warning("reload_refused", what=str(error), advice=error.advice,
                next="the configuration of before stays in force")  # fmt: skip


async def _once(config: Config, approved: frozenset[str]) -> None:
    _import_client(config)
    with uncollected():
        from syncd.daemon import open_daemon
        from syncd.opening import no_deployment
    with showing_progress() as progress:
        async with open_daemon(config, approved) as daemon:
            set_up(secrets=daemon.secrets)
            if daemon.access is None:
                raise no_deployment()
            ticking: list[asyncio.Task[None]] = []

            def progress_of(session: Session) -> Progress:
                for former in ticking:
                    former.cancel()  # Its session's ledger is closed: a new epoch began.
                ticking.append(asyncio.create_task(_tick(session, progress)))
                return progress

            try:
                await daemon.once(progress_of)
            finally:
                for task in ticking:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task


async def _tick(session: Session, progress: Progress) -> None:
    most = 0
    while True:
        gauge = session.gauge()
        left = gauge.named + gauge.queued + gauge.sent + gauge.growing
        most = max(most, left)
        if most:
            progress("mirroring", most - left, most)
        await asyncio.sleep(0.1)


def _summary(config: Config, *, as_json: bool) -> int:
    from syncd.cli.status import print_problems
    from syncd.report.status import report

    found = report(config)
    files = sum(store.files for store in found.stores)
    if as_json:
        from syncd.cli.reports import SyncReport

        told = SyncReport(
            files=files, unwell=found.unwell, stores=found.stores, problems=found.problems
        )
        typer.echo(told.model_dump_json(indent=2, ensure_ascii=True))
    else:
        mirrored = f"{counted(files, 'file')} mirrored in {counted(len(found.stores), 'store')}"
        typer.echo(f"{mirrored}; {found.unwell} need{'s' if found.unwell == 1 else ''} a look")
        print_problems(found)
    return 0 if found.exit_code == 6 else found.exit_code
