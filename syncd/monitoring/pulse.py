"""The daemon's pulse: that it makes progress, and how things are, told to whoever wants to know.

What is told is `status.report`, the one truth that `syncd status` prints too, without its counts
of files. Does IO.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from syncd.config import Config
from syncd.errors import LedgerError
from syncd.report.standing import State, StatusReport
from syncd.report.status import report

EVERY = 15.0
"""Seconds between two looks."""

FIRST = 1.0
"""Seconds between the first two, doubled from there: a start is watched by those who wait."""

Told = Callable[[StatusReport], Awaitable[None]]

log = structlog.get_logger()


class Pulse:
    """Looks at the daemon from inside, again and again.

    `beat` returns once the engine could begin another turn: a turn that hangs ends the pulse,
    and a service manager that waits for it starts the daemon anew.
    """

    def __init__(
        self,
        config: Config,
        beat: Callable[[], Awaitable[None]],
        told: Sequence[Told],
        watched: float | None = None,
    ) -> None:
        self._config = config
        self._beat = beat
        self._told = told
        self._every = min(EVERY, watched / 3) if watched else EVERY
        self._state = State.SYNCING

    async def run(self) -> None:
        """Until cancelled."""
        pause = min(FIRST, self._every)
        while True:
            await self._beat()
            try:
                found = await asyncio.to_thread(report, self._config, counting=False)
            except LedgerError as error:
                log.warning("status_unknown", what=str(error), advice=error.advice)
            else:
                self._log(found)
                for each in self._told:
                    await each(found)
            await asyncio.sleep(pause)
            pause = min(self._every, 2 * pause)

    def _log(self, found: StatusReport) -> None:
        # Syncing comes and goes with every save.
        if found.state not in (self._state, State.SYNCING):
            log.info("became", state=found.state.value, detail=found.detail)
            self._state = found.state
