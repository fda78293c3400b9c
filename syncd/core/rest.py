"""How long a file rests between two uploads. Pure: the caller passes the time, in seconds.

A payload travels whole. One that a program writes to all the time, a download or a log, would be
sent anew at every look at it: a log of 5 MB comes to 400 GB a day. So each file may cost BURST
bytes at once and RATE bytes a second for long, or itself every LONGEST seconds: nobody waits longer
for what he saved. One that changes under its uploads, which then are in vain, is tried half as
often each time, up to a bound.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from syncd.core.ceiling import Bucket
from syncd.core.model import Key

BURST: Final = 32 << 20
"""Bytes that uploads of one file come to before it has to rest."""

RATE: Final = 128 << 10
"""Bytes a second that they come to for long."""

FIRST_VAIN, LAST_VAIN = 0.1, 5.0
"""Seconds that a file rests which changed under its upload, at first and at most."""

LONGEST = 60.0
"""Seconds that any file rests, at most."""


@dataclass(slots=True)
class _Rest:
    bucket: Bucket = field(default_factory=lambda: Bucket(RATE, BURST))
    vain: float = FIRST_VAIN
    began: float = 0.0
    end: float = 0.0


class Rests:
    """Remembers which files rest, and until when."""

    def __init__(self) -> None:
        self._rests: dict[Key, _Rest] = {}

    def uploaded(self, key: Key, size: int, now: float) -> None:
        """`size` bytes of `key` are there."""
        rest = self._rests.setdefault(key, _Rest())
        rest.vain = FIRST_VAIN
        self._begin(rest, rest.bucket.take(size, now), now)

    def changed(self, key: Key, now: float) -> None:
        """The file changed while it was to be sent."""
        rest = self._rests.setdefault(key, _Rest())
        self._begin(rest, rest.vain, now)
        rest.vain = min(LAST_VAIN, 2 * rest.vain)

    def left(self, key: Key, now: float) -> float:
        """Seconds from `now` until `key` may be uploaded again; 0 where it may."""
        rest = self._rests.get(key)
        return max(0.0, rest.end - now) if rest is not None else 0.0

    def forget(self, waiting: Collection[Key], now: float) -> None:
        """What may cost as much again as any file is forgotten, unless it is `waiting`."""
        full = now - max(BURST / RATE, LONGEST)
        over = [key for key, rest in self._rests.items() if rest.began <= full]
        for key in over:
            if key not in waiting:
                del self._rests[key]

    def _begin(self, rest: _Rest, length: float, now: float) -> None:
        rest.began, rest.end = now, now + min(LONGEST, length)
