"""What the configuration says of cost, and what status and doctor make of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from syncd.cli import registered
from syncd.config import Config, load
from syncd.core.ceiling import Ceiling
from syncd.core.cost import DAY, Allowance, Cost, Spending, day_of
from syncd.errors import ConfigError
from syncd.ledger.state import StateFolder
from syncd.report.cost import allowance_of, bucket_of, ceiling_of, plan_of

CLOUD = "https://happy-animal-123.convex.cloud"


def configured(folder: Path, lines: str = "", url: str = CLOUD) -> Config:
    path = folder / "config.toml"
    path.write_text(f'url = "{url}"\n[cost]\n{lines}\n')
    return load(path, {})


@pytest.mark.parametrize(
    ("url", "lines", "plan", "allowance", "paced"),
    [
        (CLOUD, "", "free", Allowance(1_000_000, 10**9), True),
        (CLOUD, 'plan = "professional"', "professional", Allowance(25 * 10**6, 50 * 10**9), True),
        (CLOUD, "calls_a_month = 5", "free", Allowance(5, 10**9), True),
        (CLOUD, 'plan = "unmetered"', "unmetered", Allowance(), False),
        ("embedded", "", "unmetered", Allowance(), False),
        ("https://convex.example", "", "unmetered", Allowance(), False),
        ("https://convex.cloud.example", "", "unmetered", Allowance(), False),
        ("embedded", "database_bytes_a_month = 7", "unmetered", Allowance(None, 7), False),
        ("embedded", "bytes_a_second = 7", "unmetered", Allowance(), True),
    ],
)
def test_what_is_included_and_how_fast_is_written(
    tmp_path: Path, url: str, lines: str, plan: str, allowance: Allowance, *, paced: bool
) -> None:
    config = configured(tmp_path, lines, url)
    assert plan_of(config) == plan
    assert allowance_of(config) == allowance
    assert (bucket_of(config) is not None) == paced


def test_a_ceiling_is_of_days_and_months(tmp_path: Path) -> None:
    assert ceiling_of(configured(tmp_path).cost) == Ceiling()
    lines = "most_calls_a_day = 1\nmost_bytes_a_day = 2\nmost_bytes_a_month = 3"
    assert ceiling_of(configured(tmp_path, lines).cost) == Ceiling(1, 2, 3)
    with pytest.raises(ConfigError, match="most_calls_a_day"):
        configured(tmp_path, "most_calls_a_day = 0")
    with pytest.raises(ConfigError, match="did you mean 'most_calls_a_day'"):
        configured(tmp_path, "most_call_a_day = 1")


def test_a_month_that_will_not_do_is_told_with_what_to_type(tmp_path: Path) -> None:
    config = configured(tmp_path)
    today, spending = day_of(time.time()), Spending()
    for day in range(today - 40, today + 1):
        spending.add(Cost(calls=90_000), day * DAY)
    state = StateFolder(config.state)
    state.open()
    ledger = state.open_ledger(config.url, config.workspace)
    ledger.costs.connect(spending)
    ledger.close()
    state.close()
    said = CliRunner().invoke(registered(), ["status", "--config", str(config.source)])
    assert "cost today: 90,000 function calls" in said.output
    assert "included for all machines: 1,000,000 calls, 1000 MB (free)" in said.output
    assert "judged by 7 days" in said.output
    assert "the least it can be" in said.output
    assert "what other machines call is not in here" in said.output
    assert "! " in said.output
    assert "1,000,000 are included" in said.output
