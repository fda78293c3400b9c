"""A row of the benchmark: what syncd took, beside its limit, the naive script and its budget."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from .saving import LostSaves


@dataclass(frozen=True)
class Figures:
    """The samples of one measurement, summed up."""

    median: float
    p99: float
    samples: int

    @classmethod
    def of(cls, samples: Sequence[float]) -> Self:
        ordered = sorted(samples)
        last = ordered[math.ceil(0.99 * len(ordered)) - 1]
        return cls(statistics.median(ordered), last, len(ordered))


@dataclass(frozen=True)
class Cost:
    """What it cost besides time; None: not counted. Bytes are those on the wire."""

    calls: int | None = None
    mutations: int | None = None
    sent: int | None = None
    received: int | None = None
    processor: float | None = None
    peak: int | None = None


@dataclass(frozen=True)
class Budget:
    """A line of design §9: its words, what was found, and whether that meets it."""

    words: str
    found: str
    met: bool

    @classmethod
    def most(cls, words: str, value: float, limit: float) -> Self:
        return cls(words, f"{value:.3g} of {limit:.3g}", value <= limit)


@dataclass(frozen=True)
class Row:
    """One workload. Figures are in `unit`; less is better."""

    name: str
    unit: str
    syncd: Figures
    probe: str = ""
    limit: Figures | None = None
    naive: Figures | LostSaves | None = None
    cost: Cost = Cost()
    budgets: tuple[Budget, ...] = ()

    @property
    def beside_limit(self) -> float | None:
        """How many times the limit it took."""
        return _ratio(self.syncd, self.limit)

    @property
    def beside_naive(self) -> float | None:
        """How many times what the naive script took."""
        return _ratio(self.syncd, self.naive if isinstance(self.naive, Figures) else None)

    def growth(self, smaller: Row | None) -> float | None:
        """How many times the cost of a tenth of the files."""
        return _ratio(self.syncd, smaller.syncd if smaller else None)

    def told(self, smaller: Row | None) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "syncd": vars(self.syncd),
            "probe": self.probe or None,
            "limit": vars(self.limit) if self.limit else None,
            "naive": vars(self.naive) if isinstance(self.naive, Figures) else None,
            "saves that the naive script lost": _lost(self.naive),
            "beside the limit": self.beside_limit,
            "beside the naive script": self.beside_naive,
            "growth": self.growth(smaller),
            "cost": vars(self.cost),
            "budgets": [vars(each) for each in self.budgets],
        }


def _lost(naive: Figures | LostSaves | None) -> int:
    return naive.count if isinstance(naive, LostSaves) else 0


def _ratio(value: Figures, beside: Figures | None) -> float | None:
    return value.median / beside.median if beside is not None and beside.median else None
