"""The command line: one file a group of commands; parse, call, print."""

from __future__ import annotations


def main() -> None:
    """Run `syncd`."""
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
        status,
        systemd,
        verify,
    )
    from syncd.cli.app import app

    app()
