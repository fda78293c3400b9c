"""The command line: one file a group of commands; parse, call, print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typer import Typer


def registered() -> Typer:
    """The program with every command it has."""
    from syncd.cli import (  # noqa: F401 - they register
        config,
        conflicts,
        decide,
        dev,
        devices,
        doctor,
        explain,
        health,
        init,
        log,
        pause,
        run,
        schema,
        status,
        systemd,
        verify,
    )
    from syncd.cli.app import app

    return app


def main() -> None:
    """Run `syncd`."""
    registered()()
