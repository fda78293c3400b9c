"""Samples of metrics: what their lines say, and what many of them come to. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.storage.columns import parsed
from syncd.storage.ids import digits
from syncd.storage.rows import Aggregate, Bucket, Sample, Summary
from syncd.storage.times import finite, milliseconds

_PERCENTILES: Final = (("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99))


@dataclass(frozen=True, slots=True)
class Question:
    """Which samples are asked for; both ends of the time belong to the range, in ms."""

    type: str | None = None
    name: str | None = None
    start: float | None = None
    end: float | None = None

    def wants(self, sample: Sample) -> bool:
        """Whether the sample is one of those."""
        return (
            self.type in (None, sample.type)
            and self.name in (None, sample.name)
            and (self.start is None or sample.timestamp >= self.start)
            and (self.end is None or sample.timestamp <= self.end)
        )


def sample_of(line: bytes) -> Sample | None:
    """The sample that a line tells, None where it is none."""
    try:
        told = parsed(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    value, timestamp = finite(told.get("value")), milliseconds(told.get("timestamp"))
    if value is None or timestamp is None:
        return None
    type, name, unit, labels = (told.get(each) for each in ("type", "name", "unit", "labels"))
    return Sample.model_construct(
        type=_text(type) or "", name=_text(name) or "", value=value,
        unit=_text(unit), timestamp=timestamp, labels=labels, text=line.decode(),
    )  # fmt: skip


def _text(value: Any) -> str | None:
    told = digits(value)
    return told if isinstance(told, str) else None


def sum_up(samples: Iterable[Sample], bucket: float | None) -> Aggregate:
    """What samples come to, exactly; percentiles are by nearest rank."""
    values: list[float] = []
    buckets: dict[float, list[float]] = {}
    for sample in samples:
        values.append(sample.value)
        if bucket is not None:
            start = sample.timestamp // bucket * bucket
            buckets.setdefault(start, []).append(sample.value)
    told = [Bucket(start=start, **_summary(each)) for start, each in sorted(buckets.items())]
    return Aggregate(**_summary(values), buckets=tuple(told))


def added(one: Aggregate, other: Aggregate) -> Aggregate:
    """Two aggregates of different samples as one. Percentiles are those of the larger."""
    buckets: dict[float, Bucket] = {each.start: each for each in one.buckets}
    for each in other.buckets:
        known = buckets.get(each.start)
        both = each if known is None else Bucket(start=each.start, **_both(known, each))
        buckets[each.start] = both
    ordered = tuple(buckets[start] for start in sorted(buckets))
    return Aggregate(**_both(one, other), buckets=ordered, widened=one.widened or other.widened)


def _summary(values: list[float]) -> dict[str, Any]:
    if not values:
        return {"count": 0.0, "sum": 0.0}
    ordered, total = sorted(values), _total(values)
    count = len(values)
    return {
        "count": float(count), "sum": total, "min": ordered[0], "max": ordered[-1],
        "mean": total / count,
        **{name: _ranked(ordered, part) for name, part in _PERCENTILES},
    }  # fmt: skip


def _total(values: list[float]) -> float:
    try:
        return math.fsum(values)
    except OverflowError:  # Beyond all floats, where JavaScript has infinities.
        return sum(values)


def _ranked(ordered: Sequence[float], part: float) -> float:
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def _both(one: Summary, other: Summary) -> dict[str, Any]:
    larger = one if one.count >= other.count else other
    count, total = one.count + other.count, one.sum + other.sum
    least = [each.min for each in (one, other) if each.min is not None]
    most = [each.max for each in (one, other) if each.max is not None]
    return {
        "count": count, "sum": total,
        "min": min(least, default=None), "max": max(most, default=None),
        "mean": total / count if count else None,
        **{name: getattr(larger, name) for name, _ in _PERCENTILES},
    }  # fmt: skip
