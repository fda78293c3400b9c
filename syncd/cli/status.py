"""`syncd status`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.text import folded, shown, size
from syncd.core.wording import counted
from syncd.report.standing import CostReport, Problem, Spent, State, StatusReport
from syncd.report.status import report

LISTED = 10
"""Deletions of one guard, or keys held for one reason, that are listed for a reader."""

ALL = ": `syncd plan --json`"
"""Where everything that is held or guarded is listed."""

FEW = 3
"""Problems alike that are told one by one."""

_LEAST = (
    "  the least it can be: rows that functions read and write count too, so a warning comes late, "
    "and what other machines call is not in here; the deployment's dashboard knows it all"
)

_MARKS = {State.IN_SYNC: "✓", State.SYNCING: "↻", State.PAUSED: "‖", State.OFFLINE: "○",
          State.DEGRADED: "!"}  # fmt: skip


@app.command()
@reporting
def status(
    config: ConfigPath = CONFIG,
    in_short: Annotated[
        bool, typer.Option("--short", help="One line, for prompts: 3↑ wait, 2! need a look.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Tell how things are, from the ledger: works with the daemon down.

    Examples: `syncd status`, `syncd status --short`
    """
    found = report(configured(config))
    if as_json:
        typer.echo(found.model_dump_json(indent=2, ensure_ascii=True))
    elif in_short:
        typer.echo(short(found))
    else:
        _print(found)
    return found.exit_code


def short(found: StatusReport) -> str:
    """`found` in a line for prompts: the state, changes that wait (3↑), problems (2!)."""
    words = [_MARKS.get(found.state, "✗"), found.state.value]
    if waiting := found.queued + found.sent:
        words.append(f"{waiting}↑")
    if found.unwell:
        words.append(f"{found.unwell}!")
    return " ".join(words)


def _print(found: StatusReport) -> None:
    runs = f"daemon {found.running}" if found.running is not None else "no daemon"
    typer.echo(folded(f"{found.state.value}: {shown(found.detail)}", "  "))
    place = f"workspace {found.workspace}; {found.url or 'no deployment'}"
    typer.echo(folded(f"{runs}; {place}", "  "))
    typer.echo(f"outbox: {found.queued:,} queued, {found.sent:,} sent, {found.parked:,} parked")
    for store in found.stores:
        more = f", {store.payloads:,} of them payloads, without columns" if store.payloads else ""
        more += f", {counted(store.unsent, 'byte')} of lines to be sent" if store.unsent else ""
        more += "" if store.bootstrapped else ", not in touch with the deployment yet"
        numbers = f"{counted(store.files, 'file')} here{more}, {store.held:,} held"
        typer.echo(folded(f"store {store.name}: {numbers}", "  "))
        typer.echo(f"  {store.path}")
    if found.cost is not None:
        _print_cost(found.cost)
    for name, part in sorted(found.parts.items()):
        detail = f" ({shown(part.detail)})" if part.detail else ""
        told = f"for {_age(part.since)}"
        if found.running is None:  # An unchanged state is told again once a minute.
            told = f"as told {_age(part.checked)} ago"
        typer.echo(folded(f"{name}: {part.state} {told}{detail}", "  "))
    print_problems(found)


def _print_cost(cost: CostReport) -> None:
    typer.echo(f"cost today: {_spent(cost.today)}")
    typer.echo(folded(f"cost this month: {_spent(cost.month)}{_included(cost)}", "  "))
    if cost.calls_projected is not None:
        days = counted(cost.projected_from_days, "day")
        typer.echo(f"  at its end {counted(cost.calls_projected, 'call')}, "
                   f"{size(cost.database_bytes_projected)}, judged by {days}")  # fmt: skip
    elif _included(cost):
        typer.echo("  too early to tell what it will be: no whole day (UTC) was counted yet")
    if cost.database_bytes_included is not None:
        typer.echo(folded(_LEAST, "  "))
    if cost.warning:
        typer.echo(folded(f"  ! {cost.warning}", "    "))
        typer.echo("  -> `syncd doctor` says what can be done")


def _included(cost: CostReport) -> str:
    calls, database = cost.calls_included, cost.database_bytes_included
    parts = [counted(calls, "call")] if calls is not None else []
    parts += [size(database)] if database is not None else []
    return f"; included for all machines: {', '.join(parts)} ({cost.plan})" if parts else ""


def _spent(spent: Spent) -> str:
    payloads = f", {size(spent.payloads)} of payloads" if spent.payloads else ""
    return f"{counted(spent.calls, 'function call')}, {size(spent.database)}{payloads}"


def print_problems(found: StatusReport) -> None:
    """Every problem on three lines: what, why, what to do; many alike are one."""
    told = 0
    for alike in _alike(found.problems):
        first = alike[0]
        many = max(len(alike), first.alike, found.conflicts * (first.sort == "conflict"))
        told += many
        if many > FEW:
            _print_many(alike, many)
        else:
            for problem in alike:
                _print_one(problem)
    if found.unwell > told:
        typer.echo(f"... and {found.unwell - told:,} more")


def _alike(problems: Sequence[Problem]) -> Iterable[list[Problem]]:
    """Problems together that one thing is to be done about; guards, each with its list, alone."""
    groups: dict[tuple[str, ...], list[Problem]] = {}
    for problem in problems:
        told = (problem.reason, problem.detail, problem.advice)
        of = {"guard": (problem.key,), "conflict": ()}.get(problem.sort, told)
        groups.setdefault((problem.sort, *of), []).append(problem)
    return groups.values()


def _print_one(problem: Problem) -> None:
    typer.echo(f"{problem.sort} {shown(problem.key)}: {problem.reason}")
    typer.echo(folded(f"  {shown(problem.detail)}", "  "))
    _print_keys(problem.waiting, problem.deletions, ALL)
    typer.echo(folded(f"  -> {problem.advice}", "     "))


def _print_many(problems: Sequence[Problem], many: int) -> None:
    first = problems[0]
    detail, advice = first.detail, first.advice
    what = f"{first.sort}: {counted(many, 'key')}"
    if first.sort == "conflict":
        what = counted(many, "conflict")  # A file can have several.
        detail = "the file won over the version of another device; both are kept in the ledger"
        advice = "`syncd conflicts list` numbers them, `syncd conflicts resolve 1 2 --mine` decides"
    typer.echo(f"{what}: {first.reason}")
    typer.echo(folded(f"  {shown(detail)}", "  "))
    _print_keys([each.key for each in problems], many, ALL if first.sort == "held" else "")
    typer.echo(folded(f"  -> {advice}", "     "))


def _print_keys(keys: Sequence[str], many: int, all_of_them: str) -> None:
    told = list(dict.fromkeys(keys))[:LISTED]
    for key in told:
        typer.echo(f"    {shown(key)}")
    if (left := many - sum(key in told for key in keys)) > 0:
        typer.echo(f"    ... and {left:,} more{all_of_them}")


def _age(since: float) -> str:
    seconds = max(0.0, time.time() - since)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
