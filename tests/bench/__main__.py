"""`python -m tests.bench`: syncd beside its limits, a naive script and its budgets, in one run.

The limits are P1 (a bare walk), P2 (raw inotify and one mutation a save), P3 (a bare loop in the
best batches) and P4 (a durable write); the naive script is watchdog and one request a file. Every
workload runs at two sizes, the second ten times the first, to tell how its cost grows.

Where thousands of files were just removed, those of a former run too, ext4 makes new ones at
several times the cost for five minutes: it passes over every inode that was freed only lately.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

from . import bulk, live, meanwhile, report
from .row import Row
from .stage import Load


def main() -> None:
    told = _arguments()
    load = Load(
        told.files, told.size, told.real, told.corpus, told.rounds, min(told.saves, told.files),
        min(told.burst, told.files), min(told.branch, told.files), told.hot, told.idle,
    )  # fmt: skip
    # What is installed has its bytecode; without it each start compiles all modules, for 0.2 s.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="syncd-bench-", dir=told.folder) as folder:
        home = Path(folder)
        smaller: Sequence[Row | None] = []
        if not told.no_growth:
            smaller = _rows(home / "smaller", load.tenth())
        found = _rows(home / "larger", load)
    pairs = list(zip_longest(found, smaller))
    report.show(load, pairs)
    if told.json:
        told.json.write_text(json.dumps(report.told(load, pairs), indent=2) + "\n")


def _rows(home: Path, load: Load) -> list[Row]:
    print(f"{load.files:,} files", file=sys.stderr)
    home.mkdir()
    for part in ("bulk", "live", "meanwhile"):
        (home / part).mkdir()
    found = bulk.rows(home / "bulk", load) + live.rows(home / "live", load)
    return found + meanwhile.rows(home / "meanwhile", load)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--files", type=int, default=2000)
    add("--size", type=int, default=2000, help="bytes of a small file, about")
    add("--real", type=int, default=200, help="files of real sizes, 0 for none")
    add("--corpus", type=Path, help="folder with real *.json files; else their sizes are drawn")
    add("--rounds", type=int, default=3, help="times that bulk work and starts are repeated")
    add("--saves", type=int, default=50, help="single saves, each way")
    add("--burst", type=int, default=1000)
    add("--branch", type=int, default=5000, help="files that a switch of branches changes")
    add("--hot", type=float, default=3.0, help="seconds that a hot file is rewritten")
    add("--idle", type=float, default=10.0, help="seconds that the daemon is left alone")
    add("--no-growth", action="store_true", help="leave out the run with a tenth of the files")
    add("--folder", type=Path, help="where to work; else the place for temporary files")
    add("--json", type=Path, metavar="FILE", help="where the numbers are written, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()
