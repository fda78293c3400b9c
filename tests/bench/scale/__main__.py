"""`python -m tests.bench.scale [--most N] [--json]`.

Counts what functions read and write as workspaces grow, which mutations conflict, and what a save
and a first contact cost; then lets simulated machines contend, and come back after an outage.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import contention, cost, growth, herd
from .metered import Metered, metered

MACHINES = (1, 10, 100, 1000)
FILE_SIZES = (500, 2000, 12_000)
"""Bytes: a record, a small file, the median of real workflows."""


def main() -> None:
    told = _arguments()
    with tempfile.TemporaryDirectory(prefix="syncd-scale-") as folder:
        found = measure(Path(folder), told.most)
    if told.json:
        print(json.dumps({"version": 1, **found}, indent=2))
        return
    console = Console(width=None if sys.stdout.isatty() else 140)
    for title, rows in found.items():
        console.print(_table(title, rows))


def measure(folder: Path, most: int) -> dict[str, list[dict[str, Any]]]:
    """Every table by its title, each a list of rows."""
    with metered(folder) as meter:
        every: list[growth.Growth] = []
        for dimension in growth.DIMENSIONS:
            print(f"growing {dimension}", file=sys.stderr)
            every += growth.grown(meter, dimension, (most // 100, most // 10, most))
        counted = {
            "growth": _growth(every),
            "what grows": _growing(every),
            "a save": _saves(meter),
            "first contact": _contacts(meter, most),
            "run again because of": _conflicts(meter),
        }
    return counted | {"contention": _contention(), "after an outage": _outages()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("--most", type=int, default=1000, help="the largest size of anything")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _growth(every: Sequence[growth.Growth]) -> list[dict[str, Any]]:
    """A row a function: what it uses in a small workspace, and the exponent of each dimension."""
    rows: dict[str, dict[str, Any]] = {}
    for each in every:
        small = each.spent[0]
        used = {
            "function": each.function, "documents read": small.documents_read,
            "bytes read": small.bytes_read, "ranges": small.ranges,
            "bytes written": small.bytes_written,
        }  # fmt: skip
        rows.setdefault(each.function, used)[each.dimension] = round(each.slope, 2)
    return list(rows.values())


def _growing(every: Sequence[growth.Growth]) -> list[dict[str, Any]]:
    return [
        {
            "function": each.function, "more": each.dimension, "from, to": [*each.sizes],
            "documents read": [spent.documents_read for spent in each.spent],
            "bytes read": [spent.bytes_read for spent in each.spent],
            "bytes written": [spent.bytes_written for spent in each.spent],
        }
        for each in every if each.slope > 0.02
    ]  # fmt: skip


def _saves(meter: Metered) -> list[dict[str, Any]]:
    rows = []
    for save in (cost.save(meter, size) for size in FILE_SIZES):
        for machines in MACHINES:
            rows.append({
                "file": save.size, "machines": machines, "calls": save.calls(machines),
                "database bytes": save.database(machines),
                "saves a month, free": save.a_month("free", machines),
                "professional": save.a_month("professional", machines),
            })  # fmt: skip
    return rows


def _contacts(meter: Metered, most: int) -> list[dict[str, Any]]:
    rows = []
    for entries, tombstones in ((most, 0), (most, most), (10 * most, 0)):
        crowd = growth.begin(meter, f"contact {entries} {tombstones}")
        growth.entries(crowd, entries)
        growth.tombstones(crowd, tombstones)
        rows.append(vars(cost.first_contact(crowd, tombstones)))
    return rows


def _conflicts(meter: Metered) -> list[dict[str, Any]]:
    return [
        {"": name} | {other: "x" if conflicts else "" for other, conflicts in row.items()}
        for name, row in contention.conflicts(meter).items()
    ]


def _contention() -> list[dict[str, Any]]:
    rows = []
    for what, make in contention.LOADS.items():
        for machines in MACHINES[1:]:
            outcome = contention.contend(make, machines, rate=0.1, seconds=60)
            rows.append({
                "writes every 10 s to": what, "machines": machines,
                "executions a mutation": round(outcome.each, 3),
                "given up": f"{outcome.given_up / (outcome.committed + outcome.given_up):.1%}",
                "p99 ms": round(1000 * outcome.p99),
            })  # fmt: skip
    return rows


def _outages() -> list[dict[str, Any]]:
    rows = []
    for machines in (1000, 10_000):
        for outage in (0, 5, 60, 600):
            for name, spread in (("none", herd.even), ("the daemon's", herd.seeded(1))):
                back = herd.come_back(machines, outage, spread)
                rows.append({
                    "machines": machines, "away, s": outage, "jitter": name,
                    "busiest second": back.busiest, "refused": back.refused,
                    "half back, s": round(back.half, 1), "all back, s": round(back.all, 1),
                })  # fmt: skip
    return rows


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title)
    for heading in rows[0] if rows else ():
        left = isinstance(rows[0][heading], str)
        table.add_column(heading, justify="left" if left else "right")
    for row in rows:
        table.add_row(*(_told(value) for value in row.values()))
    return table


def _told(value: object) -> str:
    if isinstance(value, list):
        return " ".join(f"{each:,}" for each in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
