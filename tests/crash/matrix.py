"""The crash matrix: every point, one or more passages, several cases at once.

    python -m tests.crash.matrix [--passages 3] [--points NAME ...] [--variants]

prints a line a case and what was wrong; ends with 1 where anything was.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.system.deployment import started

from .case import Case, Deployment, Found, death_at, run
from .points import POINTS
from .variants import VARIANTS

AT_ONCE = 6
"""Cases at once: half of a case's time is waiting for second looks and for fsync."""


class Matrix:
    """Runs cases in processes of their own, all against one deployment, a workspace each."""

    def __init__(self, home: Path, deployment: Deployment, pool: ProcessPoolExecutor) -> None:
        self._home = home
        self._deployment = deployment
        self._pool = pool
        self._running: dict[Case, Future[Found]] = {}

    def start(self, cases: Iterable[Case]) -> None:
        """Begin with these cases, in order, and with those in which nobody dies."""
        wanted = list(cases)
        for case in dict.fromkeys((*(each.undisturbed for each in wanted), *wanted)):
            if case not in self._running:
                home = self._home / f"case-{len(self._running)}"
                home.mkdir()
                self._running[case] = self._pool.submit(run, case, home, self._deployment)

    def found(self, case: Case) -> Found:
        """What came of a case, once it is through."""
        self.start([case])
        return self._running[case].result()

    def problems(self, case: Case) -> list[str]:
        """Everything that is wrong with a case; a death changes nothing but the time it takes."""
        found, undisturbed = self.found(case), self.found(case.undisturbed)
        wrong = [*undisturbed.problems, *found.problems]
        for what, now, then in zip(
            ("revisions", "conflicts"), found.final, undisturbed.final, strict=True
        ):
            if now != then:
                wrong.append(f"other {what} than without a death: {_differing(now, then)}")
        return wrong


@contextmanager
def running(home: Path) -> Iterator[Matrix]:
    """A matrix with a deployment of its own in `home`."""
    backend = started(home / "deployment")
    pool = ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn"))
    try:
        yield Matrix(home, Deployment(backend.data, backend.port), pool)
    finally:
        pool.shutdown(cancel_futures=True)
        backend.close()


def every(passages: int = 1, names: Iterable[str] = POINTS) -> list[Case]:
    return [death_at(name, passage) for passage in range(1, passages + 1) for name in names]


def broken() -> list[Case]:
    return [death_at(each.point, variant=name) for name, each in VARIANTS.items()]


def _differing(now: object, then: object) -> str:
    if not isinstance(now, tuple) or not isinstance(then, tuple):
        return f"{now!r} instead of {then!r}"
    return f"{sorted(set(now) - set(then))} instead of {sorted(set(then) - set(now))}"


def _told(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.matrix")
    parser.add_argument("--passages", type=int, default=1)
    parser.add_argument("--points", nargs="*", choices=POINTS, default=list(POINTS))
    parser.add_argument("--variants", action="store_true", help="run the broken variants instead")
    parser.add_argument("--home", type=Path, default=None, help="keep the folders there")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """Run the matrix and print it."""
    told = _told(words)
    home = told.home or Path(tempfile.mkdtemp(prefix="syncd-crash-"))
    home.mkdir(exist_ok=True)
    cases = broken() if told.variants else every(told.passages, told.points)
    began, bad, unreached = time.monotonic(), 0, 0
    with running(home) as matrix:
        matrix.start(cases)
        for case in cases:
            bad += _print(matrix, case)
            unreached += not matrix.found(case).reached
    spent = time.monotonic() - began
    print(f"{len(cases)} cases, {unreached} unreached, {bad} with problems, {spent:.0f} s; {home}")
    return 1 if bad else 0


def _print(matrix: Matrix, case: Case) -> bool:
    found, wrong = matrix.found(case), matrix.problems(case)
    how = "" if found.reached else ", not reached"
    print(f"{case}: {len(wrong)} problems, {found.seconds:.1f} s{how}", flush=True)
    for each in wrong:
        print(f"    {each}", flush=True)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
