"""How much goes at once over a link of unknown speed, so that no save waits long behind it. Pure.

A link of 256 kbit/s takes half a minute for what a fast one takes in a moment. What is saved
meanwhile waits for it, and what breaks off in between was sent for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 3.0
"""Seconds that a call may take for its size alone."""

LEAST: Final = 32 * 1024
"""Bytes that go at once over any link: smaller calls cost more for themselves than for these."""

ANSWER: Final = 4 * 1024 * 1024
"""Bytes of text that an answer carries over any link, unless one text alone has more. It is
PAGE_BYTES of `convex/model/limits.ts`."""


@dataclass(slots=True)
class Call:
    """A call on its way, of `size` bytes: what an answer has is told once it is here."""

    size: int


class Portion:
    """Bytes that a call may carry: `most` until calls are found to take longer than LONGEST."""

    def __init__(self, most: int) -> None:
        self.bytes = most
        self._most = most

    @contextmanager
    def call(self, size: int, now: Callable[[], float]) -> Iterator[Call]:
        """Around a call of `size` bytes; `now` tells the time, in seconds."""
        call, began = Call(size), now()
        try:
            yield call
        except BaseException:
            self.lost(call.size)
            raise
        self.took(call.size, now() - began)

    def took(self, size: int, seconds: float) -> None:
        """A call of `size` bytes was answered after so many seconds, others beside it."""
        # A small call that took long says nothing of the link. One that did not does: where calls
        # carry little none is larger.
        if seconds > LONGEST and size >= LEAST:
            self._limit(int(size * LONGEST / seconds))
        elif seconds < LONGEST / 2 and 2 * size > self.bytes:
            self.bytes = min(self._most, 2 * self.bytes)

    def lost(self, size: int) -> None:
        """A call of `size` bytes was not answered."""
        if size >= LEAST:
            self._limit(size // 4)

    def _limit(self, size: int) -> None:
        self.bytes = max(LEAST, min(self.bytes, size))
