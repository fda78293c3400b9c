"""When a person is told that things changed. Pure: the caller passes the time, in seconds.

Told is what lasts: a state that has stood for a while and is another than the one told last. What
comes and goes within that while is for the log.
"""

from __future__ import annotations

from dataclasses import dataclass

LASTS = 30.0
"""Seconds for which a state must stand before it is told."""

LEAST = 60.0
"""Seconds between two notices: a state that changes faster is told as it is by then."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Things went from `former` to `state`."""

    former: str
    state: str


class Notices:
    """Remembers what was told. Good states are one: which of them it is concerns nobody."""

    def __init__(self, good: str = "ok") -> None:
        self._told = good
        self._last = float("-inf")
        self._standing = good
        self._since = float("-inf")

    def judged(self, state: str, now: float) -> Notice | None:
        """What to tell now that things are in `state`, None for nothing."""
        if state != self._standing:
            self._standing, self._since = state, now
        if state == self._told or now - self._since < LASTS or now - self._last < LEAST:
            return None
        notice = Notice(self._told, state)
        self._told, self._last = state, now
        return notice
