"""How things are, in numbers, as Prometheus reads them.

What is counted are the events of the log, since the start; what is measured comes from
`status.report`. No label has a path, a key or an id: the values of each are known beforehand, and
every series is there from the start, at zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from syncd import __version__
from syncd.monitoring.tally import TALLY
from syncd.report.standing import Spent, State, StatusReport


def exposition(found: StatusReport) -> bytes:
    """Everything there is to tell, in Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Reported(found))
    return generate_latest(registry)


class _Reported:
    def __init__(self, found: StatusReport) -> None:
        self._found = found

    def collect(self) -> Iterable[Metric]:
        found = self._found
        yield _labelled("build_info", "The program's version", "version", {__version__: 1})
        states = {state.value: int(found.state is state) for state in State}
        yield _labelled("state", "1 for the state that holds", "state", states)
        waiting = {"queued": found.queued, "sent": found.sent, "parked": found.parked}
        yield _labelled("outbox_operations", "Rows of the outbox", "state", waiting)
        unwell = {"conflict": found.conflicts, "held": found.held, "guard": found.guards}
        yield _labelled("problems", "What waits for a person", "sort", unwell)
        files = {store.name: store.files for store in found.stores}
        yield _labelled("files", "Files that are known", "store", files)
        unsent = {store.name: store.unsent for store in found.stores}
        yield _labelled("unsent_bytes", "Lines not acknowledged yet", "store", unsent)
        checked = {name: part.checked for name, part in found.parts.items() if name in _PARTS}
        checked = {name: checked.get(name, 0.0) for name in _PARTS}
        yield _labelled("checked_timestamp_seconds", "When a part last told how it is, 0 for never",
                        "part", checked)  # fmt: skip
        yield from self._spent()
        yield self._events()

    def _spent(self) -> Iterable[Metric]:
        cost = self._found.cost
        month = cost.month if cost else Spent()
        yield _labelled("month_cost", "Spent in this UTC month: function calls, and bytes",
                        "what", month.model_dump())  # fmt: skip
        projected = {
            "calls": cost.calls_projected if cost else None,
            "database": cost.database_bytes_projected if cost else None,
        }
        yield _labelled("month_projected", "What the month comes to, NaN while it cannot be told",
                        "what", {name: math.nan if number is None else float(number)
                                 for name, number in projected.items()})  # fmt: skip

    def _events(self) -> Metric:
        counter = CounterMetricFamily(
            "syncd_events", "Events of the log since the start", labels=["event"]
        )
        for word, count in TALLY.counts.items():
            counter.add_metric([word], count)
        return counter


_PARTS = ("deployment", "feed", "files", "listener", "audit")


def _labelled(
    name: str, about: str, label: str, values: dict[str, int] | dict[str, float]
) -> Metric:
    gauge = GaugeMetricFamily(f"syncd_{name}", about, labels=[label])
    for value, number in values.items():
        gauge.add_metric([value], number)
    return gauge
