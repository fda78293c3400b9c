"""The same world, searched by hypothesis: it looks for the shortest story that goes wrong."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from .faults import NONE
from .machine import PATHS
from .sources import Simulated
from .world import World

MACHINES = st.sampled_from((0, 1, 2))
ACTS = ("replace", "in_place", "append", "from_memory", "delete", "delete_and_create")
SOME_PATH = st.sampled_from(PATHS)


class Search(RuleBasedStateMachine):
    """People, crashes and broken connections in the order that hypothesis tries."""

    def __init__(self) -> None:
        super().__init__()
        self.simulated = Simulated()
        self.simulated.__enter__()
        self.world = World(1, NONE, machines=3, checks=2)
        for machine in self.world.machines:
            self.world.after(0.0, machine.start)

    @rule(machine=MACHINES, path=SOME_PATH, how=st.sampled_from(ACTS))
    def a_person_acts(self, machine: int, path: str, how: str) -> None:
        at = self.world.machines[machine]
        if how == "append":
            path = "n.txt"
        self.world.play(at, getattr(self.world.people[at.name], how)(path))

    @rule(machine=MACHINES, path=SOME_PATH, other=SOME_PATH)
    def a_person_renames(self, machine: int, path: str, other: str) -> None:
        at = self.world.machines[machine]
        self.world.play(at, self.world.people[at.name].rename(path, other))

    @rule(seconds=st.sampled_from((0.001, 0.01, 0.05, 0.3, 1.5, 8.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.run_until(self.world.now + seconds)

    @rule(steps=st.integers(1, 12))
    def some_steps_happen(self, steps: int) -> None:
        for _ in range(steps):
            self.world.step_if_any()

    @rule(machine=MACHINES, power=st.booleans())
    def a_daemon_is_killed(self, machine: int, power: bool) -> None:
        at = self.world.machines[machine]
        if at.alive:
            at.kill("a test", power=power)

    @rule(machine=MACHINES, cut=st.booleans())
    def a_connection_changes(self, machine: int, cut: bool) -> None:
        self.world.machines[machine].partitioned = cut

    def teardown(self) -> None:
        try:
            self.world.settle()
        finally:
            self.simulated.__exit__()


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Coroutines of killed daemons complain when they are collected.
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    yield
    gc.collect()


def test_search() -> None:
    search = Search.TestCase
    search.settings = settings(
        max_examples=30, stateful_step_count=30, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    search("runTest").runTest()
