"""Commands that change something: done by the daemon, or here while none runs."""

from __future__ import annotations

import asyncio

import typer

from syncd.cli.text import folded, print_trouble, shown
from syncd.config import Config
from syncd.control.messages import Answer, AnyRequest, failed
from syncd.errors import AnotherInstance, SyncdError

LISTED = 20
"""Things done that are told a reader one by one."""


def have_done(config: Config, request: AnyRequest) -> Answer:
    """Have `request` done by the daemon that owns the state folder, or own it meanwhile."""
    try:
        return asyncio.run(_have_done(config, request))
    except SyncdError as error:
        return failed(error)


def print_answer(answer: Answer, *, as_json: bool, nothing: str) -> int:
    """What was done and what was not; the exit code. `nothing` is said where there was nothing."""
    if as_json:
        typer.echo(answer.model_dump_json(indent=2, ensure_ascii=True))
        return answer.exit_code
    for done in answer.done[:LISTED]:
        detail = f": {done.detail}" if done.detail else ""
        typer.echo(folded(shown(f"{done.what} {done.key}{detail}"), "  "))
    for failure in answer.failed:
        place = f"{failure.key}: " if failure.key else ""
        print_trouble(f"{place}{failure.what}", failure.advice)
    if more := len(answer.done[LISTED:]) + answer.more:
        typer.echo(f"... and {more:,} more")
    if not answer.done and not answer.failed:
        typer.echo(nothing)
    return answer.exit_code


async def _have_done(config: Config, request: AnyRequest) -> Answer:
    from syncd.beside import acts_alone
    from syncd.control.client import ask
    from syncd.opening import place_of

    try:
        with acts_alone(place_of(config)) as acts:
            return await acts.perform(request)
    except AnotherInstance:
        return await ask(config.state, request)
