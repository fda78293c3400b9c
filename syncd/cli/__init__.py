"""The command line: one file a group of commands; parse, call, print."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

from syncd import __version__

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = {
    "config": ("config",),
    "conflicts": ("conflicts",),
    "decide": ("approve", "reject", "retry"),
    "dev": ("dev",),
    "devices": ("devices",),
    "doctor": ("doctor",),
    "explain": ("explain",),
    "health": ("health",),
    "init": ("init",),
    "log": ("log", "restore"),
    "pause": ("pause", "resume"),
    "run": ("run", "sync"),
    "schema": ("schema",),
    "status": ("status",),
    "systemd": ("service",),
    "verify": ("verify",),
}
"""The modules of this folder that register commands, and the commands of each."""


def registered(command: str | None = None) -> Typer:
    """The program with every command it has, or with `command` and its neighbours alone.

    Importing all takes half a second, of which most commands need a third.
    """
    from syncd.cli.app import app

    alone = [module for module, commands in COMMANDS.items() if command in commands]
    for module in alone or COMMANDS:
        import_module(f"syncd.cli.{module}")
    return app


def main() -> None:
    """Run `syncd`."""
    words = sys.argv[1:]
    if words == ["--version"]:
        print(f"syncd {__version__}")  # noqa: T201
        return
    registered(words[0] if words else None)()
