"""What SQLite keeps for a while stays in memory: no folder for temporary files is needed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from syncd.ledger.connection import copied, open_ledger, read_ledger, transaction

ROWS = 20_000
"""More than the statements' and the sorter's buffers hold."""

NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})"


def opened() -> set[str]:
    """The files that this process has open: a temporary one is removed as soon as it is made."""
    found = set()
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(str(number.readlink()))
    return found


def read(path: Path) -> sqlite3.Connection:
    open_ledger(path).close()
    return read_ledger(path)


def copy(path: Path) -> sqlite3.Connection:
    with closing(open_ledger(path)) as source:
        return copied(source)


def test_a_statement_that_writes_many_rows_makes_no_file(path: Path) -> None:
    with closing(open_ledger(path)) as connection, transaction(connection):
        before = opened()
        connection.execute(
            f"""{NUMBERS} INSERT INTO contents (digest, size, packed)
                SELECT hex(randomblob(32)), i, randomblob(200) FROM n"""
        )
        connection.execute("UPDATE contents SET digest = hex(randomblob(32))")
        assert opened() == before


@pytest.mark.parametrize("of", [open_ledger, read, copy])
def test_an_answer_that_is_sorted_makes_no_file(
    path: Path, of: Callable[[Path], sqlite3.Connection]
) -> None:
    with closing(of(path)) as connection:
        before = opened()
        rows = connection.execute(f"{NUMBERS} SELECT i, zeroblob(1000) FROM n ORDER BY random()")
        assert rows.fetchone()
        assert opened() == before
