"""How often a ledger was written, told beside it too. Does IO.

A copy that was taken after the last hello has the start number that the deployment saw last, and
nobody there can tell it from the ledger, unless that had told meanwhile how far it had passed. Here
it can be told: the ledger was written more often. Not where the mark was put back with it, as with
the whole state folder: `docs/adopting.md` says what happens then.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

_WIDTH = 20


def commits(connection: sqlite3.Connection) -> int:
    """How often the ledger was written."""
    query = "SELECT value FROM meta WHERE name = 'commits'"
    return int((connection.execute(query).fetchone() or (0,))[0])


def count(connection: sqlite3.Connection, least: int = 0) -> int:
    """Count the transaction under way, and say how many that makes: more than `least`."""
    row = connection.execute(
        """INSERT INTO meta VALUES ('commits', 1 + :least)
           ON CONFLICT DO UPDATE SET value = 1 + max(:least, CAST(value AS INTEGER))
           RETURNING value""",
        {"least": least},
    ).fetchone()
    return int(row[0])


class Tidemark:
    """The highest number of commits that one ledger is known to have had, in a file of its own.

    It never leads: what it says was durable in the ledger before. So a ledger that tells less is
    an old copy. It is never flushed, and may lag behind after a power cut.
    """

    def __init__(self, path: Path) -> None:
        """Made where there is none. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "r+b", buffering=0)

    def read(self) -> int:
        """The number, 0 where none is told. Raises OSError."""
        told = os.pread(self._file.fileno(), _WIDTH, 0)
        return int(told) if told.isdigit() else 0

    def raise_to(self, commits: int) -> None:
        """So many are durable in the ledger."""
        # What was committed stands, whether it is told here or not: then the mark lags.
        with suppress(OSError):
            os.pwrite(self._file.fileno(), b"%0*d" % (_WIDTH, commits), 0)

    def close(self) -> None:
        """Let the file go."""
        self._file.close()
