"""`syncd health`: for probes; says little and ends at once."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.config import Config
from syncd.errors import NotReachable
from syncd.report.standing import HealthReport, Readiness

PATIENCE = 5.0
"""Seconds in which the engine must be able to begin a turn."""

LIVE = "Whether the daemon makes progress, whatever becomes of the deployment."
STARTUP = "Whether the daemon has begun: as ready, but for a token that is refused."


@app.command()
@reporting
def health(
    config: ConfigPath = CONFIG,
    live: Annotated[bool, typer.Option("--live", help=LIVE)] = False,
    startup: Annotated[bool, typer.Option("--startup", help=STARTUP)] = False,
    as_json: AsJson = False,
) -> int:
    """Tell whether programs may rely on the daemon: exit code 0 for yes, 1 for not now, 6 for down.

    Examples: `syncd health`, `syncd health --live`
    """
    settings = configured(config)
    asyncio.run(_progresses(settings))
    if live:
        _print(HealthReport(), as_json=as_json)
        return 0
    from syncd.report.judging import readiness
    from syncd.report.status import report

    found = report(settings)
    told = readiness(found)
    _print(HealthReport(readiness=told, state=found.state, detail=found.detail), as_json=as_json)
    return 0 if told is Readiness.READY or (startup and told is Readiness.HALTED) else 1


def _print(found: HealthReport, *, as_json: bool) -> None:
    if as_json:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
    elif found.readiness is None or found.state is None:
        typer.echo("alive")
    else:
        # Where both are one word, as in "halted", the second would say nothing.
        told = found.state.value if found.state.value != found.readiness.value else found.detail
        typer.echo(f"{found.readiness.value}: {told}")


async def _progresses(config: Config) -> None:
    """Return if a daemon runs and could begin another turn, or waits for room, which none begun
    anew would have either. Raises NotReachable.
    """
    from syncd.control.client import ping
    from syncd.ledger.owner import is_closed, waiting_owner
    from syncd.ledger.state import StateFolder

    if is_closed(config.state):
        raise NotReachable(
            f"whether a daemon owns {config.state} cannot be told: it is another user's",
            "run this as the user whose daemon it is",
        )
    if StateFolder(config.state).owner() is None:
        raise NotReachable(f"no daemon owns {config.state}", "start it with `syncd run`")
    if waiting_owner(config.state) is None:
        await ping(config.state, PATIENCE)
