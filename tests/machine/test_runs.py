"""The engine under random faults: runs, seeds that once failed, and variants that must fail.

The runs are made in processes of their own, with hashing fixed: the order of a set must be the
same whenever a seed is run again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from syncd.core.epoch import End

from .faults import EPOCHS, HARD, Mix
from .run import VARIANTS

pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent
RUNS = 120
BOUND = 600
"""Seeds within which each broken variant must be caught: the rarest is in one of two hundred."""


def run(*args: str) -> Any:
    """What `tests.machine.run` prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.machine.run", "--json", *args],
        cwd=HERE.parent.parent, env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tally() -> Any:
    return run("--mix", "HARD", "--seeds", str(RUNS))


def test_no_run_violates_an_invariant(tally: Any) -> None:
    assert tally["runs"] == RUNS
    assert tally["violations"] == []


@pytest.mark.parametrize("fault", [f.name for f in fields(Mix) if getattr(HARD, f.name)])
def test_every_fault_was_met(tally: Any, fault: str) -> None:
    assert tally["exercised"].get(fault, 0) > 0


@pytest.mark.parametrize("what", ["merged", "rename", "revert", "late write", "unaware save"])
def test_every_situation_was_met(tally: Any, what: str) -> None:
    assert tally["exercised"].get(what, 0) > 0


STEPS = (
    "begin", "commit", "committed", "open", "write", "fsync", "exchange", "lease", "rename",
    "scandir", "send push", "answered push", "send changes", "answered changes",
)  # fmt: skip
"""Where a daemon must have ended: steps of transactions, system calls, calls of functions."""


@pytest.fixture(scope="module")
def crashes() -> Any:
    return run("--mix", "CRASHING", "--seeds", "200")


def test_crashes_violate_nothing(crashes: Any) -> None:
    assert crashes["violations"] == []


@pytest.mark.parametrize("step", STEPS)
def test_a_daemon_ended_at_every_step(crashes: Any, tally: Any, step: str) -> None:
    met = [mix["exercised"].get(f"crash at {step}", 0) for mix in (crashes, tally)]
    assert sum(met) > 0


ENDED = (
    *(f"epoch: {end}" for end in End),
    "foreign ledger refused",
    "former ledger taken again",
)
"""What must have been noticed of ledgers and deployments that are not what they were."""


@pytest.fixture(scope="module")
def epochs() -> Any:
    return run("--mix", "EPOCHS", "--seeds", "80")


def test_epochs_violate_nothing(epochs: Any) -> None:
    assert epochs["violations"] == []


@pytest.mark.parametrize(
    "what", [*ENDED, *(f.name for f in fields(Mix) if getattr(EPOCHS, f.name))]
)
def test_every_way_to_part_was_met(epochs: Any, what: str) -> None:
    assert epochs["exercised"].get(what, 0) > 0


@pytest.fixture(scope="module")
def moves() -> Any:
    return run("--mix", "MOVING", "--seeds", "60")


def test_moves_violate_nothing(moves: Any) -> None:
    assert moves["violations"] == []


@pytest.mark.parametrize("outcome", ["applied", "replayed", "stale"])
def test_moves_were_answered_every_way(moves: Any, outcome: str) -> None:
    assert moves["exercised"].get(f"move {outcome}", 0) > 0


@pytest.fixture(scope="module")
def shuffles() -> Any:
    return run("--mix", "SHUFFLING", "--seeds", "40")


def test_shuffled_names_violate_nothing(shuffles: Any) -> None:
    assert shuffles["violations"] == []


@pytest.mark.parametrize("side", ["here", "elsewhere"])
def test_edits_followed_moves_both_ways(shuffles: Any, side: str) -> None:
    assert shuffles["exercised"].get(f"an edit made {side} follows a move", 0) > 0


@pytest.fixture(scope="module")
def folders() -> Any:
    return run("--mix", "FOLDERS", "--seeds", "40")


def test_moved_folders_violate_nothing(folders: Any) -> None:
    assert folders["violations"] == []


@pytest.mark.parametrize("what", ["folder renamed", "crossing", "move applied"])
def test_folders_moved_every_way(folders: Any, what: str) -> None:
    assert folders["exercised"].get(what, 0) > 0


@pytest.fixture(scope="module")
def trades() -> Any:
    return run("--mix", "TRADING", "--seeds", "40")


def test_folders_and_files_in_each_others_places_violate_nothing(trades: Any) -> None:
    assert trades["violations"] == []


@pytest.mark.parametrize("what", ["a file in a folder's place", "a folder in a file's place"])
def test_places_were_traded_both_ways(trades: Any, what: str) -> None:
    assert trades["exercised"].get(what, 0) > 0


@pytest.fixture(scope="module")
def serving() -> Any:
    return run("--mix", "SERVING", "--seeds", "40")


def test_an_application_violates_nothing(serving: Any) -> None:
    assert serving["violations"] == []


@pytest.mark.parametrize("what", ["edits", "edit stale", "creates", "removes", "counts", "folds"])
def test_an_application_did_everything(serving: Any, what: str) -> None:
    assert serving["exercised"].get(f"app {what}", 0) > 0


@pytest.fixture(scope="module")
def directed() -> Any:
    return run("--mix", "DIRECTED", "--seeds", "40")


def test_directions_violate_nothing(directed: Any) -> None:
    assert directed["violations"] == []


@pytest.mark.parametrize("what", ["store to own", "store to push", "store to pull"])
def test_every_direction_was_met(directed: Any, what: str) -> None:
    assert directed["exercised"].get(what, 0) > 0


@pytest.mark.parametrize("why", ["another-devices", "pull-only"])
def test_directions_held_files(directed: Any, why: str) -> None:
    assert directed["exercised"].get(f"held {why}", 0) > 0


def test_answers_that_come_while_a_turn_writes_files_violate_nothing() -> None:
    dawdling = run("--mix", "DAWDLING", "--seeds", "60")
    assert dawdling["violations"] == []
    assert dawdling["exercised"]["dawdling"] > 0


def kept_seeds() -> list[tuple[str, int]]:
    lines = (HERE / "seeds.txt").read_text().splitlines()
    return [
        (mix, int(seed))
        for mix, seed in (line.split() for line in lines if line and line[0] != "#")
    ]


@pytest.mark.parametrize(("mix", "seed"), kept_seeds())
def test_a_seed_that_failed_once(mix: str, seed: int) -> None:
    assert (
        run("--mix", mix, "--first", str(seed), "--seeds", "1", "--jobs", "1")["violations"] == []
    )


def test_a_run_is_repeatable() -> None:
    once, again = (run("--mix", "HARD", "--first", "7", "--seeds", "4") for _ in range(2))
    assert once == again


@pytest.fixture(scope="module")
def caught() -> dict[str, tuple[int | None, str]]:
    return {name: (seeds, rule) for name, seeds, rule in run("--variants", "--seeds", str(BOUND))}


@pytest.mark.parametrize("name", [variant.name for variant in VARIANTS])
def test_the_variant_is_caught(caught: dict[str, tuple[int | None, str]], name: str) -> None:
    seeds, rule = caught[name]
    assert seeds is not None, f"{name}: {rule}"
