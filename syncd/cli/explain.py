"""`syncd explain`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.naming import PATH, key_of
from syncd.cli.text import folded, moment, shown, size
from syncd.core.model import Key
from syncd.core.wording import counted
from syncd.report.explain import Explanation, Side
from syncd.report.explain import explain as gathered

SHOWN = 10
"""Open conflicts whose numbers are told; the rest are counted."""


@app.command()
@reporting
def explain(
    path: Annotated[str, typer.Argument(help=PATH)],
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
) -> int:
    """Tell everything about one file: its store, both sides, what waits, what happens next.

    Examples: `syncd explain workflows/a.json`, `syncd explain workflows:a.json --json`
    """
    settings = configured(config)
    told = gathered(settings, key_of(settings, path))
    if as_json:
        typer.echo(told.model_dump_json(indent=2, ensure_ascii=True))
    else:
        _print(told)
    return 4 if told.held or told.conflicts else 0


def _print(told: Explanation) -> None:
    mirrored = "mirrored" if told.mirrored else "not mirrored"
    typer.echo(shown(str(Key(told.store, told.path, told.record))))
    typer.echo(shown(f"  file    {told.file}"))
    typer.echo(shown(f"  store   {told.store}; {mirrored}: {told.why}"))
    if told.mirrored:
        gone = "no record" if told.record else "no file"
        typer.echo(f"  agreed  {_side(told.base, 'never', gone)}")
        unread = f"not taken: {told.unread}" if told.unread else gone
        typer.echo(f"  here    {_side(told.local, unread, gone)}")
        typer.echo(f"  there   {_there(told, gone)}")
    if told.records is not None and not told.record:
        typer.echo(f"  around  a list of {counted(told.records, 'record')}: say PATH#ID for one")
    if told.pending:
        typer.echo(f"  outbox  {told.pending}")
    if told.held:
        typer.echo(folded(shown(f"  held    {told.held}"), " " * 10))
        typer.echo(folded(shown(f"          -> {told.advice}"), " " * 13))
    if told.conflicts:
        _print_conflicts([each.number for each in told.conflicts])
    typer.echo(f"  next    {told.next}")
    for event in told.events:
        revision = "" if event.revision is None else f"  rev {event.revision}"
        of = f"#{event.record}" if event.record != told.record else ""
        facts = "  ".join(fact for fact in (event.what + revision, of, event.detail) if fact)
        line = f"  {moment(event.at)}  {facts}"
        typer.echo(shown(line.rstrip()))


def _print_conflicts(numbers: Sequence[int]) -> None:
    what = "conflict" if len(numbers) == 1 else "conflicts"
    more = f" and {len(numbers) - SHOWN:,} more" if len(numbers) > SHOWN else ""
    typer.echo(f"  {what} {', '.join(map(str, numbers[:SHOWN]))}{more}, open")
    typer.echo(f"          -> `syncd conflicts diff {numbers[0]}` compares")


def _there(told: Explanation, gone: str) -> str:
    side = _side(told.remote, "", gone)
    if not side:
        return "never heard of"
    return f"{side}, as last heard: {told.out_of_touch}" if told.out_of_touch else side


def _side(side: Side | None, nothing: str, gone: str) -> str:
    if side is None or (side.revision == 0 and side.digest is None):
        return nothing
    revision = "" if side.revision is None else f", revision {side.revision}"
    if side.digest is None:
        return f"{gone}{revision}"
    return f"{side.digest[:12]}, {size(side.size)}{revision}"
