"""What is handed out when, against the same rules over plain dicts that are looked through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Key
from syncd.core.settle import FEW, LONGEST_WINDOW, QUIET, SHORTEST_WINDOW, Settler

FILES = [Key("s", f"{number:02}.json") for number in range(FEW + 8)]
RECORDS = [Key("s", "00.json", "a"), Key("s", "01.json", "b")]
KEYS = FILES + RECORDS


@dataclass
class Trace:
    taken: float
    window: float
    hot: bool = False


class Plain:
    """Waiting keys are `due` at a time, as bulk or not, or are some of the `many`.

    These go in the order of their `places`, of which one stays when its key is handed out early.
    """

    def __init__(self) -> None:
        self.due: dict[Key, tuple[float, bool]] = {}
        self.many: set[Key] = set()
        self.places: list[Key] = []
        self.named = 0.0
        self.traces: dict[Key, Trace] = {}
        self.unsettled_since: dict[Key, float] = {}
        self.touched: set[Key] = set()
        self.bulk_next = False

    def put(self, key: Key, when: float, *, bulk: bool) -> None:
        self.many.discard(key)
        self.due[key] = when, bulk

    def touch(self, key: Key, now: float, *, settled: bool) -> None:
        self.touched.add(key)
        trace = self.traces.get(key, Trace(now, 0.0))
        earliest = trace.taken + trace.window
        if settled:
            self.unsettled_since.pop(key, None)
            trace.hot |= now < earliest
            self.put(key, max(now, earliest), bulk=False)
        else:
            since = self.unsettled_since.setdefault(key, now)
            quiet = min(now + QUIET, since + LONGEST_WINDOW)
            self.put(key, max(quiet, earliest), bulk=False)

    def too_many(self, more: int) -> bool:
        return sum(not bulk for _, bulk in self.due.values()) + more > FEW

    def name(self, keys: Sequence[Key], now: float) -> None:
        self.named = now
        if not self.too_many(len(set(keys))):
            self.again([(key, now) for key in keys])
            return
        for key in keys:
            if key in self.due or key.record:
                when, bulk = self.due.get(key, (now, True))
                self.put(key, min(now, when), bulk=bulk)
            elif key not in self.many:
                self.many.add(key)
                self.places.append(key)

    def again(self, named: Sequence[tuple[Key, float]]) -> None:
        bulk = self.too_many(len(named))
        for key, when in named:
            if key not in self.many:
                before, was_bulk = self.due.get(key, (when, True))
                self.put(key, min(when, before), bulk=bulk and was_bulk)
            elif not bulk:
                self.put(key, min(when, self.named), bulk=False)

    def take(self, now: float, most: int, *, bulk: bool) -> list[Key]:
        sorts = [self.bulk_next, not self.bulk_next] if bulk else [False]
        for sort in sorts:
            if taken := self.taken(now, most, bulk=sort):
                self.bulk_next = not sort if sort == sorts[0] else self.bulk_next
                break
        self.traces = {
            key: each for key, each in self.traces.items() if now - each.taken < 2 * LONGEST_WINDOW
        }
        return taken

    def taken(self, now: float, most: int, *, bulk: bool) -> list[Key]:
        ready = sorted((when, key) for key, (when, sort) in self.due.items() if sort == bulk)
        keys = [key for when, key in ready if when <= now][:most]
        for key in keys:
            del self.due[key]
            self.unsettled_since.pop(key, None)
            if key in self.touched:
                self.touched.remove(key)
                trace = self.traces.get(key)
                hot = trace is not None and trace.hot
                window = min(LONGEST_WINDOW, 2 * trace.window) if trace and hot else SHORTEST_WINDOW
                self.traces[key] = Trace(now, window)
        while bulk and self.places and len(keys) < most:
            if (key := self.places.pop(0)) in self.many:
                self.many.remove(key)
                keys.append(key)
        return keys

    def next_due(self, *, bulk: bool) -> float | None:
        dues = [when for when, sort in self.due.values() if bulk or not sort]
        return min([*dues, self.named] if self.many and bulk else dues, default=None)


few = st.sampled_from([FILES[0], FILES[-1], *RECORDS])
many = st.one_of(
    st.lists(few, max_size=2),
    st.builds(
        lambda start, count, step: KEYS[start:][:count][::step],
        st.integers(0, len(KEYS)),
        st.integers(0, len(KEYS)),
        st.sampled_from([1, -1]),
    ),
)
pauses = st.sampled_from([0.0, 0.0, 0.125, 0.25, 0.5, 1.0, 2.0])
told = st.lists(
    st.one_of(
        st.tuples(st.just("touch"), few, st.booleans(), pauses),
        st.tuples(st.just("heat"), few, st.booleans(), st.integers(2, 12)),
        st.tuples(st.just("name"), many, pauses),
        st.tuples(st.just("again"), many, pauses, pauses),
        st.tuples(st.just("take"), st.sampled_from([1, 3, 1000]), pauses, st.booleans()),
    ),
    min_size=20,
    max_size=60,
)


class Both:
    """The settler beside the rules; whatever is asked of both is answered alike."""

    def __init__(self) -> None:
        self.settler, self.plain, self.now = Settler(), Plain(), 0.0

    def touch(self, key: Key, settled: bool, pause: float) -> None:
        for each in (self.settler, self.plain):
            each.touch(key, self.now, settled=settled)
        self.now += pause

    def heat(self, key: Key, settled: bool, times: int) -> None:
        for _ in range(times):
            self.touch(key, settled, 0.125)
            self.take(1000)

    def name(self, keys: Sequence[Key], pause: float) -> None:
        for each in (self.settler, self.plain):
            each.name(keys, self.now)
        self.now += pause

    def again(self, keys: Sequence[Key], later: float, pause: float) -> None:
        for each in (self.settler, self.plain):
            each.again([(key, self.now + later) for key in keys])
        self.now += pause

    def take(self, most: int, pause: float = 0.0, bulk: bool = True) -> list[Key]:
        taken = self.settler.take(self.now, most, bulk=bulk)
        assert taken == self.plain.take(self.now, most, bulk=bulk)
        self.now += pause
        return taken


@given(told)
def test_it_hands_out_what_a_walk_through_all_that_waits_would(told: list[Any]) -> None:
    both = Both()
    for verb, *what in told:
        getattr(both, verb)(*what)
        assert len(both.settler) == len(both.plain.due) + len(both.plain.many)
        for bulk in (True, False):
            due = both.settler.next_due(bulk=bulk)
            assert due == both.plain.next_due(bulk=bulk)
    both.now += 10.0
    while both.take(7):
        pass
    assert len(both.settler) == 0
