"""`syncd service`: the daemon as a service of systemd."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.program import Program
from syncd.cli.reports import ServiceReport
from syncd.setup.units import (
    RUNNING,
    Unit,
    active,
    caller,
    control,
    enabled,
    system_unit,
    user_unit,
)
from syncd.setup.units import install as install_unit
from syncd.setup.units import uninstall as uninstall_unit

service = Program(help="The daemon as a service of systemd.", no_args_is_help=True)
app.add_typer(service, name="service")

System = Annotated[
    bool, typer.Option("--system", help="A service of the machine; without, one of yours.")
]
User = Annotated[
    str | None,
    typer.Option("--user", metavar="NAME", help="Whom a service of the machine runs as."),
]
Shown = Annotated[bool, typer.Option("--print", help="Print the files, change nothing.")]


@service.command()
@reporting
def install(
    config: ConfigPath = CONFIG,
    system: System = False,
    user: User = None,
    shown: Shown = False,
    as_json: AsJson = False,
) -> int:
    """Write the unit files of this project, enable and start the service. Again: anew.

    Examples: `syncd service install`, `syncd service install --system --user web`
    """
    unit = _unit(config, system=system, user=user)
    if shown and not as_json:
        for path, text in unit.files.items():
            typer.echo(f"# {path}\n{text}")
        return 0
    if not shown:
        install_unit(unit)
    if as_json:
        _print_json(unit, None if shown else active(unit))
        return 0
    typer.echo(f"{unit.name} is enabled and started")
    if not system:
        typer.echo("it starts when you log in; `loginctl enable-linger` starts it at boot")
    return 0


@service.command()
@reporting
def uninstall(config: ConfigPath = CONFIG, system: System = False, as_json: AsJson = False) -> int:
    """Stop and disable the service of this project. Files, ledger and token stay.

    Examples: `syncd service uninstall`, `syncd service uninstall --system`
    """
    unit = _unit(config, system=system, user=None)
    uninstall_unit(unit)
    if as_json:
        _print_json(unit, active(unit))
    else:
        typer.echo(f"{unit.name} is stopped and disabled")
    return 0


@service.command()
@reporting
def status(config: ConfigPath = CONFIG, system: System = False, as_json: AsJson = False) -> int:
    """Tell what systemd says of the service; `syncd status` tells how the mirror is.

    Exit code 6 where the service does not run.

    Examples: `syncd service status`, `syncd service status --system`
    """
    unit = _unit(config, system=system, user=None)
    word = active(unit)
    if as_json:
        _print_json(unit, word)
    else:
        typer.echo(control(unit, "status", "--no-pager", "--lines=5", unit.name).rstrip()
                   or f"{unit.name} is not installed")  # fmt: skip
    return 0 if word in RUNNING else 6


def _print_json(unit: Unit, word: str | None) -> None:
    told = ServiceReport(
        unit=unit.name, installed=all(path.exists() for path in unit.files), enabled=enabled(unit),
        active=word, files={str(path): text for path, text in unit.files.items()},
    )  # fmt: skip
    typer.echo(told.model_dump_json(indent=2, ensure_ascii=True))


def _unit(config: ConfigPath, *, system: bool, user: str | None) -> Unit:
    settings = configured(config)
    return system_unit(settings, user or caller()) if system else user_unit(settings)
