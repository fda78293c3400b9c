"""`syncd init`: from a folder with stores to a machine that is ready to mirror them."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, reporting
from syncd.cli.enrolling import enrolled
from syncd.cli.reports import InitReport, verdicts_of
from syncd.cli.text import shown
from syncd.config import EMBEDDED, Config, EmbeddedConfig, load, require_usable
from syncd.core.wording import counted
from syncd.engine.looking.verify import Verdict
from syncd.errors import ConfigError

DEFAULT = "default"
"""The workspace of those who name none."""

SHOWN = 10
"""Files that differ which are named; the rest are counted."""

NEARBY = 100
"""Ports behind the usual one that are tried for the local backend."""

URL = 'The deployment\'s URL, or "embedded"; else CONVEX_URL decides.'
WORKSPACE = "Machines with the same workspace share one mirror."
DEVICE = "What this machine is called."
YES = "Go on without asking: where both sides differ the file wins, the other is kept."


@app.command()
@reporting
def init(
    config: ConfigPath = CONFIG,
    url: Annotated[str | None, typer.Option("--url", help=URL)] = None,
    workspace: Annotated[str, typer.Option("--workspace", help=WORKSPACE)] = DEFAULT,
    device: Annotated[str | None, typer.Option("--device", help=DEVICE)] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help=YES)] = False,
    as_json: AsJson = False,
) -> int:
    """Find stores, write config.toml, enroll this machine, and tell what the first contact does.

    Nothing is mirrored yet. A config.toml that names stores and a deployment stays as it is; to one
    that names none those that are found, or that of --url, are added. Enrolling takes a deploy key
    in CONVEX_DEPLOY_KEY (or CONVEX_SELF_HOSTED_ADMIN_KEY), for this command only. Exit code 3 where
    files differ on both sides, and nobody said to go on.

    Examples: `syncd init --url embedded`, `syncd init --device laptop`
    """
    # With --json what is told on the way is for people, who look at standard error.
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        code, verdicts = _ready(config, url, workspace, device, yes=yes)
    if as_json:
        stores, source = verdicts_of(verdicts), str(config.absolute())
        report = InitReport(source=source, ready=code == 0, stores=stores)
        typer.echo(report.model_dump_json(indent=2, ensure_ascii=True))
    return code


def _ready(
    config: Path, url: str | None, workspace: str, device: str | None, *, yes: bool
) -> tuple[int, list[Verdict]]:
    """The exit code, and what the first contact finds, where it came to that."""
    _configure(config, url, workspace)
    settings = load(config)
    _tell_left_aside(settings, url, workspace)
    if not settings.stores:
        typer.echo(f"no folder here looks like a store: add a [[store]] to {settings.source}")
        return 2, []
    if settings.url is None:
        typer.echo("no deployment is configured: `syncd init --url URL` writes it into "
                   f"{settings.source}; or set CONVEX_URL, in .env.local, say. `syncd init --url "
                   "embedded` tries syncd without one")  # fmt: skip
        return 2, []
    settings = asyncio.run(enrolled(settings, device or socket.gethostname()))
    _make_folders(settings)
    verdicts = asyncio.run(_plan(settings))
    _print_plan(verdicts, [store.name for store in settings.stores if store.layout == "lines"])
    if _clashes(verdicts) and not yes and not _agreed():
        typer.echo("nothing was mirrored; `syncd run` begins once you are ready")
        return 3, verdicts
    typer.echo("ready: `syncd run` begins, `syncd service install` keeps it running")
    return 0, verdicts


def _configure(path: Path, url: str | None, workspace: str) -> None:
    from syncd.setup.discovery import configuration, discover, tables, with_url

    there = path.exists()
    settings = load(path) if there else None
    found = [] if settings and settings.stores else discover(path.absolute().parent)
    lacks_url = url is not None and settings is not None and settings.url is None
    if there and not found and not lacks_url:
        typer.echo(f"{path} is there and stays as it is")
        return
    try:
        require_usable(path, url, workspace)
    except ConfigError as error:  # What is written now is what the next `syncd init` reads first.
        raise ConfigError(str(error), "say another --url or --workspace") from error
    port = None if there else _other_port(url)
    try:
        if url is not None and lacks_url:
            _write_over(path, with_url(path.read_bytes().decode("utf-8-sig"), url))
            typer.echo(f"added url to {path}")
        if there and not found:
            return
        with path.open("a" if there else "x", encoding="utf-8") as file:
            file.write(tables(found) if there else configuration(found, url, workspace, port))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror}; nothing was changed",
            "make its folder"
            if isinstance(error, FileNotFoundError)
            else "let this user write it, and its folder; or name another file with --config",
        ) from error
    verb = "added to {} {}" if there else "wrote {} with {}"
    typer.echo(verb.format(path, counted(len(found), "store")))
    for each in found:
        typer.echo(shown(f"  {each.kind.value:10} {each.path}: {each.because}"))
    if port is not None:
        typer.echo(f"another program has port {EmbeddedConfig().port}, so that the local backend "
                   f"gets {port or 'any that is free'}")  # fmt: skip


def _other_port(url: str | None) -> int | None:
    """A port for the local backend, where another program has the usual one; 0: any."""
    usual = EmbeddedConfig().port
    if url != EMBEDDED or _is_free(usual):
        return None
    return next((port for port in range(usual + 1, usual + NEARBY) if _is_free(port)), 0)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_over(path: Path, text: str) -> None:
    """Have a file that a person wrote hold `text`, at once and with the mode it has."""
    place = path.resolve()
    arriving = place.with_name(f".{place.name}.new")
    arriving.write_bytes(text.encode())
    arriving.chmod(place.stat().st_mode & 0o777)
    arriving.replace(place)


def _tell_left_aside(config: Config, url: str | None, workspace: str) -> None:
    """Say so where a configuration that was there says otherwise than the command."""
    aside = [("url", config.url)] if url not in (None, config.url) else []
    aside += (
        [("workspace", config.workspace)] if workspace not in (DEFAULT, config.workspace) else []
    )
    for option, told in aside:
        typer.echo(f"--{option} is left aside: {config.source} is there, and {option} is "
                   f"{told or 'not set'}; write it there")  # fmt: skip


def _make_folders(config: Config) -> None:
    """Make what `syncd run` would: before anything is mirrored a missing folder is an empty one."""
    from syncd.ledger.state import StateFolder
    from syncd.logs import set_up
    from syncd.opening import make_folder

    set_up(secrets=(config.token or "",), level="warning")  # What a person types is told in text.
    if StateFolder(config.state).ledger_path(config.url, config.workspace) is not None:
        return
    for store in config.stores:
        if make_folder(config, store.name):
            whose = f"the folder of store {store.name!r}, which was missing"
            typer.echo(shown(f"made {store.path}, {whose}"))


async def _plan(config: Config) -> list[Verdict]:
    from syncd.attach import open_remote
    from syncd.cli.progress import showing_progress
    from syncd.engine.looking.verify import compare
    from syncd.opening import replicas

    with showing_progress() as progress:
        async with open_remote(config) as remote:
            return await compare(remote, replicas(config), progress)


COLUMNS = ("only here", "only there", "same", "differ", "held")


def _print_plan(verdicts: list[Verdict], growing: list[str]) -> None:
    typer.echo("the first contact, in files and records:")
    rows: list[tuple[str, ...]] = [("store", *COLUMNS)]
    for verdict in verdicts:
        here = sum(drift.remote is None for drift in verdict.drifts)
        there = sum(drift.local is None for drift in verdict.drifts)
        differ = len(verdict.drifts) - here - there
        counts = (here, there, verdict.same, differ, len(verdict.held))
        rows.append((verdict.store, *(f"{count:,}" for count in counts)))
    width = max(len(row[0]) for row in rows)
    for name, *cells in rows:
        numbers = (cell.rjust(len(column)) for cell, column in zip(cells, COLUMNS, strict=True))
        typer.echo(f"  {name:{width}}  {'  '.join(numbers)}")
    for name in growing:
        typer.echo(f"  {name}: files of lines; all there are are sent, and none is written")
    clashes = _clashes(verdicts)
    for name in clashes[:SHOWN]:
        typer.echo(shown(f"    differs: {name}"))
    if len(clashes) > SHOWN:
        typer.echo(f"    ... and {len(clashes) - SHOWN:,} more")
    typer.echo("what is only here goes to Convex, what is only there becomes a file; "
               "nothing is deleted")  # fmt: skip


def _clashes(verdicts: list[Verdict]) -> list[str]:
    return [str(drift.key) for verdict in verdicts for drift in verdict.drifts
            if drift.local is not None and drift.remote is not None]  # fmt: skip


def _agreed() -> bool:
    typer.echo("where they differ, records with the same id are merged; else the file wins, and "
               "the other version is kept: `syncd conflicts list`")  # fmt: skip
    if not sys.stdin.isatty():
        typer.echo("say --yes to go on")
        return False
    try:
        return typer.confirm("go on?")
    except typer.Abort:  # Ctrl-C, or the end of what is typed: no yes.
        typer.echo()
        return False
