"""Many runs: `python -m tests.machine.run --help`. Run it with PYTHONHASHSEED=0.

Prints what was violated, how often each fault was met, and for the broken variants after how
many seeds each was caught and by which invariant.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from . import (
    faults,
    variants,
    variants_directing,
    variants_enduring,
    variants_merging,
    variants_moving,
    variants_parting,
    variants_reaping,
    variants_serving,
)
from .faults import Mix
from .sources import Simulated
from .variants import Variant
from .world import Violation, World

VARIANTS = (
    *variants.VARIANTS,
    *variants_parting.VARIANTS,
    *variants_reaping.VARIANTS,
    *variants_merging.VARIANTS,
    *variants_moving.VARIANTS,
    *variants_enduring.VARIANTS,
    *variants_serving.VARIANTS,
    *variants_directing.VARIANTS,
)


@dataclass
class Tally:
    """What came of some runs."""

    runs: int = 0
    steps: int = 0
    exercised: Counter[str] = field(default_factory=Counter)
    violations: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.runs += other.runs
        self.steps += other.steps
        self.exercised.update(other.exercised)
        self.violations += other.violations


def machines_of(seed: int) -> int:
    """Two to four machines; fewer more often."""
    return (2, 3, 2, 3, 2, 4)[seed % 6]


def run_seed(seed: int, mix: Mix, variant: Variant | None = None) -> World:
    """One run to its end, or to the first violation, which is in `World.violation`."""
    with (variant or Variant("unbroken")).applied(), Simulated():
        kind = (variant or Variant("unbroken")).deployment
        world = World(seed, mix, machines_of(seed), deployment=kind)
        try:
            world.run()
        except Violation as violation:
            world.violation = violation
    return world


def run_seeds(first: int, last: int, mix_name: str) -> Tally:
    """Runs of the unbroken code."""
    _quiet()
    tally = Tally()
    for seed in range(first, last):
        world = run_seed(seed, getattr(faults, mix_name))
        tally.runs += 1
        tally.steps += world.steps
        tally.exercised.update(world.exercised)
        if world.violation is not None:
            tally.violations.append((seed, str(world.violation)))
    return tally


def catch(name: str, bound: int, start: int = 0) -> tuple[str, int | None, str]:
    """(variant, seeds until it was caught or None, by what)."""
    _quiet()
    variant = next(each for each in VARIANTS if each.name == name)
    for seed in range(start, start + bound):
        world = run_seed(seed, variant.mix, variant)
        if world.violation is not None:
            return name, seed - start + 1, world.violation.rule
    return name, None, "not caught"


def _quiet() -> None:
    # Coroutines of killed daemons complain when they are collected; nobody is to hear it.
    sys.unraisablehook = lambda _: None
    gc.freeze()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--mix",
        default="HARD",
        choices=sorted(n for n in vars(faults) if n.isupper()),
    )
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--variants", action="store_true", help="the broken variants instead")
    parser.add_argument("--only", default="", help="variants whose name contains this")
    parser.add_argument("--story", action="store_true", help="tell all of one seed")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.machine.run", *sys.argv[1:]])
    if args.story:
        return _tell(args.first, args.mix)
    began = time.monotonic()
    with ProcessPoolExecutor(args.jobs) as pool:
        if args.variants:
            names = [variant.name for variant in VARIANTS if args.only in variant.name]
            found = []
            for one in pool.map(catch, names, [args.seeds] * len(names)):
                found.append(one)
                if not args.json:
                    print(f"{one[0]:40} {one[1] or '-':>6}  {one[2]}", flush=True)
            return _print_variants(found, as_json=args.json)
        size = 20
        starts = range(args.first, args.first + args.seeds, size)
        ends = [min(start + size, args.first + args.seeds) for start in starts]
        tally = Tally()
        for part in pool.map(run_seeds, starts, ends, [args.mix] * len(ends)):
            tally.add(part)
    return _print_tally(tally, time.monotonic() - began, as_json=args.json)


def _tell(seed: int, mix: str) -> int:
    _quiet()
    world = run_seed(seed, getattr(faults, mix))
    print("\n".join(world.told_lines))
    print(world.violation or "nothing was violated")
    return world.violation is not None


def _print_variants(found: list[tuple[str, int | None, str]], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps(found))
    caught = sum(seeds is not None for _, seeds, _ in found)
    print(f"{caught} of {len(found)} caught", file=sys.stderr)
    return caught != len(found)


def _print_tally(tally: Tally, seconds: float, *, as_json: bool) -> int:
    if as_json:
        told = {"runs": tally.runs, "steps": tally.steps}
        print(json.dumps({**told, "exercised": tally.exercised, "violations": tally.violations}))
        return bool(tally.violations)
    print(f"{tally.runs} runs, {tally.steps} steps, {seconds:.0f} s, "
          f"{len(tally.violations)} violations")  # fmt: skip
    for what, count in sorted(tally.exercised.items()):
        print(f"  {what:28} {count}")
    for seed, what in tally.violations[:20]:
        print(f"seed {seed}: {what}")
    return bool(tally.violations)


if __name__ == "__main__":
    sys.exit(main())
