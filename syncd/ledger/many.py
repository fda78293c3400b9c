"""Statements about many rows at once. Part of the ledger; runs inside its transactions.

A statement for each row costs up to twice as much: SQLite is entered anew, and the interpreter let
go and taken back, for every one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from syncd.ledger.rows import Columns

_SIZES = (25, 5, 1)
"""Rows of one statement. More at once gain nothing; few sizes, so that all stay compiled."""


def write(connection: sqlite3.Connection, statement: str, rows: Sequence[Columns]) -> int:
    """Run `statement`, where `{rows}` stands for VALUES; how many rows it inserted or changed."""
    return sum(cursor.rowcount for cursor in _run(connection, statement, rows))


def read(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Columns]
) -> list[tuple[Any, ...]]:
    """What `statement`, where `{rows}` stands for VALUES, answers for all of them."""
    return [found for cursor in _run(connection, statement, rows) for found in cursor.fetchall()]


def _run(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Columns]
) -> Iterator[sqlite3.Cursor]:
    begun = 0
    for size in _SIZES:
        while len(rows) - begun >= size:
            some = rows[begun : begun + size]
            begun += size
            written = _written(statement, size, len(some[0]))
            yield connection.execute(written, [value for row in some for value in row])


@cache
def _written(statement: str, rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return statement.replace("{rows}", f"VALUES {','.join([row] * rows)}")
