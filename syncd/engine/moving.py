"""How far payloads are that are being moved, for `status` and whoever looks on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from syncd.core.model import Content
from syncd.engine.health import Health
from syncd.engine.ports import Clock

EVERY = 1.0
"""Seconds between two reports."""

Looking = Callable[[str, int, int | None], None]
"""Told (what is going on, how many bytes are done, how many there are)."""


@dataclass(slots=True)
class Move:
    """One payload on its way."""

    name: str
    size: int
    done: int = 0


class Moving:
    """The payloads on their way in one direction: `part` is "uploads" or "downloads"."""

    def __init__(self, part: str, health: Health, clock: Clock) -> None:
        self._part = part
        self._health = health
        self._clock = clock
        self._moves: list[Move] = []
        self._told = 0.0
        self.looking: Looking | None = None
        self.moved = 0
        """Bytes moved since the start."""

    @contextlib.contextmanager
    def of(self, name: str, content: Content) -> Iterator[Move]:
        """A payload that moves while the block runs."""
        move = Move(name, content.size)
        self._moves.append(move)
        try:
            yield move
        finally:
            self._moves.remove(move)
            self._tell_now_and_then()

    def advance(self, move: Move, size: int) -> None:
        """So many bytes more are done."""
        move.done += size
        self.moved += size
        if self.looking is not None:
            self.looking(f"{self._part[:-1]} {move.name}", move.done, move.size)
        self._tell_now_and_then()

    def waits(self, detail: str) -> None:
        """Nothing moves for now; `detail` says why."""
        self._health.report(self._part, "waiting", detail)

    def rests(self) -> None:
        """Nothing is left to move."""
        self._health.report(self._part, "current")

    def _tell_now_and_then(self) -> None:
        if self._clock.monotonic() - self._told >= EVERY:
            self._tell()

    def _tell(self) -> None:
        self._told = self._clock.monotonic()
        if self._moves:
            done = sum(move.done for move in self._moves)
            size = sum(move.size for move in self._moves)
            names = ", ".join(move.name for move in self._moves)
            self._health.report(
                self._part, "moving", f"{done / 1e6:,.1f} of {size / 1e6:,.1f} MB of {names}"
            )
