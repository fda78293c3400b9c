"""What a person's decision against deletions makes of their keys. Part of the ledger.

Runs inside the caller's transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.core.model import Key
from syncd.ledger.rows import KEY, key_columns


class Rejecting:
    """Has what was to be deleted come back, on the side where it is gone."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def bring_back(self, keys: Iterable[Key]) -> None:
        """Decide against deletions of files: nothing is agreed on any more, and what is met for
        the first time is copied."""
        columns = [key_columns(key) for key in keys]
        self._connection.executemany(
            f"""UPDATE entries SET base_revision = NULL, base_digest = NULL, base_size = NULL
                WHERE {KEY}""",  # noqa: S608
            columns,
        )
        self._connection.executemany(
            f"DELETE FROM outbox WHERE {KEY} AND state = 'queued' AND digest IS NULL",  # noqa: S608
            columns,
        )
        self._connection.executemany(
            "DELETE FROM files WHERE store = ? AND path = ?", [each[:2] for each in columns]
        )

    def put_over(self, keys: Iterable[Key]) -> None:
        """Decide against deletions on the deployment: they were met, and the files go over them."""
        self._connection.executemany(
            f"""UPDATE entries SET base_revision = remote_revision, base_digest = remote_digest,
                  base_size = remote_size WHERE {KEY}""",  # noqa: S608
            [key_columns(key) for key in keys],
        )
