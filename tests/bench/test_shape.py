"""The benchmark runs, and says what it promises. No number is judged here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from convex import ConvexInt64 as Int64
from tests.system.mirror import Mirror

from . import report, saving
from .row import Budget, Figures, Row
from .saving import LostSaves, Side
from .stage import Load

CHECKOUT = Path(__file__).parents[2]


ROWS = {
    "initial mirror, 12 small files": "s",
    "second machine, 12 small files": "s",
    "sync --once again, 12 small files": "s",
    "start with nothing changed, 12 files": "s",
    "idle for 0 s, 12 files": "% CPU",
    "wake-ups a second, 12 files": "/s",
    "memory, 12 files": "MiB",
    "memory of the listener, 12 files": "MiB",
    "burst of 6 saves: last commit": "s",
    "branch switch of 4 files: last commit": "s",
    "hot file, 4 saves at 20 a second: last commit": "s",
    "save to commit, 12 files": "ms",
    "commit to another machine's file, 12 files": "ms",
    "save to commit beside a first mirror of 12": "ms",
    "save to commit beside a pull of 12": "ms",
}
"""Every row of a tiny run, with its unit."""


@pytest.mark.timeout(240)
def test_a_tiny_run_has_every_row(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    sizes = "--files 12 --size 300 --real 0 --saves 2 --burst 6 --branch 4 --hot 0.2 --idle 0.2"
    program = [sys.executable, "-m", "tests.bench"]
    ran = subprocess.run(
        [*program, "--rounds", "1", "--no-growth", *sizes.split(), "--json", str(found)],
        cwd=CHECKOUT, check=False, capture_output=True, timeout=230,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    told = json.loads(found.read_text())
    assert told["version"] == 2
    assert {row["name"]: row["unit"] for row in told["rows"]} == ROWS
    rows = {row["name"]: row for row in told["rows"]}
    mirror = rows["initial mirror, 12 small files"]
    assert mirror["syncd"]["samples"] == mirror["limit"]["samples"] == 1
    assert mirror["beside the limit"] > 0
    assert mirror["beside the naive script"] > 0
    assert mirror["cost"]["sent"] > 12 * 300
    assert mirror["cost"]["calls"] > mirror["cost"]["mutations"] > 0
    save = rows["save to commit, 12 files"]
    assert save["syncd"]["samples"] == save["limit"]["samples"] == save["naive"]["samples"] == 2
    assert sum(len(row["budgets"]) for row in told["rows"]) == 19
    printed = ran.stdout.decode()
    assert all(words in printed for words in ("x limit", "x naive", "10x files", "budgets"))


def test_a_row_grows_beside_its_like_and_a_budget_is_judged() -> None:
    small, large = (Row("mirror", "s", Figures.of([value])) for value in (0.5, 4.0))
    assert large.growth(small) == 8
    assert large.growth(None) is None
    assert Figures.of([*range(100), 1000.0]) == Figures(50, 99, 101)
    assert Budget.most("at most 2", 2.0, 2.0).met
    assert not Budget.most("at most 2", 2.1, 2.0).met


class _Held:
    """A deployment that holds the same of every file."""

    def query(self, _path: str, *, keys: list[object]) -> dict[str, list[object]]:
        return {"entries": [{"digest": "held", "at": Int64(7)} for _ in keys]}


def test_saves_that_are_never_mirrored_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saving, "PATIENCE", 0.1)
    side = Side(tmp_path, cast("Mirror", _Held()))
    paths = [tmp_path / name for name in "abc"]
    assert side.committed(dict.fromkeys(paths, "held")) == dict.fromkeys(paths, 7)
    with pytest.raises(LostSaves) as lost:
        side.committed({**dict.fromkeys(paths, "held"), tmp_path / "d": "other"})
    assert lost.value.count == 1


def test_what_a_script_lost_is_told_in_place_of_its_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    row = Row("switch", "s", Figures.of([2.0]), naive=LostSaves(1234))
    told = row.told(None)
    assert (told["naive"], told["beside the naive script"]) == (None, None)
    assert told["saves that the naive script lost"] == 1234
    load = Load(10, 10, 0, None, 1, 1, 1, 1, 0.1, 0.1)
    report.show(load, [(row, None)])
    assert "lost 1,234" in capsys.readouterr().out


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
