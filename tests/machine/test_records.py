"""Files of many records under random faults, and broken variants that must fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .records_run import VARIANTS

HERE = Path(__file__).parent


def run(*args: str) -> Any:
    """What `tests.machine.records_run` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.machine.records_run", *args],
        cwd=HERE.parent.parent, env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def tally() -> Any:
    return run("--mix", "HARD", "--seeds", "60")


def test_no_run_violates_an_invariant(tally: Any) -> None:
    assert tally["violations"] == []


SITUATIONS = (
    "others' records dropped", "program restarted", "deleted and created", "merged", "meddle",
    "power_cut", "lost_answer", "crash at committed", "crash at commit",
)  # fmt: skip


@pytest.mark.parametrize("what", SITUATIONS)
def test_every_situation_was_met(tally: Any, what: str) -> None:
    assert tally["exercised"].get(what, 0) > 0


@pytest.mark.parametrize(("mix", "seeds"), [("LOSSY", 20), ("INTERRUPTED", 20), ("EPOCHS", 12)])
def test_focused_mixes_violate_nothing(mix: str, seeds: int) -> None:
    assert run("--mix", mix, "--seeds", str(seeds))["violations"] == []


SEEDS = [("INTERRUPTED", 1), ("INTERRUPTED", 13), ("INTERRUPTED", 22), ("EPOCHS", 16)]
"""Runs that once failed."""


@pytest.mark.parametrize(("mix", "seed"), SEEDS)
def test_a_seed_that_failed_once(mix: str, seed: int) -> None:
    assert run("--mix", mix, "--first", str(seed), "--seeds", "1")["violations"] == []


@pytest.fixture(scope="module")
def caught() -> dict[str, tuple[int | None, str]]:
    return {name: (seeds, rule) for name, seeds, rule in run("--variants", "--seeds", "300")}


@pytest.mark.parametrize("name", [variant.name for variant in VARIANTS])
def test_the_variant_is_caught(caught: dict[str, tuple[int | None, str]], name: str) -> None:
    seeds, rule = caught[name]
    assert seeds is not None, f"{name}: {rule}"
