"""What the ledger forgets when a store changes. Nothing is deleted on either side.

Part of the ledger; runs inside its transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from syncd.core.model import Key
from syncd.ledger.rows import key_columns

_OF_PATHS = ("entries", "files", "held", "outbox", "deletions", "former", "agreed", "logs")
"""The tables that say something of a path, beside its past and what lost there."""


class Forgetting:
    """Forgets bases, paths, or a whole store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def bases(self, keys: Iterable[Key]) -> None:
        """Forget what was agreed of `keys` and read of them: they are met anew."""
        gone = [key_columns(key) for key in keys]
        self._connection.executemany(
            """UPDATE entries SET base_revision = NULL, base_digest = NULL, base_size = NULL,
                 authored_digest = NULL, local_digest = NULL, local_size = NULL
               WHERE store = ? AND path = ? AND record = ?""",
            gone,
        )
        files = {columns[:2] for columns in gone}
        self._connection.executemany("DELETE FROM files WHERE store = ? AND path = ?", files)

    def deletions(self) -> None:
        """Forget every deletion that went, waits or was approved, with the guards that held it."""
        self._connection.execute("DELETE FROM deletions")
        self._connection.execute("DELETE FROM guards WHERE direction != 'both'")

    def notes(self, store: str) -> None:
        """Forget what was noted of a store whose folder is another one by now."""
        self._connection.execute("DELETE FROM notes WHERE store = ?", (store,))

    def unmatched(self, store: str, matches: Callable[[str], bool]) -> None:
        """Forget the paths of a store that its patterns no longer match.

        What was sent is forgotten too: an answer to it would bring back a base, and with it the
        claim that a file was there.
        """
        gone: set[tuple[str, str]] = set()
        for table in _OF_PATHS:
            rows = self._connection.execute(
                f"SELECT DISTINCT path FROM {table} WHERE store = ?",  # noqa: S608
                (store,),
            )
            gone |= {(store, path) for (path,) in rows if not matches(path)}
        for table in _OF_PATHS:
            self._connection.executemany(
                f"DELETE FROM {table} WHERE store = ? AND path = ?",  # noqa: S608
                gone,
            )

    def store(self, store: str) -> None:
        """Forget all of a store that is configured no more; nothing is deleted anywhere."""
        for table in (*_OF_PATHS, "guards", "stores"):
            self._connection.execute(f"DELETE FROM {table} WHERE store = ?", (store,))  # noqa: S608
