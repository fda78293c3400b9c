"""Invariant 13: wherever a daemon ends, what becomes of a story is what becomes of it unbroken.

A story has rounds, and in a round each file is changed on one machine at most, so that nothing but
the story decides how it ends. `python -m tests.machine.restarts` ends daemons at every single step
of some stories; run it with PYTHONHASHSEED=0.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Collection, Iterator
from enum import StrEnum
from functools import partial

from .faults import NONE
from .invariants import guards, held
from .machine import Machine
from .programs import Program
from .sources import Simulated
from .variants import Variant
from .world import Violation, World

ROUNDS = 4
BETWEEN = 40.0
"""Seconds from one round to the next: longer than a restart and all that follows from it."""
FILES = ("a.json", "b.json", "n.txt", "d/c.json", "d/n.txt", "m.json")


class End(StrEnum):
    """How a daemon ends."""

    KILLED = "killed"
    POWER = "with the machine's power"
    STOPPED = "stopped"


class Telling(World):
    """Tells the story of a seed; daemons end at those of their steps that are in `ends`."""

    def __init__(self, seed: int, ends: Collection[int], how: End) -> None:
        super().__init__(seed, NONE, 2, checks=16)
        self.counting = False
        self.passed = 0
        """How many steps daemons took: points at which one may end."""
        self.ended = 0
        self.bodies: dict[str, bytes] = {}
        """What files hold at the end of the round, by path."""
        self._ends = ends
        self._how = how
        self._plot = random.Random(seed)

    def happens(self, fault: str) -> bool:
        """Nothing happens but the end of daemons."""
        if fault == "power_cut":
            return self._how is End.POWER
        if fault != "crash":
            return False
        self.passed += 1
        if self.passed not in self._ends:
            return False
        self.ended += 1
        if self._how is End.STOPPED and self.acting is not None:
            self.after(0.0, self.acting.stop)
        return self._how is not End.STOPPED

    def run(self) -> None:
        """The whole story. Raises Violation."""
        for machine in self.machines:
            self.after(0.0, machine.start)
        for _ in range(ROUNDS):
            for machine, program in list(self._round()):
                self.after(self._plot.random(), partial(self.play, machine, program))
            self.run_until(self.now + BETWEEN)
        self.run_until(self.now + 4 * BETWEEN)
        self.witness.check()
        self.witness.check_agreement(temporaries=True)

    def outcome(self) -> object:
        """What there is in the end, but for what history kept beyond need."""
        entries = self.deployment.state.entries
        there = {key.path: (entry.revision, entry.digest) for key, entry in entries.items()}
        return there, [self._of(machine) for machine in self.machines]

    def _of(self, machine: Machine) -> object:
        known = machine.database.execute(_KNOWN).fetchall()
        return machine.live(), known, held(machine), guards(machine)

    def _round(self) -> Iterator[tuple[Machine, Program]]:
        chosen = self._plot.sample(FILES, 3)
        free = [path for path in FILES if path not in self.bodies and path not in chosen]
        for path in chosen:
            machine = self._plot.choice(self.machines)
            person = self.people[machine.name]
            act = self._plot.choice(("edit", "edit", "write", "delete", "rename"))
            former = self.bodies.get(path)
            if former is None or act == "edit":
                body = self._edited(path, former)
                yield machine, person.install(path, body)
            elif act == "write":
                body = self._edited(path, former)
                yield machine, person.write(path, body)
            elif act == "rename" and free:
                other = free.pop()
                if other.endswith(".json") != path.endswith(".json"):
                    continue
                self.bodies[other] = self.bodies.pop(path)
                yield machine, person.rename(path, other)
            else:
                del self.bodies[path]
                yield machine, person.delete(path)

    def _edited(self, path: str, former: bytes | None) -> bytes:
        number = f"{self.number():05d}"
        if path.endswith(".json"):
            told = json.loads(former or b"{}")
            body = json.dumps({**told, self._plot.choice("abcde"): number}).encode()
        else:
            body = (former or b"") + f"line {number}\n".encode()
        self.bodies[path] = body
        return body


_KNOWN = """SELECT path, base_revision, base_digest, remote_revision, remote_digest,
    authored_digest,
    (SELECT state FROM outbox o WHERE o.path = e.path), (SELECT count(*) FROM conflicts)
    FROM entries e ORDER BY path"""


def tell(
    seed: int, ends: Collection[int] = (), how: End = End.KILLED, variant: Variant | None = None
) -> Telling:
    """The story of `seed`, told to its end."""
    with (variant or Variant("unbroken")).applied(), Simulated():
        telling = Telling(seed, ends, how)
        try:
            telling.run()
        except Violation as violation:
            telling.violation = violation
    return telling


def differs(whole: Telling, other: Telling) -> str:
    """What is otherwise in `other` than in the story told without a break; empty: nothing."""
    if other.violation is not None:
        return str(other.violation)
    return "" if whole.outcome() == other.outcome() else "it ends in another state"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--stories", type=int, default=1)
    args = parser.parse_args()
    sys.unraisablehook = lambda _: None
    odd = runs = 0
    for seed in range(args.first, args.first + args.stories):
        whole = tell(seed)
        for how in End:
            for step in range(1, whole.passed + 1):
                runs += 1
                if what := differs(whole, tell(seed, (step,), how)):
                    odd += 1
                    print(f"story {seed}, {how} at step {step}: {what}", flush=True)
    print(f"{runs} ends, {odd} of them with another end of the story")
    return bool(odd)


if __name__ == "__main__":
    sys.exit(main())
