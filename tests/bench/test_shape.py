"""The benchmark runs, and says what it promises. No number is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_a_tiny_run_has_every_number() -> None:
    options = ["--files", "12", "--size", "300", "--rounds", "1", "--saves", "3", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench", *options],
        cwd=CHECKOUT, check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    found = json.loads(ran.stdout)
    assert (found["version"], found["files"], found["rounds"]) == (1, 12, 1)
    seconds = {"start", "bare loop", "naive", "mirror", "pull", "walk", "restart"}
    assert found["seconds"].keys() == seconds
    assert all(value > 0 for value in found["seconds"].values())
    assert len(found["ratios"]) == 5
    assert found["ratios"]["rate beside the naive script"] > 0
    assert found["save ms"]["p50"] <= found["save ms"]["p99"]
    assert found["bare save ms"].keys() == {"p50", "p99"}
    assert found["calls"]["mirror"] > found["calls"]["restart"] > 0
    assert found["peak bytes"].keys() == {"mirror", "restart", "pull"}


def test_a_tiny_run_of_storage_has_every_number() -> None:
    options = ["--executions", "30", "--deployments", "30", "--saves", "3", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.storage", *options],
        cwd=CHECKOUT, check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    found = json.loads(ran.stdout)
    assert (found["executions"]["files"], found["deployments"]["records"]) == (30, 30)
    for name in ("first list", "list", "save"):
        assert found["executions"][name] > 0
        assert found["deployments"][name] > 0


def test_a_tiny_run_of_lines_has_every_number() -> None:
    options = ["--lines", "40", "--seconds", "0.2", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.lines", *options],
        cwd=CHECKOUT, check=False, capture_output=True, timeout=90,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    found = json.loads(ran.stdout)
    assert (found["version"], found["lines"]) == (1, 40)
    assert found["bytes sent"] > found["file bytes"] > 40 * 100
    assert found["calls"] > 0
    assert found["peak bytes"].keys() == found["processor seconds"].keys() == {"daemon", "backend"}


def test_a_small_payload_has_every_number() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.bench.payload", "--size", "3000000", "--json"],
        cwd=CHECKOUT, check=False, capture_output=True, timeout=90,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    found = json.loads(ran.stdout)
    assert (found["version"], found["size"], found["uploaded bytes"]) == (1, 3_000_000, 3_000_000)
    assert found["downloaded bytes"] == 3_000_000
    assert found["seconds"] > 0
    assert found["calls"] > 0
    assert found["edit ms"]["p50"] <= found["edit ms"]["most"]
    assert found["grown bytes"].keys() == {"here", "there", "backend"}
