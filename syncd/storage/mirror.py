"""The deployment, asked while it is there. Does IO.

Nothing here raises for a deployment that is away: the answer is None, and the caller looks into
the files. A call that finds it away is the probe, and the only one until `PAUSE` is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from syncd.config import EMBEDDED, Config
from syncd.errors import FunctionFailed, SyncdError, Unavailable
from syncd.remote.client import ConvexHttp

BOUND: Final = 3.0
"""Seconds that a call may take before the files are asked instead."""

PAUSE: Final = 5.0
"""Seconds in which a deployment that was away is not asked again."""

Answer = TypeVar("Answer", bound=BaseModel)

_log = logging.getLogger("syncd.storage")


class Mirror:
    """One workspace of a deployment, or none where none is configured. For one loop at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._away_until = 0.0
        self._trouble: SyncdError | None = None
        self._http: ConvexHttp | None = None
        self._token = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = AsyncExitStack()

    @property
    def trouble(self) -> SyncdError | None:
        """Why the last call was answered from files; None where the deployment answered."""
        return self._trouble

    async def query(self, path: str, answer: type[Answer], **args: Any) -> Answer | None:
        """What the query answers; None where it answers null, or nothing."""
        return await self._asked(lambda http, who: http.find(path, {**who, **_told(args)}, answer))

    async def mutation(self, path: str, answer: type[Answer], **args: Any) -> Answer | None:
        """What the mutation answers; None where it is not known whether it was carried out."""
        return await self._asked(
            lambda http, who: http.mutation(path, {**who, **_told(args)}, answer)
        )

    async def close(self) -> None:
        """Let the connections go; the next call makes new ones."""
        if self._loop is asyncio.get_running_loop():
            await self._open.aclose()
        self._http = None

    async def _asked(
        self, call: Callable[[ConvexHttp, dict[str, str]], Awaitable[Answer | None]]
    ) -> Answer | None:
        http = await self._reached()
        if http is None:
            return None
        who = {"token": self._token, "workspace": self._config.workspace}
        try:
            async with asyncio.timeout(BOUND):
                answer = await call(http, who)
        except TimeoutError:
            self._lost(Unavailable(f"{http.url} did not answer within {BOUND:.0f} s", _ADVICE))
        except SyncdError as trouble:
            self._lost(trouble)
        else:
            self._found(http.url)
            return answer
        return None

    async def _reached(self) -> ConvexHttp | None:
        if time.monotonic() < self._away_until:
            return None
        loop = asyncio.get_running_loop()
        if self._http is not None and self._loop is loop and self._trouble is None:
            return self._http
        await self.close()
        url, token = _address(self._config)
        if url is None or token is None:
            return None
        self._token, self._loop = token, loop
        # A session belongs to the loop it was made in: one of an earlier loop is left behind.
        self._open = AsyncExitStack()
        self._http = await self._open.enter_async_context(ConvexHttp(url))
        return self._http

    def _lost(self, trouble: SyncdError) -> None:
        expected = isinstance(trouble, Unavailable)
        if self._trouble is None or type(self._trouble) is not type(trouble):
            level = logging.INFO if expected else logging.WARNING
            _log.log(level, "answering from files: %s -> %s", trouble, trouble.advice)
        self._trouble = trouble
        # A function that failed says nothing about the next call.
        if not isinstance(trouble, FunctionFailed):
            self._away_until = time.monotonic() + PAUSE

    def _found(self, url: str) -> None:
        if self._trouble is not None:
            _log.info("%s answers again", url)
        self._trouble = None


_ADVICE = "nothing to do: the files are asked, and it is tried again"


def _told(args: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if value is not None}


def _address(config: Config) -> tuple[str | None, str | None]:
    """Where the deployment is and this device's token; of the embedded one as the daemon says."""
    if config.url != EMBEDDED:
        return config.url, config.token
    with suppress(OSError):
        url = (config.state / "backend-url").read_text().strip()
        return url, config.token or (config.state / "token").read_text().strip()
    return None, None
