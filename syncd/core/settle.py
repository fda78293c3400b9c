"""When to look at a key that something named. Pure: the caller passes the time, in seconds.

A save is looked at at once, unless the key was looked at less than a window ago: then it waits
for the window's end, together with the saves that follow it. A window in which saves had to wait
is followed by one of twice the length, from 250 ms up to 1 s; any other by the shortest again.

Saves, and what is named with few others, are *pressing*; what is named with many others is *bulk*.
Where both wait they are handed out by turns, so that a save never waits for thousands of files, nor
these for saves without end.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from syncd.core.backlog import Backlog
from syncd.core.model import Key

QUIET = 0.25
"""Seconds without an event after which a file that gave no close-after-write is looked at."""

SHORTEST_WINDOW = 0.25
LONGEST_WINDOW = 1.0

FEW = 20
"""Keys that may press at once, unless they are saves: a person's edit elsewhere, not a checkout."""


@dataclass(slots=True)
class _Trace:
    taken: float
    window: float
    hot: bool = False


class Settler:
    """Gathers named keys and hands each out when it is due, once for all its events."""

    def __init__(self) -> None:
        self._due: dict[Key, float] = {}
        self._bulk: set[Key] = set()
        self._unsettled_since: dict[Key, float] = {}
        self._pressing_heap: list[tuple[float, Key]] = []
        self._bulk_heap: list[tuple[float, Key]] = []
        self._bulk_next = False
        self._many = Backlog()
        """Bulk that is due, of which most that ever waits is."""
        self._named = 0.0
        # Forgotten from its front: of a dict each look there passes over all that was forgotten.
        self._traces: OrderedDict[Key, _Trace] = OrderedDict()
        self._touched: set[Key] = set()

    def __len__(self) -> int:
        return len(self._due) + len(self._many)

    def touch(self, key: Key, now: float, *, settled: bool) -> None:
        """Note an event. `settled`: the writer closed the file, or renamed it into place."""
        self._touched.add(key)
        trace = self._traces.get(key)
        earliest = trace.taken + trace.window if trace else now
        if settled:
            if trace is not None and now < earliest:
                trace.hot = True
            self._unsettled_since.pop(key, None)
            self._schedule(key, max(now, earliest), bulk=False)
            return
        since = self._unsettled_since.setdefault(key, now)
        due = max(min(now + QUIET, since + LONGEST_WINDOW), earliest)
        self._schedule(key, due, bulk=False)

    def name(self, keys: Iterable[Key], now: float) -> None:
        """Hand each key out as soon as there is time."""
        self._named = now
        rest, few = iter(keys), dict[Key, None]()
        for key in rest:
            few[key] = None
            if self._too_many(len(few)):
                break
        else:
            self.again([(key, now) for key in few])
            return
        for key in chain(few, rest):
            self._name_with_many(key, now)

    def _name_with_many(self, key: Key, now: float) -> None:
        due = self._due.get(key)
        if due is not None:
            self._schedule(key, min(now, due), bulk=key in self._bulk)
        elif key.record:
            self._schedule(key, now, bulk=True)
        else:
            self._many.add(key)

    def again(self, named: Sequence[tuple[Key, float]]) -> None:
        """Hand each key out at its time, unless it is due earlier anyway."""
        bulk = self._too_many(len(named))
        for key, when in named:
            if key in self._many:
                if not bulk:
                    self._schedule(key, min(when, self._named), bulk=False)
                continue
            due = self._due.get(key, when)
            waits_as_bulk = key in self._bulk or key not in self._due
            self._schedule(key, min(when, due), bulk=bulk and waits_as_bulk)

    def _too_many(self, more: int) -> bool:
        """Whether `more` keys are too many to press beside those that press now."""
        return len(self._due) - len(self._bulk) + more > FEW

    def take(self, now: float, most: int, *, bulk: bool = True) -> list[Key]:
        """Keys that are due, at most `most`, oldest first: all of them pressing, or all bulk.

        Without `bulk` that stays, and its turn with it.
        """
        first = bulk and self._bulk_next
        taken = self._take(now, most, bulk=first)
        if taken:
            self._bulk_next = not first
        elif bulk:
            taken = self._take(now, most, bulk=not first)
        self._forget_cold(now)
        return taken

    def next_due(self, *, bulk: bool = True) -> float | None:
        """When the next key is due, without `bulk` the next pressing one; None: none waits."""
        sorts = (False, True) if bulk else (False,)
        dues = [heap[0][0] for sort in sorts if (heap := self._heap(bulk=sort))]
        return min([*dues, self._named] if bulk and len(self._many) else dues, default=None)

    def _take(self, now: float, most: int, *, bulk: bool) -> list[Key]:
        taken: list[Key] = []
        while len(taken) < most and (heap := self._heap(bulk=bulk)) and heap[0][0] <= now:
            _, key = heapq.heappop(heap)
            del self._due[key]
            self._bulk.discard(key)
            self._unsettled_since.pop(key, None)
            if key in self._touched:
                self._touched.remove(key)
                self._mark_taken(key, now)
            taken.append(key)
        return taken + self._many.take(most - len(taken)) if bulk else taken

    def _heap(self, *, bulk: bool) -> list[tuple[float, Key]]:
        """The heap of one sort, whose first is not one that was scheduled anew since."""
        heap = self._bulk_heap if bulk else self._pressing_heap
        while heap and not (
            self._due.get(heap[0][1]) == heap[0][0] and (heap[0][1] in self._bulk) == bulk
        ):
            heapq.heappop(heap)
        return heap

    def _schedule(self, key: Key, when: float, *, bulk: bool) -> None:
        if self._due.get(key) == when and (key in self._bulk) == bulk:
            return
        self._many.discard(key)
        self._due[key] = when
        if bulk:
            self._bulk.add(key)
        else:
            self._bulk.discard(key)
        heapq.heappush(self._bulk_heap if bulk else self._pressing_heap, (when, key))

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
