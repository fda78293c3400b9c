"""When to look at a key that something named. Pure: the caller passes the time, in seconds.

A save is looked at at once, unless the key was looked at less than a window ago: then it waits
for the window's end, together with the saves that follow it. A window in which saves had to wait
is followed by one of twice the length, from 250 ms up to 1 s; any other by the shortest again.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from syncd.core.model import Key

QUIET = 0.25
"""Seconds without an event after which a file that gave no close-after-write is looked at."""

SHORTEST_WINDOW = 0.25
LONGEST_WINDOW = 1.0


@dataclass(slots=True)
class _Trace:
    taken: float
    window: float
    hot: bool = False


class Settler:
    """Gathers named keys and hands each out when it is due, once for all its events."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._unsettled_since: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._traces: dict[Key, _Trace] = {}
        self._touched: set[Key] = set()

    def __len__(self) -> int:
        return len(self._due)

    def touch(self, key: Key, now: float, *, settled: bool) -> None:
        """Note an event. `settled`: the writer closed the file, or renamed it into place."""
        self._touched.add(key)
        trace = self._traces.get(key)
        earliest = trace.taken + trace.window if trace else now
        if settled:
            if trace is not None and now < earliest:
                trace.hot = True
            self._unsettled_since.pop(key, None)
            self._schedule(key, max(now, earliest))
            return
        since = self._unsettled_since.setdefault(key, now)
        self._schedule(key, max(min(now + QUIET, since + LONGEST_WINDOW), earliest))

    def again(self, key: Key, when: float) -> None:
        """Hand `key` out at `when`, unless it is due earlier anyway."""
        if when < self._due.get(key, when + 1):
            self._schedule(key, when)

    def take(self, now: float, most: int) -> list[Key]:
        """The keys that are due, at most `most`, oldest first."""
        taken: list[Key] = []
        while self._heap and self._heap[0][0] <= now and len(taken) < most:
            when, key = heapq.heappop(self._heap)
            if self._due.get(key) == when:
                del self._due[key]
                self._unsettled_since.pop(key, None)
                if key in self._touched:
                    self._touched.remove(key)
                    self._mark_taken(key, now)
                taken.append(key)
        self._forget_cold(now)
        return taken

    def next_due(self) -> float | None:
        """When the next key is due, or None when nothing waits."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _schedule(self, key: Key, when: float) -> None:
        if self._due.get(key) != when:
            self._due[key] = when
            heapq.heappush(self._heap, (when, key))

    def _mark_taken(self, key: Key, now: float) -> None:
        trace = self._traces.pop(key, None)
        hot = trace is not None and trace.hot
        window = min(LONGEST_WINDOW, 2 * trace.window) if trace and hot else SHORTEST_WINDOW
        self._traces[key] = _Trace(now, window)

    def _forget_cold(self, now: float) -> None:
        # Insertion order is time order: _mark_taken moves a key to the end.
        while self._traces:
            key = next(iter(self._traces))
            if now - self._traces[key].taken < 2 * LONGEST_WINDOW:
                return
            del self._traces[key]
