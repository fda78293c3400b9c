"""`syncd pause` and `syncd resume`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.asking import have_done, print_answer
from syncd.cli.naming import seconds_of
from syncd.control.messages import Pause, Resume

FOR = "How long, say 30min, 2h or 1d, or until when; else until `syncd resume`."


@app.command()
@reporting
def pause(
    length: Annotated[str | None, typer.Option("--for", metavar="TIME", help=FOR)] = None,
    config: ConfigPath = CONFIG,
    as_json: AsJson = False,
) -> int:
    """Send nothing and write nothing for a while; what is saved meanwhile is queued.

    Examples: `syncd pause --for 2h`, `syncd pause`
    """
    seconds = None if length is None else seconds_of(length, datetime.now(UTC))
    request = Pause(seconds=seconds)
    answer = have_done(configured(config), request)
    return print_answer(answer, as_json=as_json, nothing="nothing was paused")


@app.command()
@reporting
def resume(config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """End the pause: what was saved and what was told meanwhile is mirrored now.

    Examples: `syncd resume`, `syncd resume --json`
    """
    answer = have_done(configured(config), Resume())
    return print_answer(answer, as_json=as_json, nothing="nothing is paused")
