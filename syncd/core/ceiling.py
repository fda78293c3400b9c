"""How fast and how far a machine may spend. Pure: the caller passes the time, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.cost import DAY, Costs, day_of, month_of, spent


@dataclass(frozen=True, slots=True)
class Reached:
    """Nothing more is spent until then: the setting that says so, seconds since the epoch."""

    setting: str
    until: float


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that is spent of UTC days and months; None sets no bound.

    Only what is begun counts: what is on its way when a bound is met still arrives.
    """

    calls_a_day: int | None = None
    bytes_a_day: int | None = None
    bytes_a_month: int | None = None

    def reached(self, costs: Costs, now: float) -> Reached | None:
        """What stops spending at `now`, the longest of it, None where nothing does."""
        if self == _NONE:
            return None
        today, month = day_of(now), month_of(now)
        day = spent(costs, range(today, today + 1))
        tomorrow, next_month = (today + 1) * DAY, month.stop * DAY
        bounds = [
            ("most_bytes_a_month", self.bytes_a_month, spent(costs, month).bytes, next_month),
            ("most_bytes_a_day", self.bytes_a_day, day.bytes, tomorrow),
            ("most_calls_a_day", self.calls_a_day, day.calls, tomorrow),
        ]
        for setting, most, found, until in bounds:
            if most is not None and found >= most:
                return Reached(setting, float(until))
        return None


_NONE = Ceiling()


class Bucket:
    """Lets through `rate` bytes (or calls) a second, and up to `burst` at once after a rest.

    What goes through never waits for itself to fit: a part larger than `burst` leaves a debt that
    those behind it wait for. So of parts that go when they may, those from any one to any later
    one are at most max(`burst`, the first) + `rate` x the time between the two.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._last: float | None = None

    def take(self, size: int, now: float) -> float:
        """Seconds from `now` after which `size` bytes may go; they are taken to go then."""
        if self._last is not None:
            passed = max(0.0, now - self._last)
            self._level = min(self._burst, self._level + passed * self._rate)
        self._last = now
        self._level -= size
        return max(0.0, -self._level / self._rate)
