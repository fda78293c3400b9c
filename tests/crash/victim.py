"""Runs the real command line in a process that kills itself at a crash point.

    python -m tests.crash.victim POINT[:N] [--variant NAME] [--given NAME]... -- SYNCD-ARGUMENTS

It dies by SIGKILL at the N-th passage (the first where N is not told) or, where there are fewer,
ends as `syncd` does. POINT `nowhere` never dies. A circumstance is told of in `given`, a variant
is a syncd broken on purpose (`variants`).
"""

from __future__ import annotations

import argparse
import sys

from .given import GIVEN
from .killing import arm
from .points import POINTS
from .variants import VARIANTS

NOWHERE = "nowhere"


def main(words: list[str]) -> None:
    """Arm this process and run `syncd`."""
    split = words.index("--")
    told = _parsed(words[:split])
    for circumstance in told.given:
        GIVEN[circumstance]()
    if told.variant:
        VARIANTS[told.variant].apply()
    name, _, passage = told.point.partition(":")
    if name != NOWHERE:
        arm(POINTS[name], int(passage or 1))
    from syncd.cli import main as syncd

    sys.argv = ["syncd", *words[split + 1 :]]
    syncd()


def _parsed(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("point")
    parser.add_argument("--variant", choices=VARIANTS, default="")
    parser.add_argument("--given", choices=GIVEN, action="append", default=[])
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
