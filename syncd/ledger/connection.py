"""Opening the ledger's SQLite file. Does IO.

One process writes, through one connection; readers are read-only. WAL with synchronous=FULL:
what a transaction committed survives a power cut.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from urllib.parse import quote

from syncd.errors import LedgerDamaged, LedgerError, LedgerFull, LedgerUnknown
from syncd.ledger.room import is_full

STEPS = (
    "schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql", "schema_5.sql", "schema_6.sql",
    "schema_7.sql", "schema_8.sql", "schema_9.sql", "schema_10.sql", "schema_11.sql",
)  # fmt: skip
"""What makes an empty file a ledger, step by step; a step that was released is never edited."""

_COMPILED = 256
"""Statements that stay compiled: the ledger has fewer."""

_TEMPORARY = "PRAGMA temp_store = MEMORY"
"""Where SQLite keeps pages until a statement ends, and answers that it sorts. Else it takes a file
in a folder for temporary ones: in a container with a read-only root there is none, a full one would
fail what the ledger's own disk has room for, and what users wrote has no business there.
"""

LOG_BYTES = 16 * 1024 * 1024
"""What the write-ahead log keeps of the disk: it grows beyond while somebody reads for long."""

VERSION = len(STEPS)
"""`PRAGMA user_version` of the ledger this program reads and writes: the steps it has taken."""


def open_ledger(path: Path) -> sqlite3.Connection:
    """The writing connection to the ledger at `path`, made and migrated where needed.

    Raises LedgerUnknown for a ledger of a later program or that no step fits, LedgerDamaged for a
    file that is none, LedgerError when it cannot be used.
    """
    # A clean end leaves no log behind, a reader an empty one: after any other the whole file is
    # looked at.
    logged = path.with_name(path.name + "-wal")
    unclean = logged.exists() and logged.stat().st_size > 0
    try:
        with ExitStack() as opening:
            connection = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, cached_statements=_COMPILED
            )
            opening.callback(connection.close)
            connection.execute(_TEMPORARY)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA cache_size = -16000")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            if unclean:
                _check_pages(connection, path)
            _migrate(connection, path)
            opening.pop_all()
    except sqlite3.Error as error:
        if _damaged(error):
            raise LedgerDamaged(f"the ledger {path} is damaged: {error}", DAMAGED) from error
        raise LedgerError(
            f"the ledger {path} cannot be opened: {error}; no file was changed",
            "check that its folder is writable and its disk is not full",
        ) from error
    path.chmod(0o600)
    return connection


def read_ledger(path: Path) -> sqlite3.Connection:
    """A read-only connection that shows the ledger at `path` as it was at one moment, however
    often it is asked: to see what the daemon wrote since, open another. Raises LedgerError.
    """
    try:
        with ExitStack() as opening:
            connection = sqlite3.connect(_reading(path), uri=True, isolation_level=None)
            opening.callback(connection.close)
            connection.execute(_TEMPORARY)
            if _check_version(connection, path) < VERSION:
                return _migrated_copy(connection, path)
            # Two reads of two moments make a third that never was: an outbox from before a save
            # was seen beside a feed from after it would be "in sync".
            connection.execute("BEGIN")
            connection.execute("SELECT 1 FROM meta LIMIT 1").fetchone()
            opening.pop_all()
    except sqlite3.Error as error:
        if _damaged(error):
            raise LedgerDamaged(f"the ledger {path} is damaged: {error}", DAMAGED) from error
        raise LedgerError(
            f"the ledger {path} cannot be read: {error}; nothing was changed",
            "run this as the user whose daemon it is; is SYNCD_STATE_DIR right?",
        ) from error
    return connection


def copied(source: sqlite3.Connection) -> sqlite3.Connection:
    """A copy of a ledger in memory, which may be written."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    copy.execute(_TEMPORARY)
    source.backup(copy)
    return copy


