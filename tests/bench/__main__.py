"""`python -m tests.bench [--files N] [--size BYTES] [--rounds N] [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .rounds import Load, count, measure, summary


def main() -> None:
    told = _arguments()
    load = Load(told.files, told.size, min(told.saves, told.files), min(300, told.files))
    rounds = []
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        for number in range(told.rounds):
            print(f"round {number + 1} of {told.rounds}", file=sys.stderr)
            home = Path(folder) / str(number)
            home.mkdir()
            rounds.append(measure(home, load))
        print("counting calls", file=sys.stderr)
        found = summary(load, rounds) | count(Path(folder), load)
    if told.json:
        print(json.dumps(found, indent=2))
    else:
        _print(found)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--size", type=int, default=2000, help="bytes a file, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--saves", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _print(found: dict[str, Any]) -> None:
    seconds, calls, files = found["seconds"], found["calls"], found["files"]
    table = Table(title=f"{files:,} files of {found['size']:,} bytes, {found['rounds']} rounds")
    for heading in ("", "median", "a file", "calls"):
        table.add_column(heading, justify="left" if not heading else "right")
    rows = {
        "syncd sync --once": "mirror",
        "the same onto a second machine": "pull",
        "the same, nothing changed": "restart",
        "bare loop, same batches (P3)": "bare loop",
        "bare walk (P1)": "walk",
    }
    for title, name in rows.items():
        each = f"{1e6 * seconds[name] / files:,.0f} us"
        table.add_row(title, f"{seconds[name]:.3f} s", each, str(calls.get(name, "")))
    table.add_row("naive script, one request a file (N)", "", f"{1e6 * seconds['naive']:,.0f} us")
    table.add_row("a process that only imports syncd", f"{seconds['start']:.3f} s")
    console = Console()
    console.print(table)
    for name, ratio in found["ratios"].items():
        console.print(f"{name}: {ratio:.2f} x")
    for title, name in (("save to commit", "save ms"), ("bare mutation", "bare save ms")):
        console.print(f"{title}: p50 {found[name]['p50']:.1f} ms, p99 {found[name]['p99']:.1f} ms")
    for name, peak in found["peak bytes"].items():
        used = found["processor seconds"][name]
        console.print(f"{name}: {peak / 2**20:.0f} MiB resident at most, {used:.1f} s of processor")


main()
