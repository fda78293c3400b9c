"""`syncd run` and `syncd sync`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import structlog
import typer

from syncd.cli.app import CONFIG, ConfigPath, app, configured, reporting
from syncd.cli.progress import showing_progress
from syncd.config import Config
from syncd.engine.bootstrap import Progress
from syncd.engine.session import Session
from syncd.errors import ConfigError
from syncd.logs import set_up

log = structlog.get_logger()

APPROVE = "Send deletions of this store even if its folder is empty or another one."


@app.command()
@reporting
def run(config: ConfigPath = CONFIG) -> int:
    """Keep files and deployment the same until stopped.

    Examples: `syncd run`, `syncd run --config ~/project/config.toml`
    """
    asyncio.run(_run(_with_stores(configured(config))))
    return 0


@app.command()
@reporting
def sync(
    config: ConfigPath = CONFIG,
    once: Annotated[bool, typer.Option("--once", help="Stop when both sides agree.")] = False,
    approve_deletions: Annotated[
        list[str] | None, typer.Option("--approve-deletions", metavar="STORE", help=APPROVE)
    ] = None,
) -> int:
    """Bring files and deployment to agreement, once; `syncd run` keeps them so.

    Examples: `syncd sync --once`, `syncd sync --once --approve-deletions workflows`
    """
    if not once:
        raise ConfigError("`syncd sync` needs --once", "or start `syncd run` to stay in sync")
    return asyncio.run(_once(_with_stores(configured(config)), frozenset(approve_deletions or ())))


async def _run(config: Config) -> None:
    from syncd.daemon import open_daemon
    from syncd.signals import Signals
    from syncd.supervisor import Supervisor

    turns = [config]
    signals = Signals(lambda: _reloaded(turns))
    signals.listen()
    supervisor = Supervisor()
    while not signals.stopping:
        signals.begin_turn()
        config = turns[-1]
        async with open_daemon(config, supervisor=supervisor) as daemon:
            set_up(secrets=(daemon.token or "",))
            say = f"mirroring {len(config.stores)} stores, workspace {config.workspace!r}"
            with_ = daemon.http.url if daemon.http else "no deployment"
            typer.echo(f"{say}, with {with_}", err=True)
            await daemon.run(signals.ending)
        if not signals.stopping:
            supervisor.reloading()


def _reloaded(turns: list[Config]) -> bool:
    """Add the configuration as it is now, if it can be used."""
    try:
        turns.append(_with_stores(configured(turns[-1].source)))
    except ConfigError as error:
        log.warning("reload_refused", what=str(error), advice=error.advice,
                    next="the configuration of before stays in force")  # fmt: skip
        return False
    return True


async def _once(config: Config, approved: frozenset[str]) -> int:
    from syncd.daemon import open_daemon

    with showing_progress() as progress:
        async with open_daemon(config, approved) as daemon:
            set_up(secrets=(daemon.token or "",))
            if daemon.http is None:
                raise ConfigError(
                    "no deployment is configured; nothing was sent",
                    'set CONVEX_URL, or url = "embedded" in config.toml',
                )
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
    return _summary(config)


async def _tick(session: Session, progress: Progress) -> None:
    most = 0
    while True:
        gauge = session.gauge()
        left = gauge.named + gauge.queued + gauge.sent + gauge.growing
        most = max(most, left)
        if most:
            progress("mirroring", most - left, most)
        await asyncio.sleep(0.1)


def _summary(config: Config) -> int:
    from syncd.cli.status import print_problems
    from syncd.status import report

    found = report(config)
    files = sum(store.files for store in found.stores)
    typer.echo(f"{files} files mirrored in {len(found.stores)} stores; {found.unwell} need a look")
    print_problems(found)
    return 0 if found.exit_code == 6 else found.exit_code


def _with_stores(config: Config) -> Config:
    if config.stores:
        return config
    raise ConfigError(
        f"{config.source} names no store; nothing was started",
        "add a [[store]] with name, kind and path",
    )
