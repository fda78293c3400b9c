"""`syncd log` and `syncd restore`: what became of a file, and making it again what it was."""

from __future__ import annotations

import shlex
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.asking import have_done, print_answer
from syncd.cli.naming import key_of, time_of
from syncd.cli.text import moment, shown
from syncd.config import Config
from syncd.control.messages import Restore
from syncd.core.model import Digest, Key
from syncd.errors import ConfigError
from syncd.listing import EventReport, open_listing

PATH = "STORE:PATH, or the file's path; behind it #ID, for one record of many."
FOLLOW = "Go on with what happens, until interrupted; with --json an object a line."
LOOK = 0.5
"""Seconds between two looks at the ledger."""

AT = "As it was at this time: 2026-11-23T14:00, or 2h for that long ago."


@app.command()
@reporting
def log(
    path: Annotated[str | None, typer.Argument(help=PATH)] = None,
    config: ConfigPath = CONFIG,
    most: Annotated[int, typer.Option("--most", min=1, help="How many of the newest.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help=FOLLOW)] = False,
    as_json: AsJson = False,
) -> int:
    """List what became of a file, or of all, the oldest first.

    Examples: `syncd log workflows/a.json`, `syncd log --follow`
    """
    settings = configured(config)
    key = None if path is None else key_of(settings, path)
    if follow:
        return _follow(settings, key, most, as_json=as_json)
    with open_listing(settings) as listing:
        found = listing.log(key, most)
    if as_json:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
        return 0
    for event in reversed(found.events):
        _print(event, named=path is None or bool(event.record))
    if not found.events:
        typer.echo(shown("nothing is recorded" if key is None else f"nothing is recorded of {key}"))
    return 0


@app.command()
@reporting
def restore(
    path: Annotated[str, typer.Argument(help=PATH)],
    config: ConfigPath = CONFIG,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help=AT)] = None,
    revision: Annotated[
        int | None, typer.Option("--rev", metavar="N", help="As it was at this revision.")
    ] = None,
    digest: Annotated[
        str | None, typer.Option("--digest", metavar="D", help="Start of the version's digest.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Make a file hold an earlier version again; what it holds now goes into history first.

    Examples: `syncd restore workflows/a.json --at 2h`, `syncd restore flows:a.json --rev 3`
    """
    settings = configured(config)
    key = key_of(settings, path)
    version = _version(settings, key, at, revision, digest)
    answer = have_done(
        settings, Restore(store=key.store, path=key.path, record=key.record, digest=version)
    )
    return print_answer(answer, as_json=as_json, nothing="nothing was restored")


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
                    _print(event, named=key is None)
            sys.stdout.flush()
            time.sleep(LOOK)
    return 0


def _version(
    config: Config, key: Key, at: str | None, revision: int | None, digest: str | None
) -> Digest:
    if sum(told is not None for told in (at, revision, digest)) != 1:
        raise ConfigError(
            "say which version; nothing was changed",
            f"with one of --at, --rev and --digest: `syncd log {shlex.quote(str(key))}` lists them",
        )
    with open_listing(config) as listing:
        if at is not None:
            return listing.at(key, time_of(at, datetime.now(UTC)))
        if revision is not None:
            return listing.revision(key, revision)
        return listing.digest(key, digest or "")


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
