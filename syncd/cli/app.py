"""The `syncd` program: its commands, its exit codes, how troubles are printed."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from sqlite3 import Error as SqliteError
from typing import Annotated, ParamSpec

import typer

from syncd import __version__
from syncd.cli import COMMANDS
from syncd.cli.program import Program
from syncd.cli.text import print_trouble
from syncd.config import Config, load
from syncd.errors import ConfigError, LedgerDamaged, SyncdError

P = ParamSpec("P")

app = Program(
    order=[command for commands in COMMANDS.values() for command in commands],
    name="syncd",
    help="Keeps folders of files and a Convex deployment the same, both ways.",
    epilog="Exit codes: 0 ok; 1 failed, a retry may help; 2 usage or configuration; 3 a guard "
    "stopped deletions; 4 conflicts or held keys exist; 5 token refused; 6 no daemon runs; "
    "7 drift found; 8 made by another version; 9 another instance owns the state folder; "
    "130 interrupted.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="The configuration to use.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
CONFIG = Path("config.toml")


_MET = (SyncdError, SqliteError, ExceptionGroup, FileNotFoundError, RuntimeError, MemoryError)
"""What may be, or hold, a trouble of ours."""


def reporting(command: Callable[P, int]) -> Callable[P, None]:
    """A command that answers its exit code; troubles are printed for people."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except _MET as error:
            trouble = trouble_in(error)
            if trouble is None:
                raise
            print_trouble(str(trouble), trouble.advice)
            code = trouble.exit_code
        raise typer.Exit(code)

    # Typer takes a line's end for a break, wherever the docstring was folded.
    run.__doc__ = re.sub(r"(?<!\n)\n[ ]*(?![ \n])", " ", command.__doc__ or "")
    return run


def configured(path: Path, level: str | None = None) -> Config:
    """The configuration, with logging set up so that its token is never logged."""
    from syncd.logs import set_up

    config = load(path)
    set_up(secrets=(config.token or "",), level=level)
    return config


def with_stores(config: Config) -> Config:
    """`config`, if there is anything to mirror. Raises ConfigError."""
    if config.stores:
        return config
    raise ConfigError(
        f"{config.source} names no store; nothing was started",
        "add a [[store]] with name, kind and path; or `syncd init` finds them",
    )


def trouble_in(error: BaseException) -> SyncdError | None:
    """The first of our troubles inside `error`, which may be a group."""
    if isinstance(error, SyncdError):
        return error
    if isinstance(error, SqliteError):
        # A page that is damaged is met wherever it is read.
        return LedgerDamaged(
            f"the ledger cannot be read: {error}; files and deployment are untouched",
            "`syncd doctor` looks at it; starting `syncd run` anew puts a damaged one aside, "
            "compares files and deployment, and deletes nothing",
        )
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return ConfigError("the folder in which this was typed is gone; nothing was changed",
                           "change to one that is there")  # fmt: skip
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        return SyncdError(
            "there is no memory, or no thread, left for this program; what was done stays done, "
            "and no edit is lost",
            "raise the limit of processes (ulimit -u, TasksMax= of its unit, the pids of its "
            "container) or of memory (ulimit -v, MemoryMax=), then start it again",
        )
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(trouble_in, error.exceptions)), None)
    return None


def _is_nowhere() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Keeps folders of files and a Convex deployment the same, both ways."""
