"""A daemon that runs, beside scripts that do the same in workspaces of their own."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from syncd.core.settle import LONGEST_WINDOW
from tests.embedded.backend import Backend
from tests.system.machine import Machine
from tests.system.mirror import Mirror

from . import measured, probes
from .bare import Bare
from .gusts import gusts
from .latency import inward, outward, scripted
from .resting import idle, restart
from .row import Cost, Row
from .saving import Side, singles
from .stage import WORKSPACE, Counter, Load, counted, deployment, machine, target
from .trees import files, make


def rows(home: Path, load: Load) -> list[Row]:
    """Every row of a daemon at this size."""
    with deployment(home / "data") as backend, counted(backend) as counter:
        live = _Live(home, backend, counter, load)
        try:
            return live.rows()
        finally:
            live.plain.close()
            live.through.close()


@dataclass
class _Live:
    """Two machines on one workspace; what `through` sends is counted."""

    home: Path
    backend: Backend
    counter: Counter
    load: Load

    def __post_init__(self) -> None:
        self.plain = machine(self.home / "plain", self.backend)
        self.through = machine(self.home / "through", self.backend, self.counter.url)
        make(self.plain.folder, self.load.files, self.load.size)
        for each in (self.plain, self.through):
            measured.once(each)

    def rows(self) -> list[Row]:
        found = [restart(self.plain, self.through, self.counter, self.load)]
        found += idle(self.through, self.counter, self.load)
        bare, naive = self._script("bare"), self._script("naive")
        one = self._cost_of_one()
        found += gusts(
            self.through, self.counter, self._side(self.through), bare,
            (naive, _beside(naive)), self.load,
        )  # fmt: skip
        self.through.stop()
        limit = scripted("bare", bare, _beside(bare), self.load)
        other = scripted("naive", naive, _beside(naive), self.load)
        measured.in_sync(self.plain)
        # What came in as it started was looked at just now: the daemon is to be idle.
        time.sleep(2 * LONGEST_WINDOW)
        found.append(outward(self._side(self.plain), limit, other, one, self.load))
        found.append(inward(self.home, self.plain, self._device(), bare, self.load))
        return found

    def _cost_of_one(self) -> Cost:
        """What a single save costs the counted machine."""
        side, few = self._side(self.through), self.load.saves
        self.counter.read()
        singles(side, files(self.through.folder)[-few:], self.load.size)
        self.through.until_in_sync(60)
        cost = self.counter.read()
        each = {name: round(value / few) for name, value in vars(cost).items() if value}
        return replace(Cost(), **each)

    def _side(self, each: Machine) -> Side:
        token = each.environment["SYNCD_TOKEN"]
        return Side(each.folder, Mirror(self.backend.url, token, WORKSPACE))

    def _script(self, name: str) -> Bare:
        """A folder that is mirrored already, in a workspace of its own."""
        made = Bare(target(self.backend, name), self.home / name)
        most = max(self.load.saves, self.load.burst, self.load.branch)
        make(made.root, most, self.load.size)
        probes.bare_loop(made, files(made.root))
        return made

    def _device(self) -> Bare:
        """A device of the machines' workspace, with the files of a few saves."""
        told = target(self.backend, WORKSPACE)
        made = Bare(told, self.home / "device")
        make(made.root, self.load.saves, self.load.size)
        made.learn()
        return made


def _beside(bare: Bare) -> Side:
    told = bare.target
    return Side(bare.root, Mirror(told.url, told.token, told.workspace))
