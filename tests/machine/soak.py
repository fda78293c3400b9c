"""Long random runs: `make soak SECONDS=600 SEED=1`. Simulated mixes in turn, then kill storms.

A quarter of the time is for storms of random kills with real files and the embedded backend. Ends
with one line of runs, steps, faults and violations; a seed that violated is printed, so that it
can be told again with `python -m tests.machine.run --mix MIX --first SEED --story`.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from .run import Tally, run_seeds

MIXES = ("HARD", "EPOCHS", "PLAIN", "COUNTING", "CRASHING", "MEDDLING", "INTERRUPTED", "LOSSY",
         "MOUNTING", "HIDING", "DEAF", "MOVING", "REMOVING", "BELATED", "WANDERING", "RESTORING",
         "RELAPSING", "LOSING", "COPYING", "FAILING", "CHECKING", "WAITING", "REFUSING",
         "REMEMBERING", "SERVING", "DIRECTED", "SHUFFLING", "FORGETTING", "FOLDERS", "TRADING",
         "REAPING", "DAWDLING")  # fmt: skip
KILLS = 60
"""Kills of one storm."""
PART = 10
"""Seeds of one mix before the next has its turn."""


def simulate(seconds: float, seed: int) -> tuple[Tally, list[str]]:
    """Runs of every mix in turn until the time is over, and what was violated."""
    tally = Tally()
    violated: list[str] = []
    end = time.monotonic() + seconds
    for turn, mix in enumerate(itertools.cycle(MIXES)):
        if time.monotonic() >= end:
            return tally, violated
        first = seed * 1_000_000 + turn * PART
        part = run_seeds(first, first + PART, mix)
        tally.add(part)
        violated += [f"{mix} {which}: {what}" for which, what in part.violations]
        for line in violated[len(violated) - len(part.violations) :]:
            print(line, flush=True)
    return tally, violated


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.machine.soak", *sys.argv[1:]])
    began = time.monotonic()
    tally, violated = simulate(args.seconds * 0.75, args.seed)
    storms = 0
    while time.monotonic() - began < args.seconds:
        storms += 1
        with TemporaryDirectory(prefix="soak-") as folder:
            if not _storm(Path(folder), args.seed * 1000 + storms):
                violated.append(f"storm {args.seed * 1000 + storms}")
    faults = sum(tally.exercised.values())
    print(f"{tally.runs} runs, {tally.steps} steps, {faults} faults and situations of "
          f"{len(tally.exercised)} sorts, {storms} storms, {len(violated)} violations")  # fmt: skip
    return bool(violated)


def _storm(folder: Path, seed: int) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.storm", "--kills", str(KILLS), "--seed", str(seed),
         "--home", str(folder)],
        check=False,
    )  # fmt: skip
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
