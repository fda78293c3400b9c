"""Simulated time: what is due when, and whether a fault happens. Everything from one seed."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable

from .faults import Mix, swarm


class Timeline:
    """`now` is in seconds and never jumps; machines' wall clocks do."""

    def __init__(self, rng: random.Random, mix: Mix) -> None:
        self.rng = rng
        self.now = 0.0
        self.mix = swarm(mix, rng)
        self.exercised: Counter[str] = Counter()
        """How often each fault and each situation was met."""
        self.told_lines: list[str] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = itertools.count()
        self._numbers = itertools.count(1)

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Have `act` happen at `when`."""
        heapq.heappush(self._heap, (when, next(self._sequence), act))

    def after(self, pause: float, act: Callable[[], None]) -> None:
        """Have `act` happen in `pause` seconds."""
        self.at(self.now + pause, act)

    def moment(self, longest: float) -> float:
        """A random while, up to `longest` seconds."""
        return self.rng.random() * longest

    def toil(self) -> float:
        """How many seconds the work of a thread takes."""
        return self.moment(0.3 if self.happens("dawdling") else 0.001)

    def happens(self, fault: str) -> bool:
        """Whether the mix lets `fault` happen here."""
        chance: float = getattr(self.mix, fault)
        if chance and self.rng.random() < chance:
            self.exercised[fault] += 1
            return True
        return False

    def number(self) -> int:
        """The next number, so that no two saves are the same by chance."""
        return next(self._numbers)

    def story(self, line: str) -> None:
        """Tell what happened."""
        self.told_lines.append(f"{self.now:10.5f} {line}")

    @property
    def next_due(self) -> float | None:
        """When the next thing happens."""
        return self._heap[0][0] if self._heap else None

    def take_next(self) -> Callable[[], None]:
        """Go on to the next thing that is due."""
        when, _, act = heapq.heappop(self._heap)
        self.now = max(self.now, when)
        return act
