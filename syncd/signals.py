"""What signals ask of a run: to end, or to begin anew with the configuration as it is by then."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

import structlog

from syncd.leaving import leave

log = structlog.get_logger()


class Signals:
    """SIGTERM and SIGINT end the run, a second one ends the process at once. SIGHUP is ignored,
    unless `reload` is there to prepare another turn and says that there is to be one.

    `ending` is set when the turn under way is to end, `stopping` tells whether it is the last.
    """

    def __init__(self, reload: Callable[[], bool] = lambda: False) -> None:
        self.ending = asyncio.Event()
        self.stopping = False
        self._reload = reload

    def listen(self) -> None:
        """From now on. Runs inside the event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    def begin_turn(self) -> None:
        """Another turn begins."""
        if not self.stopping:
            self.ending.clear()

    def _stop(self, number: int) -> None:
        if self.stopping:
            leave(number)
        log.info("stopping", again="a second signal skips what is still to be sent")
        self.stopping = True
        self.ending.set()

    def _hang_up(self) -> None:
        if not self.stopping and self._reload():
            self.ending.set()
