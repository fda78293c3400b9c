"""A thousand machines whose deployment was away, and a thousand that hear of one save.

A model: the deployment has SLOTS for executions, as the platform's smallest has; one that waits
longer than PATIENCE for a slot is refused, as the platform does. How machines wait is the daemon's.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

from syncd.engine.exchange.link import FIRST_PAUSE, LONGEST_PAUSE, MOMENT
from syncd.engine.online import AFTER_LOSS
from syncd.engine.waiting import spread
from syncd.remote import listener

SLOTS = 16
PATIENCE = 5.0

RETURN_TAKES = 0.035
"""Seconds of a slot for a return: hello, the subscription, one page of the feed. A guess."""

HEARD_TAKES = 0.015
"""Seconds of a slot for a save that is heard: the subscription again, one page. A guess."""

Spread = Callable[[float], float]
"""What a pause really is."""


def even(pause: float) -> float:
    """No jitter at all."""
    return pause


@dataclass(frozen=True)
class Return:
    """Attempts in the busiest second once the deployment is back, refused ones, and seconds until
    half and all of the machines are back."""

    busiest: int
    refused: int
    half: float
    all: float


def come_back(machines: int, outage: float, spread: Spread = spread, slots: int = SLOTS) -> Return:
    """Let `machines` lose a deployment at once that is away for `outage` seconds."""
    waiting = [(spread(AFTER_LOSS), number, FIRST_PAUSE) for number in range(machines)]
    heapq.heapify(waiting)
    heard = [_heard(outage, spread) + spread(MOMENT) for _ in range(machines)]
    free = [outage] * slots
    arrivals: list[float] = []
    back: list[float] = []
    refused = 0
    while waiting:
        now, number, pause = heapq.heappop(waiting)
        if now >= outage:
            arrivals.append(now)
            if free[0] - now <= PATIENCE:
                done = max(now, free[0]) + RETURN_TAKES
                heapq.heapreplace(free, done)
                back.append(done - outage)
                continue
            refused += 1
        due = now + spread(pause)
        if now < heard[number] < due:
            due = heard[number]
        heapq.heappush(waiting, (due, number, min(LONGEST_PAUSE, 2 * pause)))
    back.sort()
    return Return(_busiest(arrivals), refused, back[len(back) // 2], back[-1])


def _heard(outage: float, spread: Spread) -> float:
    """When a machine's listener, which waits by itself, finds the deployment back."""
    now, pause = 0.0, listener.FIRST_PAUSE
    while now < outage:
        pause = min(listener.LONGEST_PAUSE, 2 * pause)
        now += spread(pause)
    return now


def hear(machines: int, slots: int = SLOTS) -> float:
    """Seconds until the last of `machines`, all told of one save at once, has heard it."""
    return machines * HEARD_TAKES / slots


def saves_a_second(machines: int, slots: int = SLOTS) -> float:
    """How many saves a second so many listeners can hear one by one; beyond, pages hold several."""
    return slots / (machines * HEARD_TAKES)


def _busiest(arrivals: list[float]) -> int:
    first, most = 0, 0
    for number, now in enumerate(arrivals):
        while arrivals[first] <= now - 1:
            first += 1
        most = max(most, number - first + 1)
    return most


def seeded(seed: int) -> Spread:
    """The daemon's own jitter, the same every time."""
    rng = random.Random(seed)
    return lambda pause: spread(pause, rng.uniform)
