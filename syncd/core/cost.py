"""What the deployment's meter counts, by day, and what it comes to in a month.

Pure: the caller passes the time, in seconds since the epoch. A day is the number of a UTC day since
the epoch; allowances and ceilings are of UTC days and months, as the platform's own limits are:
https://docs.convex.dev/production/usage-limits
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

DAY: Final = 86_400
"""Seconds."""

KEPT: Final = 90
"""Days that are remembered, the last of those that cost something."""

LOOKED_BACK: Final = 7
"""Whole days that a projection is made from, at most: a week has its week-end."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What was spent.

    `calls` are function calls as the platform counts them: calls over HTTP, updates of the
    subscription, files stored or served. `sent` and `received` are the bytes of arguments and
    answers, `uploaded` and `downloaded` those of payloads; what HTTP adds is not counted.
    """

    calls: int = 0
    sent: int = 0
    received: int = 0
    uploaded: int = 0
    downloaded: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.sent + other.sent,
            self.received + other.received,
            self.uploaded + other.uploaded,
            self.downloaded + other.downloaded,
        )

    def __neg__(self) -> Cost:
        return Cost(-self.calls, -self.sent, -self.received, -self.uploaded, -self.downloaded)

    @property
    def database(self) -> int:
        """Bytes that functions read or wrote, as far as they can be seen from here.

        The least that it can be: rows, indexes and texts that are replaced come on top.
        """
        return self.sent + self.received

    @property
    def bytes(self) -> int:
        """Every byte that was counted."""
        return self.database + self.uploaded + self.downloaded


NOTHING: Final = Cost()

Costs = Mapping[int, Cost]
"""By day; a day that is not there cost nothing."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is included a month: function calls, bytes of database traffic; None: no bound."""

    calls: int | None = None
    database: int | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """What a month will have cost at its end, if its rest is like the last `days` whole days."""

    calls: int
    database: int
    days: int


def day_of(now: float) -> int:
    """The day that it is at `now`."""
    return int(now // DAY)


def month_of(now: float) -> range:
    """The days of the month that it is at `now`."""
    return _month_with(day_of(now))


@lru_cache(maxsize=8)
def _month_with(day: int) -> range:
    # Every call asks: reckoned once a day.
    first = datetime.fromtimestamp(day * DAY, UTC).replace(day=1)
    behind = (first + timedelta(days=32)).replace(day=1)
    return range(day_of(first.timestamp()), day_of(behind.timestamp()))


def together(one: Costs, other: Costs) -> Costs:
    """What both come to."""
    if not other:
        return one
    return {day: one.get(day, NOTHING) + other.get(day, NOTHING) for day in {*one, *other}}


def spent(costs: Costs, days: range) -> Cost:
    """What `days` cost together."""
    return sum((cost for day, cost in costs.items() if day in days), NOTHING)


def projected(costs: Costs, now: float) -> Projection | None:
    """What the month comes to; None before there was a whole day to judge by.

    The first day that was counted is none: it is not whole, and the first mirror is not what days
    are like.
    """
    today, month = day_of(now), month_of(now)
    begun = min(costs, default=today)
    looked_at = range(max(begun + 1, today - LOOKED_BACK), today)
    if not looked_at:
        return None
    sample, already = spent(costs, looked_at), spent(costs, range(month.start, today + 1))
    share = (month.stop - now / DAY) / len(looked_at)
    return Projection(
        already.calls + round(sample.calls * share),
        already.database + round(sample.database * share),
        len(looked_at),
    )


def exceeding(costs: Costs, allowance: Allowance, now: float) -> str:
    """Which part of the allowance the month will not do with, or has not; empty where none."""
    month = spent(costs, month_of(now))
    likely = projected(costs, now) or Projection(month.calls, month.database, 0)
    parts = [
        ("", month.calls, likely.calls, allowance.calls, "function calls"),
        # Counted from here: see `Cost.database`.
        (
            "at least ",
            month.database,
            likely.database,
            allowance.database,
            "bytes of database traffic",
        ),
    ]
    for least, already, then, allowed, what in parts:
        if allowed is None:
            continue
        if already > allowed:
            return f"{least}{already:,} {what} this month, and {allowed:,} are included"
        if then > allowed:
            return (f"{least}{then:,} {what} by the end of the month at this rate, "
                    f"{allowed:,} are included")  # fmt: skip
    return ""


class Spending:
    """What was spent: as the ledger knows it, and what was counted since it was last written."""

    def __init__(self) -> None:
        self._written: dict[int, Cost] = {}
        self._unwritten: dict[int, Cost] = {}

    def known(self, costs: Costs) -> None:
        """A ledger was opened that says this. What is unwritten yet will be written to it."""
        self._written = dict(costs)

    def lost(self) -> None:
        """The ledger that knew is lost: all of it is to be written to the next one."""
        self._unwritten, self._written = dict(self.costs), {}

    def add(self, cost: Cost, now: float) -> None:
        """`cost` was spent at `now`."""
        day = day_of(now)
        cost = self._unwritten.pop(day, NOTHING) + cost
        if cost != NOTHING:
            self._unwritten[day] = cost

    @property
    def unwritten(self) -> Costs:
        """What the ledger does not know yet."""
        return dict(self._unwritten)

    def written(self, costs: Costs) -> None:
        """The ledger has `costs` now, which were unwritten."""
        for day, cost in costs.items():
            self._written[day] = self._written.get(day, NOTHING) + cost
            # RACE: calls go on while a transaction runs, and one that never left is taken back.
            left = self._unwritten.pop(day, NOTHING) + -cost
            if left != NOTHING:
                self._unwritten[day] = left

    @property
    def costs(self) -> Costs:
        """All of it."""
        return together(self._written, self._unwritten)
