"""Devices of a deployment, by way of a key that is used for this moment and kept nowhere. Does IO.

The embedded backend's admin key lies in its folder. For any other deployment a person hands over
a deploy key or an admin key: `npx convex run devices:enroll` does the same without syncd.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from syncd.config import EMBEDDED, Config
from syncd.errors import ConfigError, ProtocolError
from syncd.ledger.state import StateFolder
from syncd.remote.client import ConvexHttp
from syncd.remote.devices import DeviceList, EnrollAnswer, RevokeAnswer, WireDevice
from syncd.remote.meter import Meter
from syncd.slips import Slips

KEYS = ("CONVEX_DEPLOY_KEY", "CONVEX_SELF_HOSTED_ADMIN_KEY")
"""Where a key is looked for in the environment of the command."""


class Enrolment:
    """The devices of one workspace. Raises the errors of ConvexHttp."""

    def __init__(self, http: ConvexHttp, workspace: str) -> None:
        self._http = http
        self._workspace = workspace

    async def enroll(self, name: str, *, read_only: bool = False) -> EnrollAnswer:
        """A token for the device `name`; an earlier token of that name is void from now on."""
        scopes = ["read"] if read_only else ["read", "write"]
        args = {"workspace": self._workspace, "name": name, "scopes": scopes}
        return await self._http.mutation("devices:enroll", args, EnrollAnswer)

    async def devices(self) -> list[WireDevice]:
        """Every device of the workspace, revoked ones too."""
        args = {"workspace": self._workspace}
        return (await self._http.query("devices:list", args, DeviceList)).devices

    async def revoke(self, name: str) -> bool:
        """Make the token of the device `name` void; False where there is none of that name."""
        args = {"workspace": self._workspace, "name": name}
        return (await self._http.mutation("devices:revoke", args, RevokeAnswer)).revoked


@asynccontextmanager
async def open_enrolment(
    config: Config, key: str | None = None, environment: Mapping[str, str] = os.environ
) -> AsyncIterator[Enrolment]:
    """The devices of the configured deployment; `key` None: from the environment.

    Raises ConfigError where there is no key, ProtocolError where it is refused or the functions
    are not deployed.
    """
    url, found = _door(config, key, environment)
    meter = Meter()
    async with ConvexHttp(url, found, meter) as http:
        try:
            with Slips(config).left(meter.spending):
                yield Enrolment(http, config.workspace)
        except ProtocolError as error:
            raise ProtocolError(
                f"{error}; nobody was enrolled or revoked",
                "is the key one of this deployment, and are the functions deployed? "
                "See convex/README.md",
            ) from error


def _door(config: Config, key: str | None, environment: Mapping[str, str]) -> tuple[str, str]:
    if config.url == EMBEDDED:
        return _embedded(StateFolder(config.state))
    if config.url is None:
        raise ConfigError("no deployment is configured; nothing was changed",
                          'set CONVEX_URL, or url = "embedded" in config.toml')  # fmt: skip
    found = key or next((environment[name] for name in KEYS if environment.get(name)), None)
    if found is None:
        raise ConfigError(
            f"{config.url} lists and enrolls devices only with a deploy key or an admin key; "
            "nothing was changed there",
            f"set {KEYS[0]} for this command only: it is kept nowhere; of an embedded backend, "
            "type `syncd devices` where it runs",
        )
    return config.url, found


def _embedded(state: StateFolder) -> tuple[str, str]:
    if state.owner() is None or not state.backend_url.exists():
        raise ConfigError(
            "no embedded backend runs for this configuration; nothing was changed",
            "start `syncd run` first",
        )
    try:
        key = (state.backend / "admin_key").read_text().strip()
    except OSError as error:
        raise ConfigError(
            f"the embedded backend's admin key cannot be read: {error.strerror}; "
            "nothing was changed",
            "run this as the user that started it",
        ) from error
    return state.backend_url.read_text(), key
