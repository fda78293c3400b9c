"""What was counted is written with what is written anyway, and at the end."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from syncd.core.cost import DAY, KEPT, Cost, Spending
from syncd.errors import LedgerError
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import StateFolder

TODAY = 20_000


def opened(path: Path, spending: Spending) -> Ledger:
    ledger = Ledger.open(path)
    ledger.costs.connect(spending)
    return ledger


def test_a_count_is_written_by_the_next_transaction_and_outlives_the_ledger(tmp_path: Path) -> None:
    spending = Spending()
    ledger = opened(tmp_path / "ledger.db", spending)
    spending.add(Cost(1, 2, 3, 4, 5), TODAY * DAY)
    assert ledger.costs.days() == {}, "nothing is written because something was counted"
    with ledger.transaction():
        ledger.places.put("name", "value")
    assert ledger.costs.days() == {TODAY: Cost(1, 2, 3, 4, 5)}
    spending.add(Cost(calls=1), TODAY * DAY)
    ledger.close()
    again = Spending()
    ledger = opened(tmp_path / "ledger.db", again)
    assert again.costs == {TODAY: Cost(2, 2, 3, 4, 5)}
    ledger.close()


def test_what_fell_with_a_transaction_is_written_by_the_next(tmp_path: Path) -> None:
    spending = Spending()
    ledger = opened(tmp_path / "ledger.db", spending)
    spending.add(Cost(calls=7), TODAY * DAY)
    with pytest.raises(KeyError), ledger.transaction():
        raise KeyError
    assert ledger.costs.days() == {}
    with ledger.transaction():
        spending.add(Cost(sent=1), TODAY * DAY)
    assert ledger.costs.days() == spending.costs == {TODAY: Cost(7, 1)}
    ledger.close()


def test_old_days_are_forgotten(tmp_path: Path) -> None:
    spending = Spending()
    ledger = opened(tmp_path / "ledger.db", spending)
    for day in range(TODAY - KEPT - 5, TODAY + 1):
        spending.add(Cost(calls=1), day * DAY)
        with ledger.transaction():
            pass
    assert set(ledger.costs.days()) == set(range(TODAY - KEPT + 1, TODAY + 1))
    ledger.close()


def test_a_clock_that_is_years_ahead_for_a_moment_begins_no_month_anew(tmp_path: Path) -> None:
    spending = Spending()
    ledger = opened(tmp_path / "ledger.db", spending)
    for day in (TODAY, TODAY + 4000):
        spending.add(Cost(calls=7), day * DAY)
        with ledger.transaction():
            pass
    ledger.close()
    again = Spending()
    ledger = opened(tmp_path / "ledger.db", again)
    assert again.costs[TODAY] == Cost(calls=7)
    ledger.close()


def test_a_damaged_ledger_begins_no_day_anew(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    state.open()
    ledger, spending = state.open_ledger(None, "main"), Spending()
    ledger.costs.connect(spending)
    spending.add(Cost(1, 2, 3, 4, 5), TODAY * DAY)
    ledger.close()
    path = state.ledger_path(None, "main")
    assert path is not None
    damage(path, "held")
    ledger, again = state.open_ledger(None, "main"), Spending()
    ledger.costs.connect(again)
    assert path.with_name(path.name + ".damaged").exists()
    assert again.costs == {TODAY: Cost(1, 2, 3, 4, 5)}
    ledger.close()
    state.close()


def damage(path: Path, table: str) -> None:
    """Overwrite the root page of a table, and leave a log as a crash does."""
    with closing(sqlite3.connect(path)) as connection:
        query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
        (page,) = connection.execute(query, (table,)).fetchone()
    with path.open("r+b") as file:
        file.seek(4096 * (page - 1))
        file.write(b"\xff" * 4096)
    path.with_name(path.name + "-wal").write_bytes(b"half a log")


def test_what_cannot_be_written_at_the_end_is_told_once(tmp_path: Path) -> None:
    spending = Spending()
    ledger = opened(tmp_path / "ledger.db", spending)
    with ledger.transaction() as connection:
        connection.execute("DROP TABLE costs")
    spending.add(Cost(calls=1), TODAY * DAY)
    with pytest.raises(LedgerError):
        ledger.close()
    ledger.close()
