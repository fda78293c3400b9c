"""The command line: one file a group of commands; parse, call, print."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING

from syncd import __version__
from syncd.cli.importing import uncollected, without
from syncd.cli.streams import let_errors_be_lost, telling_of_loss
from syncd.leaving import leave

if TYPE_CHECKING:
    from typer import Typer

COMMANDS = {
    "init": ("init",),
    "run": ("run", "sync"),
    "status": ("status",),
    "health": ("health",),
    "plan": ("plan",),
    "explain": ("explain",),
    "decide": ("approve", "reject", "retry"),
    "conflicts": ("conflicts",),
    "log": ("log",),
    "restore": ("restore",),
    "pause": ("pause", "resume"),
    "verify": ("verify",),
    "doctor": ("doctor",),
    "devices": ("devices",),
    "config": ("config",),
    "schema": ("schema",),
    "systemd": ("service",),
    "dev": ("dev",),
}
"""The modules of this folder that register commands, and the commands of each, in the order in
which help lists them: what a stranger needs first, first."""


def registered(command: str | None = None) -> Typer:
    """The program with every command it has, or with `command` and its neighbours alone.

    Importing all takes half a second, of which most commands need a third.
    """
    from syncd.cli.app import app

    alone = [module for module, commands in COMMANDS.items() if command in commands]
    # structlog brings all of rich, for tracebacks in colour that no log of ours has.
    with without("rich"):
        for module in alone or COMMANDS:
            import_module(f"syncd.cli.{module}")
    return app


def main() -> None:
    """Run `syncd`."""
    _take_names_for_utf8()
    let_errors_be_lost()
    with telling_of_loss():
        _run(sys.argv[1:])


def _run(words: list[str]) -> None:
    if words == ["--version"]:
        print(f"syncd {__version__}")  # noqa: T201
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)  # Nothing is begun yet: no trace of half an import.
    if words[:1] == ["run"]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # The configuration is read only after this.
    if words[:1] in (["run"], ["sync"]):
        from syncd.memory import give_back

        give_back()
    with uncollected():
        commands = registered(words[0] if words else None)
        from typer.main import get_command

        program = get_command(commands)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        program()
    except KeyboardInterrupt:  # Only before a command was begun: the program catches later ones.
        leave(signal.SIGINT)


def _take_names_for_utf8() -> None:
    """Begin anew where the locale has names of files in another encoding: keys are UTF-8, and the
    same on every machine. What is printed stays in that of the terminal.
    """
    if sys.getfilesystemencoding() != "utf-8":
        spoken = getattr(sys.stdout, "encoding", None) or "utf-8"
        os.environ["PYTHONIOENCODING"] = f"{spoken}:backslashreplace"
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606


def _leave(number: int, frame: FrameType | None) -> None:
    leave(number)


def _interrupt(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.raise_signal(signal.SIGINT)
