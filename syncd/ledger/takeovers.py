"""Names that other files took, by being renamed over what had them. Part of the ledger.

Where the file that had the name is elsewhere by then, what took the name is no edit of it. Runs
inside the ledger's transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.core.model import Digest, Key
from syncd.ledger.rows import KEY, key_columns


class Takeovers:
    """Which names were taken here, and whose bytes turn up elsewhere under another's name."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def record(self, keys: Iterable[Key]) -> None:
        """Other files took the names of `keys` here. It is so until something else is agreed on."""
        self._connection.executemany(
            f"UPDATE entries SET taken = base_revision WHERE {KEY}",  # noqa: S608
            [key_columns(key) for key in keys],
        )

    def had(self, digest: Digest, store: str, but: tuple[str, str]) -> bool:
        """Whether a file other than those two has these bytes here, or had them before they were
        replaced or deleted.
        """
        # The pluses: see `contents`.
        row = self._connection.execute(
            """SELECT 1 FROM files WHERE substr(digest, 1, 8) = substr(:digest, 1, 8)
                 AND +digest = :digest AND +store = :store AND +path NOT IN (:one, :other)
               UNION ALL
               SELECT 1 FROM history WHERE substr(digest, 1, 8) = substr(:digest, 1, 8)
                 AND +digest = :digest AND +store = :store AND +path NOT IN (:one, :other)
               LIMIT 1""",
            {"digest": digest, "store": store, "one": but[0], "other": but[1]},
        ).fetchone()
        return row is not None
