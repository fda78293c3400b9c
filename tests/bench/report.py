"""What was measured, as a table and as JSON."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from .row import Cost, Figures, Row
from .saving import LostSaves
from .stage import Load

VERSION = 2
HEADINGS = (
    "", "syncd p50 / p99", "limit", "x limit", "naive", "x naive", "10x files", "calls",
    "sent", "received", "CPU", "peak",
)  # fmt: skip


def told(load: Load, found: Sequence[tuple[Row, Row | None]]) -> dict[str, Any]:
    """As JSON has it: each row with that of a tenth of the files."""
    settings = {name: str(v) if name == "corpus" else v for name, v in vars(load).items()}
    rows = [row.told(smaller) for row, smaller in found]
    return {"version": VERSION, "load": settings, "machine load": os.getloadavg(), "rows": rows}


def show(load: Load, found: Sequence[tuple[Row, Row | None]]) -> None:
    """Print the table, then each budget of design §9 and whether it is met."""
    title = f"{load.files:,} files of {load.size:,} bytes, {load.rounds} rounds, p50 / p99"
    table = Table(title=title, caption="less is better; 10x files: beside a tenth of the files")
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading else "left")
    for row, smaller in found:
        table.add_row(*_cells(row, smaller))
    console = Console(width=max(170, Console().width))
    console.print(table)
    budgets = Table(title="budgets")
    for heading in ("", "budget", "found", ""):
        budgets.add_column(heading)
    for row, _ in found:
        for budget in row.budgets:
            verdict = "met" if budget.met else "[bold]missed[/bold]"
            budgets.add_row(row.name, budget.words, budget.found, verdict)
    console.print(budgets)


def _cells(row: Row, smaller: Row | None) -> list[str]:
    cost = row.cost
    return [
        row.name,
        f"{_pair(row.syncd)} {row.unit}",
        f"{_pair(row.limit)} {row.probe}".strip(),
        _times(row.beside_limit),
        _pair(row.naive),
        _times(row.beside_naive),
        _times(row.growth(smaller)),
        _calls(cost),
        _bytes(cost.sent),
        _bytes(cost.received),
        "" if cost.processor is None else f"{cost.processor:.2f} s",
        _bytes(cost.peak),
    ]


def _calls(cost: Cost) -> str:
    return "" if cost.calls is None else f"{cost.calls:,} ({cost.mutations or 0:,} m)"


def _pair(figures: Figures | LostSaves | None) -> str:
    if figures is None:
        return ""
    if isinstance(figures, LostSaves):
        return f"lost {figures.count:,}"
    if figures.samples == 1:
        return f"{figures.median:.3g}"
    return f"{figures.median:.3g} / {figures.p99:.3g}"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _bytes(value: int | None) -> str:
    if value is None:
        return ""
    return f"{value / 2**20:.1f} M" if value >= 2**20 else f"{value / 2**10:.1f} K"
