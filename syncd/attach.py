"""What commands need beside a running daemon, or without one: the deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from syncd.config import EMBEDDED, Config
from syncd.daemon import open_daemon
from syncd.errors import Unavailable
from syncd.ledger.state import StateFolder
from syncd.opening import no_deployment, no_token
from syncd.remote.client import ConvexHttp
from syncd.remote.meter import Meter
from syncd.remote.replica import ConvexReplica
from syncd.slips import Slips


@asynccontextmanager
async def open_remote(config: Config) -> AsyncIterator[ConvexReplica]:
    """The deployment as it is, beside a running daemon or without one. Raises SyncdError."""
    state, slips = StateFolder(config.state), Slips(config)
    if config.url == EMBEDDED and state.owner() is None:
        async with open_daemon(config) as daemon:
            if (access := daemon.access) is not None:
                with slips.left(access.http.meter.spending):
                    yield ConvexReplica(access.http, access.token, config.workspace)
        return
    url, token = _embedded(state) if config.url == EMBEDDED else (config.url, config.token)
    if url is None:
        raise no_deployment()
    if token is None:
        raise no_token(url)
    meter = Meter()
    async with ConvexHttp(url, meter=meter) as http:
        with slips.left(meter.spending):
            yield ConvexReplica(http, token, config.workspace)


def _embedded(state: StateFolder) -> tuple[str, str]:
    """Where the daemon's backend listens, and the daemon's token. Raises Unavailable."""
    try:
        return state.backend_url.read_text(), state.token.read_text().strip()
    except FileNotFoundError as error:
        raise Unavailable(
            "the daemon has not started its embedded backend yet; nothing was asked of it",
            "`syncd status` tells once it is there; where it stays away, end the daemon and start "
            "`syncd run` again",
        ) from error
