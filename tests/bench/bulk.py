"""Many files at once: the first mirror, a second machine, a start with nothing changed."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from tests.system.machine import Machine

from . import measured, probes
from .bare import Bare
from .meter import Spent
from .row import Budget, Cost, Figures, Row
from .stage import Counter, Load, counted, deployment, machine, target
from .trees import files, make, make_real, size

SAMPLE = 300
"""Files that the naive script is given: its rate does not change with their number."""


def rows(home: Path, load: Load) -> list[Row]:
    """Of small files, and of real ones."""
    found = _Bulk(home, load, real=False).rows()
    return found + (_Bulk(home, load, real=True).rows() if load.real else [])


class _Bulk:
    def __init__(self, home: Path, load: Load, *, real: bool) -> None:
        self._home = home / ("real" if real else "small")
        self._home.mkdir()
        self._load = load
        self._real = real
        self._files = load.real if real else load.files

    def rows(self) -> list[Row]:
        rounds = [self._round(self._home / str(n)) for n in range(self._load.rounds)]
        found = {name: Figures.of([each[name] for each in rounds]) for name in rounds[0]}
        costs, sent = self._costs(self._home / "counted")
        what = f"{self._files:,} {'real' if self._real else 'small'} files"
        pushed = Row(
            f"initial mirror, {what}", "s", found["mirror"], "P3", found["bare loop"],
            found["naive"], costs["mirror"], self._judge_mirror(found, sent),
        )  # fmt: skip
        pulled = Row(f"second machine, {what}", "s", found["pull"], cost=costs["pull"])
        again = Row(
            f"sync --once again, {what}", "s", found["again"], "P1", found["walk"],
            cost=costs["again"],
        )  # fmt: skip
        return [pushed, pulled, again]

    def _judge_mirror(self, found: dict[str, Figures], sent: float) -> tuple[Budget, ...]:
        took, most = found["mirror"].median, found["bare loop"].median / 0.8
        return (
            Budget.most("at most 1.25 x P3", took, most),
            # P3 runs in a process that has loaded all it needs.
            Budget.most("so, loading apart", took - found["loading"].median, most),
            Budget.most("at most a tenth of N", took, found["naive"].median / 10),
            Budget.most("bytes sent: at most 1.2 x the files'", sent, 1.2),
        )

    def _round(self, home: Path) -> dict[str, float]:
        """Seconds of each probe, on a backend of its own with an empty data folder."""
        home.mkdir()
        source = home / "source"
        self._make(source)
        found = {"walk": probes.walk(source), "loading": measured.loading()}
        with deployment(home / "bare") as backend:
            bare = Bare(target(backend, "bare"), source)
            found["bare loop"] = probes.bare_loop(bare, files(source))
        with deployment(home / "naive") as backend:
            script = Bare(target(backend, "naive"), source)
            found["naive"] = self._files * probes.naive(script, files(source)[:SAMPLE])
        with deployment(home / "syncd") as backend:
            first, second = (machine(home / name, backend) for name in ("first", "second"))
            self._make(first.folder)
            found["mirror"] = measured.once(first).seconds
            found["pull"] = measured.once(second).seconds
            found["again"] = measured.once(first).seconds
            assert second.tree() == first.tree()
        return found

    def _costs(self, home: Path) -> tuple[dict[str, Cost], float]:
        """What each costs, counted apart; and bytes sent a byte of the files."""
        home.mkdir()
        with deployment(home / "data") as backend, counted(backend) as counter:
            first, second = (
                machine(home / name, backend, counter.url) for name in ("first", "second")
            )
            self._make(first.folder)
            steps = (("mirror", first), ("pull", second), ("again", first))
            costs = {name: cost(counter, each) for name, each in steps}
            return costs, (costs["mirror"].sent or 0) / size(first.folder)

    def _make(self, root: Path) -> None:
        if self._real:
            make_real(root, self._files, self._load.corpus)
        else:
            make(root, self._files, self._load.size)


def cost(counter: Counter, each: Machine) -> Cost:
    """What one `sync --once` costs."""
    counter.read()
    spent: Spent = measured.once(each)
    time.sleep(0.05)  # The counter may be behind by a read.
    return replace(counter.read(), processor=spent.processor, peak=spent.peak)
