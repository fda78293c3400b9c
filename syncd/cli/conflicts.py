"""`syncd conflicts`: what both sides changed, and what is to become of it."""

from __future__ import annotations

import difflib
import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.asking import have_done, print_answer
from syncd.cli.program import Program
from syncd.cli.text import moment, shown, size
from syncd.control.messages import BODY_BYTES, Answer, Resolve, Side, Undo
from syncd.core.wording import counted
from syncd.errors import ConfigError
from syncd.report.dispute import Dispute, dispute
from syncd.report.listing import ConflictReport, Listing, Version, open_listing

conflicts = Program(
    help="Files that both sides changed: the file won, the other version is kept.",
    no_args_is_help=True,
)
app.add_typer(conflicts, name="conflicts")

SHOWN = 1000
"""Conflicts that a list of all of them has at most."""

LISTED = 100
"""Conflicts that are listed, three lines each; the rest are counted. With --json all are."""

CLASHES = 5
"""Places at which both sides clash that are printed; with --json all are."""

Number = Annotated[int, typer.Argument(help="The conflict, as `syncd conflicts list` counts them.")]
Mine = Annotated[bool, typer.Option("--mine", help="The file stays as it is now.")]
Theirs = Annotated[bool, typer.Option("--theirs", help="The version that lost.")]
Base = Annotated[bool, typer.Option("--base", help="The version both sides started from.")]


@conflicts.command("list")
@reporting
def list_(
    config: ConfigPath = CONFIG,
    everything: Annotated[bool, typer.Option("--all", help="Resolved ones too.")] = False,
    as_json: AsJson = False,
) -> int:
    """List the conflicts that wait for a decision.

    Examples: `syncd conflicts list`, `syncd conflicts list --all --json`
    """
    with open_listing(configured(config)) as listing:
        found = listing.conflicts(SHOWN if everything else None)
    if as_json:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
    else:
        for conflict in found.conflicts[:LISTED]:
            _print_line(conflict)
        if more := len(found.conflicts[LISTED:]):
            typer.echo(f"... and {more:,} more: --json lists them")
        typer.echo(counted(found.open, "open conflict") if found.open else "no open conflicts")
    return 4 if found.open else 0


@conflicts.command()
@reporting
def show(
    number: Number,
    config: ConfigPath = CONFIG,
    mine: Mine = False,
    theirs: Theirs = False,
    base: Base = False,
    as_json: AsJson = False,
) -> int:
    """Tell who wrote what and when, and where they clash; with a side, print that version's bytes.

    Examples: `syncd conflicts show 3`, `syncd conflicts show 3 --theirs > theirs.json`
    """
    side = None
    if mine or theirs or base:
        side = _one_side(mine=mine, theirs=theirs, base=base, options="--mine, --theirs or --base")
    settings = configured(config)
    with open_listing(settings) as listing:
        conflict = listing.conflict(number)
        if side is not None:
            body = _body(listing, conflict, side)
        else:
            found = dispute(listing, conflict, {each.name: each.kind for each in settings.stores})
    if side is not None:
        # The ledger's log grows while somebody reads it, and a pager may take its time.
        typer.echo(_printable(body), nl=False)
        return 0
    if as_json:
        told = {"version": 1, **conflict.model_dump(), **found.model_dump()}
        typer.echo(json.dumps(told, indent=2))
    else:
        _print_whole(conflict, found)
    return 0


@conflicts.command()
@reporting
def diff(number: Number, config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Compare the version that lost with what the file holds now, as it was mirrored last.

    Examples: `syncd conflicts diff 3`, `syncd conflicts diff 3 --json`
    """
    with open_listing(configured(config)) as listing:
        conflict = listing.conflict(number)
        lines = list(_diff(listing, conflict))
    if as_json:
        typer.echo(json.dumps({"version": 1, "number": number, "diff": lines}, indent=2))
    else:
        for line in lines:
            typer.echo(shown(line, keep="\t"))
    return 0


@conflicts.command()
@reporting
def resolve(
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="number", help="Conflicts; none with --all.")
    ] = None,
    config: ConfigPath = CONFIG,
    mine: Mine = False,
    theirs: Theirs = False,
    base: Base = False,
    file: Annotated[Path | None, typer.Option(help="The bytes of this file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every open conflict.")] = False,
    as_json: AsJson = False,
) -> int:
    """Decide what the file is to hold; what it held goes into history first.

    Examples: `syncd conflicts resolve 3 4 --theirs`, `syncd conflicts resolve --all --mine`
    """
    side = _one_side(
        mine=mine,
        theirs=theirs,
        base=base,
        file=file is not None,
        options="--mine, --theirs, --base or --file PATH",
    )
    if bool(numbers) == everything:
        raise ConfigError("name conflicts, or say --all; nothing was changed",
                          "`syncd conflicts list` tells the numbers")  # fmt: skip
    body = None if file is None else _read(file)
    settings, answer = configured(config), Answer()
    chosen: list[int | None] = [*numbers] if numbers else [None]
    for number in chosen:
        request = Resolve(number=number, side=side, body=body)
        answer = answer.joined(have_done(settings, request))
    return print_answer(answer.bounded(), as_json=as_json, nothing="no conflict is open")


@conflicts.command()
@reporting
def undo(number: Number, config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Put back what the file held before a conflict was resolved, and open it again.

    Examples: `syncd conflicts undo 3`, `syncd conflicts undo 3 --json`
    """
    answer = have_done(configured(config), Undo(number=number))
    return print_answer(answer, as_json=as_json, nothing="nothing to undo")


def _one_side(*, mine: bool, theirs: bool, base: bool, file: bool = False, options: str) -> Side:
    told: dict[Side, bool] = {"mine": mine, "theirs": theirs, "base": base, "file": file}
    chosen = [side for side, wanted in told.items() if wanted]
    if len(chosen) != 1:
        raise ConfigError("choose one side; nothing was changed", f"say {options}")
    return chosen[0]


def _read(file: Path) -> str:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}; nothing was changed", "name another file"
        ) from error
    if len(body) > BODY_BYTES:
        raise ConfigError(
            f"{file} has more than {size(BODY_BYTES)}; nothing was changed",
            "save it over the mirrored file yourself, then resolve with --mine",
        )
    return b64encode(body).decode()


