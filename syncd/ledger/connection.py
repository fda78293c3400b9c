"""Opening the ledger's SQLite file. Does IO.

One process writes, through one connection; readers are read-only. WAL with synchronous=FULL:
what a transaction committed survives a power cut.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from syncd.errors import LedgerError, LedgerNewer

VERSION = 1
"""`PRAGMA user_version` of the ledger this program reads and writes."""


def open_ledger(path: Path) -> sqlite3.Connection:
    """The writing connection to the ledger at `path`, made and migrated where needed.

    Raises LedgerNewer for a ledger of a later program, LedgerError when it cannot be used.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16000")
        _migrate(connection, path)
    except sqlite3.Error as error:
        raise LedgerError(
            f"the ledger {path} cannot be opened: {error}; no file was changed",
            "check that its folder is writable and its disk is not full; if the file is damaged, "
            "move it away: the next start compares files and deployment anew and deletes nothing",
        ) from error
    path.chmod(0o600)
    return connection


def read_ledger(path: Path) -> sqlite3.Connection:
    """A read-only connection to the ledger at `path`. Raises LedgerError."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        _check_version(connection, path)
    except sqlite3.Error as error:
        raise LedgerError(
            f"the ledger {path} cannot be read: {error}", "is SYNCD_STATE_DIR right?"
        ) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing of it, durable when the block ends. Raises LedgerError."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise LedgerError(
            f"the ledger could not be written: {error}; nothing of this step was recorded",
            "free disk space or mend the state folder, then start again",
        ) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _check_version(connection, path) == VERSION:
        return
    schema = resources.files(__package__).joinpath("schema.sql").read_text()
    connection.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {VERSION}; COMMIT;")


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise LedgerNewer(
            f"the ledger {path} is version {found}; this program knows up to {VERSION}",
            "upgrade syncd",
        )
    return int(found)
