"""`syncd schema`: what --json prints, for programs that read it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from syncd.cli.app import app, reporting
from syncd.cli.reports import REPORTS
from syncd.errors import ConfigError


@app.command()
@reporting
def schema(
    command: Annotated[
        list[str] | None, typer.Argument(help="A command that takes --json.")
    ] = None,
) -> int:
    """Print the JSON Schema of what a command prints with --json; without one, list the commands.

    Examples: `syncd schema status`, `syncd schema conflicts list`
    """
    if not command:
        for name in sorted(REPORTS):
            typer.echo(name)
        return 0
    name = " ".join(command)
    if name not in REPORTS:
        raise ConfigError(f"`syncd {name}` takes no --json", "`syncd schema` lists those that do")
    typer.echo(json.dumps(REPORTS[name].model_json_schema(), indent=2))
    return 0