def _body(listing: Listing, conflict: ConflictReport, side: Side) -> bytes:
    body = listing.body(_versions(conflict)[side])
    if body is None:
        raise ConfigError(f"conflict {conflict.number} has no {side}", "choose another side")
    return body


def _printable(body: bytes) -> bytes:
    """`body`, unless it is no text and would go to a terminal. Raises ConfigError."""
    if sys.stdout.isatty():
        try:
            body.decode()
        except UnicodeDecodeError as error:
            raise ConfigError("this version is not text", "send it to a file: > FILE") from error
    return body


def _versions(conflict: ConflictReport) -> dict[Side, Version | None]:
    return {"base": conflict.base, "mine": conflict.mine, "theirs": conflict.theirs}


def _diff(listing: Listing, conflict: ConflictReport) -> Iterator[str]:
    now = listing.mirrored(conflict) if conflict.resolved is None else None
    sides = (conflict.theirs, now or conflict.mine)
    bodies = [listing.body(each) for each in sides]
    try:
        before, after = ((body or b"").decode().splitlines() for body in bodies)
    except UnicodeDecodeError:
        yield "the versions differ, and are not both text"
        return
    _require_kept(sides, bodies)
    if before == after and bodies[0] != bodies[1]:
        yield "the versions differ in how their lines end, and in nothing else"
        return
    who = _writer(conflict.theirs)
    name = "the file, as it was mirrored last" if now else "mine (the file, before it was merged)"
    yield from difflib.unified_diff(before, after, f"theirs ({who})", name, lineterm="")


def _require_kept(sides: Iterable[Version | None], bodies: Iterable[bytes | None]) -> None:
    """Raises ConfigError where there are no bytes of a side that is not a deletion."""
    for version, body in zip(sides, bodies, strict=True):
        if body is None and version is not None:
            raise ConfigError(
                f"the bytes of {version.digest[:12]} are not kept here: nothing was compared",
                "`syncd conflicts show` tells which sides are kept",
            )


def _print_line(conflict: ConflictReport) -> None:
    number = conflict.number
    typer.echo(shown(f"{number}  {_name(conflict)}"))
    typer.echo(shown(f"   {moment(conflict.since)}  the file won over {_writer(conflict.theirs)}"))
    if conflict.resolved is not None:
        typer.echo(f"   {moment(conflict.resolved)}  resolved: {conflict.resolution}")
    else:
        typer.echo(f"   -> syncd conflicts diff {number}")


def _print_whole(conflict: ConflictReport, found: Dispute) -> None:
    typer.echo(shown(f"conflict {conflict.number}: {_name(conflict)}"))
    typer.echo(f"since   {moment(conflict.since)}")
    for side, version in _versions(conflict).items():
        if version is None:
            typer.echo(f"{side:7} none")
        else:
            about = f"{version.digest[:12]}  {size(version.size)}, by {_writer(version)}"
            typer.echo(shown(f"{side:7} {about}"))
    if found.clashes:
        more = f" and {len(found.clashes) - CLASHES:,} more" if found.clashes[CLASHES:] else ""
        places = ", ".join(place or "all of it" for place in found.clashes[:CLASHES])
        typer.echo(shown(f"both    {places}{more}: changed on both sides, the rest is merged"))
    if found.unmerged is not None:
        typer.echo(shown(f"why     {found.unmerged}"))
    if conflict.resolved is not None:
        typer.echo(f"solved  {moment(conflict.resolved)}  {conflict.resolution}")
        typer.echo(f"-> syncd conflicts undo {conflict.number}")
    else:
        number = conflict.number
        typer.echo(f"-> syncd conflicts resolve {number} --mine (the file stays as it is now), "
                   "or --theirs, or --base")  # fmt: skip


def _name(conflict: ConflictReport) -> str:
    record = f"#{conflict.record}" if conflict.record else ""
    return f"{conflict.store}:{conflict.path}{record}"


def _writer(version: Version | None) -> str:
    who = version.who if version is not None and version.who else "an unknown device"
    revision = f"revision {version.revision} of " if version and version.revision else ""
    return revision + who
