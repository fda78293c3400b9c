"""How far turns may be ahead of the calls that send what they queue. Pure: the caller passes the
time, in monotonic seconds.

Of a first mirror all is queued sooner than sent. What waits longer than it is held in memory is
read back and unpacked, and both sides get less of the machine for that. So bulk is considered as
fast as it is sent, but for a small lead; saves wait for nothing, and nothing waits for a deployment
that does not answer: then what changed is written down all the same.
"""

from __future__ import annotations

from math import inf
from typing import Final

ENOUGH: Final = 100
"""Rows that may be queued beyond those of the calls on their way: the next call is full, and made
while a turn goes on."""

SILENCE: Final = 0.5
"""Seconds without an answer after which turns no longer wait for one."""


class Lead:
    """The rows that were queued and not claimed since, as far as they matter."""

    def __init__(self) -> None:
        self._rows = 0
        self._answered = -inf

    def queued(self, rows: int) -> None:
        """A turn queued so many."""
        self._rows += rows

    def claimed(self, rows: int) -> None:
        """So many were claimed. None: what else is queued waits for other things than calls."""
        self._rows = max(0, self._rows - rows) if rows else 0

    def answered(self, now: float) -> None:
        """A call was answered."""
        self._answered = now

    def is_long(self, now: float) -> bool:
        """Whether bulk had better wait for the next answer."""
        return self._rows > ENOUGH and now - self._answered < SILENCE
