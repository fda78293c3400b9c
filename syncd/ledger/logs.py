"""Which files are the life of which log, and how far each was acknowledged.

Part of the ledger; runs inside its transactions.
"""

from __future__ import annotations

import sqlite3

from syncd.core.log import Extent, Log
from syncd.ledger.rows import inode_column, to_inode

_COLUMNS = "store, generation, path, inode, length, tail, whole, tried_length, tried_tail"


class Logs:
    """The logs of this device's files."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, store: str) -> dict[int, Log]:
        """Every log of a store, by the inode of its file."""
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM logs WHERE store = ?",  # noqa: S608 - columns are ours
            (store,),
        )
        return {to_inode(row[3]): _log(*row) for row in rows}

    def put(self, log: Log) -> None:
        """Remember a log, in place of what was known of its generation and its file."""
        self._connection.execute(
            f"INSERT OR REPLACE INTO logs ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            (
                log.store, log.generation, log.path, inode_column(log.inode),
                log.extent.length, log.extent.tail, log.whole,
                log.tried.length, log.tried.tail,
            ),
        )  # fmt: skip

    def forget(self, log: Log) -> None:
        """Forget a log: its file is gone, or another log's now."""
        self._connection.execute(
            "DELETE FROM logs WHERE store = ? AND generation = ?", (log.store, log.generation)
        )


def _log(
    store: str, generation: str, path: str, inode: int, length: int, tail: str, whole: int,
    tried_length: int, tried_tail: str,
) -> Log:  # fmt: skip
    extent, tried = Extent(length, tail), Extent(tried_length, tried_tail)
    return Log(store, generation, path, to_inode(inode), extent, whole, tried)
