"""Health and metrics over HTTP, on this machine's loopback only, where a port is configured.

    /healthz   200 while the daemon makes progress, whatever becomes of the deployment
    /readyz    200 once what programs save here is taken care of
    /metrics   how things are, in numbers

Does IO.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from syncd.config import Config
from syncd.errors import LedgerError
from syncd.monitoring.metrics import exposition
from syncd.report.judging import readiness
from syncd.report.standing import Readiness
from syncd.report.status import report

PATIENCE = 5.0
"""Seconds in which the engine must be able to begin a turn to count as alive."""

_HOSTS = ("127.0.0.1", "localhost")

log = structlog.get_logger()


class Endpoint:
    """Answers on 127.0.0.1. `beat` is the engine's: see `pulse`."""

    def __init__(self, config: Config, port: int, beat: Callable[[], Awaitable[None]]) -> None:
        self._config = config
        self._port = port
        self._beat = beat

    async def run(self) -> None:
        """Until cancelled. A port that is taken is logged: mirroring does not depend on it."""
        routes = {"/healthz": self._health, "/readyz": self._ready, "/metrics": self._metrics}
        application = web.Application(middlewares=[_local])
        application.add_routes([web.get(path, answer) for path, answer in routes.items()])
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._port).start()
            log.info("endpoint_opened", port=self._port)
        except OSError as error:
            why = os.strerror(error.errno) if error.errno else str(error)
            log.warning("endpoint_refused", port=self._port, why=why,
                        advice="name another [http] port in config.toml")  # fmt: skip
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._beat()
        except TimeoutError:
            return web.Response(status=503, text="the engine makes no progress\n")
        return web.Response(text="alive\n")

    async def _ready(self, _request: web.Request) -> web.Response:
        found = await asyncio.to_thread(report, self._config)
        told = readiness(found)
        status = 200 if told is Readiness.READY else 503
        return web.Response(status=status, text=f"{told.value}: {found.state.value}\n")

    async def _metrics(self, _request: web.Request) -> web.Response:
        body = exposition(await asyncio.to_thread(report, self._config))
        return web.Response(body=body, headers={"Content-Type": "text/plain; version=0.0.4"})


@web.middleware
async def _local(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    # A page in a browser on this machine may be led here by a name of its own: it sends that name.
    if request.host.rpartition(":")[0] not in _HOSTS:
        return web.Response(status=403, text="this answers on loopback names only\n")
    try:
        return await handler(request)
    except LedgerError as error:
        return web.Response(status=503, text=f"{error}\n")
