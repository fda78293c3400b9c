"""How soon the next few saves may go: at once after a rest, gathered while they stream. Pure.

A call costs the same for one save and for fifty. A program that saves all the time would make one
for each few of them, as fast as they are answered.
"""

from __future__ import annotations

from typing import Final

from syncd.core.ceiling import Bucket

FULL: Final = 50
"""Saves that are worth a call at any time."""

RATE: Final = 15.0
"""Calls a second with fewer, in a stream: what waits for one waits 67 ms at most."""

BURST: Final = 3.0
"""Calls with fewer that go at once after a rest: nobody who saves a file or two waits."""

_LEAST: Final = 0.001
"""Seconds that nobody waits for: what is left of a pause after it is no other."""


class Pace:
    """Of calls that carry fewer than FULL saves. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._bucket = Bucket(RATE, BURST - 1.0)
        self._next = 0.0

    def pause(self, saves: int, now: float) -> float:
        """Seconds from `now` after which a call with so many may go."""
        pause = min(1 / RATE, self._next - now)
        return 0.0 if saves >= FULL or pause < _LEAST else pause

    def went(self, saves: int, now: float) -> None:
        """A call with so many goes."""
        if saves >= FULL:
            # More than calls with few can carry: the next is full before that, or the last.
            self._next = now + 1 / RATE
            return
        pause = self._bucket.take(1, now)
        self._next = now + pause if pause else 0.0