def _reading(path: Path) -> str:
    """The address at which SQLite reads `path`.

    Beside a log it keeps another file, which it would have to make. Where it cannot, and there is
    no log, nobody writes: the daemon keeps one for as long as it runs.
    """
    logged = path.with_name(path.name + "-wal")
    still = not os.access(path.parent, os.W_OK) and not logged.exists()
    return f"file:{quote(str(path))}?mode=ro{'&immutable=1' if still else ''}"


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing of it, durable when the block ends. Raises LedgerError."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:  # On a full disk SQLite has rolled back already.
                connection.execute("ROLLBACK")
            raise
    except sqlite3.Error as error:
        if _damaged(error):
            raise LedgerDamaged(
                f"the ledger is damaged: {error}; nothing of this step was recorded", DAMAGED
            ) from error
        raise _refusal(connection, error) from error


@contextmanager
def moment(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read in the block is of one moment. A read by itself looks for what was written last
    before it reads, and that takes as long.
    """
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # After some errors SQLite has ended it already.
            connection.execute("COMMIT")


def damage_in(error: BaseException) -> str | None:
    """What in `error`, which may be a group, says that a ledger's file is damaged; None: nothing.

    A damaged page is met by whatever reads it, long after the file was opened.
    """
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(damage_in, error.exceptions)), None)
    damaged = isinstance(error, LedgerDamaged) or (
        isinstance(error, sqlite3.Error) and _damaged(error)
    )
    return str(error) if damaged else None


def _refusal(connection: sqlite3.Connection, error: sqlite3.Error) -> LedgerError:
    if _without_room(connection, error):
        return LedgerFull(
            f"the ledger could not be written: its disk is full, or its owner's quota used up "
            f"({error}); nothing of this step was recorded, and no edit is lost",
            "free some space: a daemon goes on by itself then; what a command was to do, ask for "
            "again",
        )
    return LedgerError(
        f"the ledger could not be written: {error}; nothing of this step was recorded, and no "
        "edit is lost",
        "mend the state folder or its disk, then start `syncd run` again",
    )


def _without_room(connection: sqlite3.Connection, error: sqlite3.Error) -> bool:
    code = _code(error)
    if code is None or code & _PRIMARY not in _UNWRITTEN:
        return code == sqlite3.SQLITE_FULL
    path = connection.execute("PRAGMA database_list").fetchone()[2]
    return bool(path) and is_full(Path(path).parent)


_PRIMARY = 0xFF
_UNWRITTEN = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
"""Primary codes by which SQLite tells, among other things, that a quota is used up, or that what
it keeps beside the ledger found no room."""


def _damaged(error: sqlite3.Error) -> bool:
    return _code(error) in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def _code(error: sqlite3.Error) -> int | None:
    # SQLite gave none to what the module itself refuses.
    return getattr(error, "sqlite_errorcode", None)


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise LedgerDamaged(f"the ledger {path} is damaged: {found}", DAMAGED)


DAMAGED = (
    "start `syncd run` anew: it puts a damaged ledger aside, compares files and deployment, and "
    "deletes nothing"
)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    taken = _check_version(connection, path)
    if taken == VERSION:
        return
    # In one transaction: each waits for the disk several times, and a ledger is whole or as it was.
    steps = [resources.files(__package__).joinpath(name).read_text() for name in STEPS[taken:]]
    try:
        connection.executescript(
            f"BEGIN IMMEDIATE; {'; '.join(steps)}; PRAGMA user_version = {VERSION}; COMMIT;"
        )
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_ERROR:
            raise
        raise LedgerUnknown(
            f"the ledger {path} calls itself version {taken} and is none ({error}): a syncd from "
            "between two versions made it; nothing was changed",
            "install that one again, or move this file to another folder and keep it: files and "
            "deployment are compared anew then, and nothing is deleted",
        ) from error


def _migrated_copy(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    # Only the owner of the state folder may migrate: readers of an older ledger migrate a copy.
    copy = copied(connection)
    _migrate(copy, path)
    return copy


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise LedgerUnknown(
            f"the ledger {path} is version {found}, this program knows up to {VERSION}; "
            "nothing was changed",
            "a later syncd was here: install that one again",
        )
    return int(found)
