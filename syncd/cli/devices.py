"""`syncd devices`: which machines may use the mirror."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from syncd.cli.app import CONFIG, AsJson, ConfigPath, app, configured, reporting
from syncd.cli.program import Program
from syncd.cli.reports import RevokeReport, TokenReport
from syncd.cli.text import moment, padded, shown
from syncd.errors import ConfigError

if TYPE_CHECKING:
    from syncd.remote.devices import WireDevice

KEY = (
    "On a deployment that is not the embedded backend, CONVEX_DEPLOY_KEY (or "
    "CONVEX_SELF_HOSTED_ADMIN_KEY) must be set for the command; it is kept nowhere."
)

devices = Program(help=f"Which machines may use the mirror. {KEY}", no_args_is_help=True)
app.add_typer(devices, name="devices")

_R = TypeVar("_R")

Name = Annotated[str, typer.Argument(help="What the device is called, say its host name.")]

ReadOnly = Annotated[
    bool, typer.Option("--read-only", help="A token that reads and changes nothing: dashboards.")
]


@devices.command("list")
@reporting
def list_(config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """List the devices of the workspace, and when each last told that it is there.

    A daemon tells so when it starts or reconnects, and once an hour while there is news.

    Examples: `syncd devices list`, `syncd devices list --json`
    """
    from syncd.setup.enrolment import open_enrolment

    async def found() -> list[WireDevice]:
        async with open_enrolment(configured(config)) as enrolment:
            return await enrolment.devices()

    told = asyncio.run(found())
    if as_json:
        listed = [device.model_dump() for device in told]
        typer.echo(json.dumps({"version": 1, "devices": listed}, indent=2))
        return 0
    for device in told:
        seen = _seen(device)
        gone = "  revoked" if device.revoked else ""
        typer.echo(shown(f"{padded(device.name, 20)}  {seen:25}  {', '.join(device.scopes)}{gone}"))
        typer.echo(shown(f"  {device.device}"))  # As `syncd log` calls it, where it knows no name.
    if not told:
        typer.echo("no device is enrolled")
    return 0


def _seen(device: WireDevice) -> str:
    if device.seen_at is not None:
        return f"seen {moment(device.seen_at / 1000)}"
    # With the token goes what the deployment knew of the device.
    return "" if device.revoked else "not seen since enrolled"


@devices.command()
@reporting
def enroll(
    name: Name, read_only: ReadOnly = False, config: ConfigPath = CONFIG, as_json: AsJson = False
) -> int:
    """Print a token for another machine; an earlier token of that name is void.

    Examples: `syncd devices enroll laptop`, `syncd devices enroll dashboard --read-only`
    """
    from syncd.setup.enrolment import open_enrolment

    async def token() -> str:
        async with open_enrolment(configured(config)) as enrolment:
            return (await enrolment.enroll(name, read_only=read_only)).token

    told = TokenReport(name=name, token=asyncio.run(token()))
    typer.echo(told.model_dump_json(indent=2, ensure_ascii=True) if as_json else told.token)
    return 0


@devices.command()
@reporting
def revoke(name: Name, config: ConfigPath = CONFIG, as_json: AsJson = False) -> int:
    """Make a machine's token void. What it saves waits in its outbox until it is enrolled again.

    Examples: `syncd devices revoke laptop`, `syncd devices revoke ci --json`
    """
    from syncd.setup.enrolment import open_enrolment

    async def revoked() -> bool:
        async with open_enrolment(configured(config)) as enrolment:
            return await enrolment.revoke(name)

    told = RevokeReport(name=name, revoked=asyncio.run(revoked()))
    if as_json:
        typer.echo(told.model_dump_json(indent=2, ensure_ascii=True))
        return 0 if told.revoked else 2
    if not told.revoked:
        raise ConfigError(f"no device is called {name!r}; nothing was changed",
                          "`syncd devices list` names them")  # fmt: skip
    typer.echo(shown(f"{name} is revoked"))
    return 0
