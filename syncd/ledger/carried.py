"""What an earlier version of an execution told and a later one may omit: when it began.

Part of the ledger; runs inside its transactions.
"""

from __future__ import annotations

import sqlite3

from syncd.core.model import Key
from syncd.ledger.rows import KEY, key_columns


class Carried:
    """A start for each key, in ms since the epoch: the first that was told stands."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def keep(self, key: Key, started: int | None) -> None:
        """A version of `key` was seen to say this; None: it says nothing."""
        if started is not None:
            self._connection.execute(
                f"UPDATE entries SET started = coalesce(started, ?) WHERE {KEY}",  # noqa: S608
                (started, *key_columns(key)),
            )

    def forget(self, key: Key) -> None:
        """The file is gone: another that takes its name begins anew."""
        self._connection.execute(
            f"UPDATE entries SET started = NULL WHERE {KEY}",  # noqa: S608
            key_columns(key),
        )

    def started(self, key: Key) -> int | None:
        """What was told, or None."""
        row = self._connection.execute(
            f"SELECT started FROM entries WHERE {KEY}",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return row[0] if row else None
