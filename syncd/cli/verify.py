"""`syncd verify`."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting, with_stores
from syncd.cli.progress import showing_progress
from syncd.cli.reports import VerifyReport, name_of, verdicts_of
from syncd.cli.text import shown
from syncd.config import Config
from syncd.engine.looking.verify import Verdict

SHOWN = 50
"""Differing keys that are listed; the rest are counted."""


@app.command()
@reporting
def verify(config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Read every file and compare its digest with what Convex holds; of lines, how far they go.

    Examples: `syncd verify`, `syncd verify --json`
    """
    verdicts = asyncio.run(_verify(with_stores(configured(config))))
    if as_json:
        drift = any(verdict.drifts for verdict in verdicts)
        report = VerifyReport(drift=drift, stores=verdicts_of(verdicts))
        typer.echo(report.model_dump_json(indent=2, ensure_ascii=True))
    else:
        _print(verdicts)
    if any(verdict.drifts for verdict in verdicts):
        return 7
    return 4 if any(verdict.held for verdict in verdicts) else 0


async def _verify(config: Config) -> list[Verdict]:
    from syncd.attach import open_remote
    from syncd.engine.looking.verify import verify as compare
    from syncd.engine.looking.verify_lines import verify_lines
    from syncd.opening import lines_folders, replicas

    async with AsyncExitStack() as stack:
        remote = await stack.enter_async_context(open_remote(config))
        progress = stack.enter_context(showing_progress())
        verdicts = await compare(remote, replicas(config), progress)
        return verdicts + await verify_lines(remote.logs, lines_folders(config))


def _print(verdicts: list[Verdict]) -> None:
    for verdict in verdicts:
        drift = f"{len(verdict.drifts):,} differ" if verdict.drifts else "no drift"
        # `status` counts more as held: what could not be written here too, which differs.
        left = f"{len(verdict.held):,} not compared"
        typer.echo(f"{verdict.store}: {verdict.same:,} same, {drift}, {left}")
        for found in verdict.drifts[:SHOWN]:
            here = found.local[:8] if found.local else "no file"
            there = found.remote[:8] if found.remote else "no entry"
            typer.echo(f"  {shown(name_of(found))}: here {here}, there {there}")
        if len(verdict.drifts) > SHOWN:
            typer.echo(f"  ... and {len(verdict.drifts) - SHOWN:,} more")
        for path, reason in list(verdict.held.items())[:SHOWN]:
            typer.echo(f"  not compared {shown(path)}: {reason}")
        if len(verdict.held) > SHOWN:
            typer.echo(f"  ... and {len(verdict.held) - SHOWN:,} more were not compared")
    if any(verdict.drifts for verdict in verdicts):
        typer.echo("-> `syncd plan` tells what would be done about what differs")
    if any(verdict.held for verdict in verdicts):
        typer.echo("-> `syncd explain PATH` tells why a file was not compared, and what to do")
