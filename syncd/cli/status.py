"""`syncd status`."""

from __future__ import annotations

import time

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.text import folded, shown
from syncd.standing import StatusReport
from syncd.status import report

LISTED = 10
"""Deletions of one guard that are listed for a reader."""


@app.command()
@reporting
def status(config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Tell how things are, from the ledger: works with the daemon down.

    Examples: `syncd status`, `syncd status --json`
    """
    found = report(configured(config))
    if as_json:
        typer.echo(found.model_dump_json(indent=2))
    else:
        _print(found)
    return found.exit_code


def _print(found: StatusReport) -> None:
    runs = f"daemon {found.running}" if found.running is not None else "no daemon"
    typer.echo(folded(f"{found.state.value}: {shown(found.detail)}", "  "))
    typer.echo(f"{runs}; workspace {found.workspace}; {found.url or 'no deployment'}")
    typer.echo(f"outbox: {found.queued} queued, {found.sent} sent, {found.parked} parked")
    for store in found.stores:
        more = f", {store.payloads} of them payloads, without columns" if store.payloads else ""
        more += f", {store.unsent:,} bytes of lines to be sent" if store.unsent else ""
        more += "" if store.bootstrapped else ", not in touch with the deployment yet"
        typer.echo(f"store {store.name}: {store.files} files{more}, {store.held} held")
        typer.echo(f"  {store.path}")
    for name, part in sorted(found.parts.items()):
        detail = f" ({shown(part.detail)})" if part.detail else ""
        typer.echo(f"{name}: {part.state} for {_age(part.since)}{detail}")
    print_problems(found)


def print_problems(found: StatusReport) -> None:
    """Every problem on three lines: what, why, what to do."""
    for problem in found.problems:
        typer.echo(f"{problem.sort} {shown(problem.key)}: {problem.reason}")
        typer.echo(folded(f"  {shown(problem.detail)}", "  "))
        for key in problem.waiting[:LISTED]:
            typer.echo(f"    {shown(key)}")
        if problem.deletions > LISTED:
            typer.echo(f"    ... and {problem.deletions - LISTED} more: `syncd status --json`")
        typer.echo(folded(f"  -> {problem.advice}", "     "))
    more = found.unwell - len(found.problems)
    if more > 0:
        typer.echo(f"... and {more} more")


def _age(since: float) -> str:
    seconds = max(0.0, time.time() - since)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
