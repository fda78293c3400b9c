"""The deployment, asked while it is there. Does IO.

Nothing here raises for a deployment that is away: the answer is None, and the caller looks into
the files. A call that finds it away is the probe, and the only one until `PAUSE` is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from enum import Enum
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from syncd.config import EMBEDDED, Config
from syncd.errors import SyncdError, Unauthorized, Unavailable, Unreachable
from syncd.remote.client import ConvexHttp
from syncd.remote.meter import Meter
from syncd.slips import Slips

BOUND: Final = 3.0
"""Seconds that a call may take before the files are asked instead."""

PAUSE: Final = 5.0
LONGEST_PAUSE: Final = 60.0
"""Seconds in which a deployment that was away is not asked again; doubled while it stays away."""

SLIP: Final = 60.0
"""Seconds of a program's calls on one slip."""

Answer = TypeVar("Answer", bound=BaseModel)
T = TypeVar("T")


class Lost(Enum):
    """What is known of a call that was not answered."""

    NOT_DONE = "it was not carried out, and will not be"
    UNKNOWN = "it may have been carried out"


_log = logging.getLogger("syncd.storage")


class Mirror:
    """One workspace of a deployment, or none where none is configured. For one loop at a time."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._away_until = self._pause = 0.0
        self._trouble: SyncdError | None = None
        self._http: ConvexHttp | None = None
        self._token = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._open = AsyncExitStack()
        self._meter = Meter()
        self._slips = Slips(config)
        self._slip_due = 0.0
        # Programs end without closing what they use.
        weakref.finalize(self, self._slips.leave, self._meter.spending)

    @property
    def trouble(self) -> SyncdError | None:
        """Why the last call was answered from files; None where the deployment answered."""
        return self._trouble

    @property
    def away(self) -> bool:
        """Whether a call would not even be tried now."""
        return time.monotonic() < self._away_until or None in _address(self._config)

    async def query(self, path: str, answer: type[Answer], /, **args: Any) -> Answer | None:
        """What the query answers; None where it answers null, or nothing."""
        asked = await self._asked(lambda http, who: http.find(path, who | args, answer))
        return None if isinstance(asked, Lost) else asked

    async def mutation(self, path: str, answer: type[Answer], /, **args: Any) -> Answer | Lost:
        """What the mutation answers, or what is known of it without an answer."""
        return await self._asked(lambda http, who: http.mutation(path, who | args, answer))

    async def close(self) -> None:
        """Let the connections go; the next call makes new ones."""
        self._slips.leave(self._meter.spending)
        former, self._open, self._http = self._open, AsyncExitStack(), None
        # A session belongs to the loop it was made in: one of an ended loop is left behind.
        if self._loop is asyncio.get_running_loop():
            await former.aclose()

    async def _asked(self, call: Callable[[ConvexHttp, dict[str, str]], Awaitable[T]]) -> T | Lost:
        http = await self._reached()
        if http is None:
            return Lost.NOT_DONE
        who = {"token": self._token, "workspace": self._config.workspace}
        try:
            async with asyncio.timeout(BOUND):
                answer = await call(http, who)
        except TimeoutError:
            late = f"{http.url} did not answer within {BOUND:.0f} s"
            return self._lost(Unavailable(late, _ADVICE))
        except SyncdError as trouble:
            return self._lost(trouble)
        finally:
            self._leave_slip()
        self._found(http.url)
        return answer

    def _leave_slip(self) -> None:
        now = time.monotonic()
        if now >= self._slip_due:
            self._slip_due = now + SLIP
            self._slips.leave(self._meter.spending)

    async def _reached(self) -> ConvexHttp | None:
        now = time.monotonic()
        if now < self._away_until:
            return None
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop or self._pause > 0.0:
            await self.close()
        if self._pause > 0.0:
            # One call finds out for all others.
            self._away_until = now + BOUND
        if self._http is None:
            url, token = _address(self._config)
            if url is None or token is None:
                return None
            self._token, self._loop = token, loop
            self._http = await self._open.enter_async_context(ConvexHttp(url, meter=self._meter))
        return self._http

    def _lost(self, trouble: SyncdError) -> Lost:
        away = isinstance(trouble, Unavailable)
        if type(self._trouble) is not type(trouble):
            level = logging.INFO if away else logging.WARNING
            _log.log(level, "answering from files: %s -> %s", trouble, trouble.advice)
        self._trouble = trouble
        # A function that fails, or is not deployed, says nothing about the next one.
        if away or isinstance(trouble, Unauthorized):
            self._pause = min(2 * self._pause or PAUSE, LONGEST_PAUSE)
            self._away_until = time.monotonic() + self._pause
        # Whoever could not connect sent nothing, and an error that was answered changed nothing.
        unknown = away and not isinstance(trouble, Unreachable)
        return Lost.UNKNOWN if unknown else Lost.NOT_DONE

    def _found(self, url: str) -> None:
        if self._trouble is not None:
            _log.info("%s answers again", url)
        self._trouble = None
        self._pause = self._away_until = 0.0


_ADVICE = "nothing to do: the files are asked, and it is tried again"


def given(args: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments without those that are None: a function's optional ones are left out."""
    return {name: value for name, value in args.items() if value is not None}


def _address(config: Config) -> tuple[str | None, str | None]:
    """Where the deployment is and this device's token; of the embedded one as the daemon says."""
    if config.url != EMBEDDED:
        return config.url, config.token
    with suppress(OSError):
        url = (config.state / "backend-url").read_text().strip()
        return url, config.token or (config.state / "token").read_text().strip()
    return None, None
