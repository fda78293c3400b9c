"""Many runs about records files: `python -m tests.machine.records_run`, with PYTHONHASHSEED=0.

Prints as JSON what was violated and how often each situation was met, or for the broken variants
after how many seeds each was caught and by which invariant.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from syncd.core.decision import Known
from syncd.core.model import TOMBSTONE, Digest, Key, Tombstone, Version
from syncd.engine.turns import saves
from syncd.files import swap
from syncd.ledger.records import Records

from . import faults
from .faults import EPOCHS, LOSSY, MEDDLING, Mix
from .records_world import RecordsWorld
from .sources import Simulated
from .variants import Variant, _taken_unlooked
from .world import Violation

_known = Records.known


def _at_its_word(
    saved: Version, authored: Version, local: Version, ours: Collection[Digest] = (),
    *, absent_is_unchanged: bool = False,
) -> Version:  # fmt: skip
    return local if isinstance(saved, Tombstone) and absent_is_unchanged else saved


def _agreed_is_local(self: Records, file: Key) -> dict[str, Known]:
    return {
        name: replace(each, local=each.view.base.version if each.view.base else TOMBSTONE)
        for name, each in _known(self, file).items()
    }


def _nothing(*_: object) -> None: ...


OUTLIVED = replace(
    EPOCHS, ledger_lost=0.05, ledger_old=0.0, crash=0.0, restored=0.0, replaced=0.0, revoked=0.0
)
"""Ledgers that are lost beside programs that go on, and deployments that remember."""

VARIANTS = (
    Variant("records without authored", ((saves, "taken", _at_its_word),)),
    Variant(
        "an absent record deletes a deployment",
        ((saves.Saves, "_absent_is_unchanged", lambda self, store: False),),
    ),
    Variant("file rewritten without expectation", ((swap, "_judge", _taken_unlooked),), MEDDLING),
    Variant("what is not sent yet does not count", ((Records, "known", _agreed_is_local),), LOSSY),
    Variant("old versions that it read are edits", ((Records, "ours", lambda self, key, of: []),)),
    Variant(
        "a program is believed that outlived the ledger",
        ((Records, "begin", _nothing), (Records, "disown", _nothing)),
        OUTLIVED,
    ),
)


def run_seed(seed: int, mix: Mix, variant: Variant | None = None) -> RecordsWorld:
    """One run to its end, or to the first violation, which is in `World.violation`."""
    with (variant or Variant("unbroken")).applied(), Simulated():
        world = RecordsWorld(seed, mix, (2, 3, 2)[seed % 3])
        try:
            world.run()
        except Violation as violation:
            world.violation = violation
    return world


def tally(mix: Mix, first: int, seeds: int) -> dict[str, Any]:
    exercised: Counter[str] = Counter()
    violations: list[tuple[int, str]] = []
    for seed in range(first, first + seeds):
        world = run_seed(seed, mix)
        exercised.update(world.exercised)
        if world.violation is not None:
            violations.append((seed, str(world.violation)))
    return {"runs": seeds, "exercised": exercised, "violations": violations}


def catch(variant: Variant, bound: int) -> tuple[str, int | None, str]:
    for seed in range(bound):
        world = run_seed(seed, variant.mix, variant)
        if world.violation is not None:
            return variant.name, seed + 1, world.violation.rule
    return variant.name, None, "not caught"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--mix", default="HARD", choices=sorted(n for n in vars(faults) if n.isupper())
    )
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--variants", action="store_true", help="the broken variants instead")
    parser.add_argument("--story", action="store_true", help="tell all of one seed")
    args = parser.parse_args()
    # Coroutines of killed daemons complain when they are collected; nobody is to hear it.
    sys.unraisablehook = lambda _: None
    gc.freeze()
    mix = getattr(faults, args.mix)
    if args.story:
        world = run_seed(args.first, mix)
        print("\n".join(world.told_lines), world.violation or "nothing was violated", sep="\n")
    elif args.variants:
        print(json.dumps([catch(variant, args.seeds) for variant in VARIANTS]))
    else:
        print(json.dumps(tally(mix, args.first, args.seeds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
