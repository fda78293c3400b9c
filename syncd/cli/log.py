"""`syncd log`: what became of a file."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.naming import PATHS, place_of
from syncd.cli.text import moment, shown
from syncd.config import Config
from syncd.core.model import Key
from syncd.report.listing import EventReport, open_listing

FOLLOW = "Go on with what happens, until interrupted; with --json an object a line."
LOOK = 0.5
"""Seconds between two looks at the ledger."""


@app.command()
@reporting
def log(
    path: Annotated[str | None, typer.Argument(help=PATHS)] = None,
    config: ConfigPath = CONFIG,
    most: Annotated[
        int, typer.Option("--most", metavar="N", min=1, help="How many of the newest.")
    ] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=FOLLOW)] = False,
    as_json: AsJson = False,
) -> int:
    """List what became of a file, of those below a folder, or of all, the oldest first.

    Examples: `syncd log workflows/a.json`, `syncd log --follow`
    """
    settings, most = configured(config), min(most, sys.maxsize)
    key = None if path is None else place_of(settings, path)
    if follow:
        return _follow(settings, key, most, as_json=as_json)
    with open_listing(settings) as listing:
        found = listing.log(key, most)
    if as_json:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
        return 0
    for event in reversed(found.events):
        _print(event, named=_is_below(event, key))
    if not found.events:
        typer.echo(shown("nothing is recorded" if key is None else f"nothing is recorded of {key}"))
    return 0


def _follow(config: Config, key: Key | None, most: int, *, as_json: bool) -> int:
    """Print what happens until interrupted; as JSON, an object a line."""
    place = 0
    with suppress(KeyboardInterrupt):
        while True:
            with open_listing(config) as listing:
                place, events = listing.after(place, key, most)
            for event in events:
                if as_json:
                    typer.echo(event.model_dump_json(ensure_ascii=True))
                else:
                    _print(event, named=_is_below(event, key))
            sys.stdout.flush()
            time.sleep(LOOK)
    return 0


def _is_below(event: EventReport, key: Key | None) -> bool:
    """Whether an event is of something else than the very file that was asked about."""
    return key is None or bool(event.record) or event.path != key.path


def _print(event: EventReport, *, named: bool) -> None:
    facts = [f"{moment(event.at)}  {event.what:9}"]
    if event.revision is not None:
        facts.append(f"rev {event.revision}")
    if event.digest is not None:
        facts.append(event.digest[:12])
    if event.who is not None:
        facts.append(f"by {event.who}")
    typer.echo(shown("  ".join(facts)))
    if named:
        typer.echo(shown(f"  {Key(event.store, event.path, event.record)}"))
    if event.detail:
        typer.echo(shown(f"  {event.detail}"))
