"""What the ledger forgets: when a store changes, and of files that are gone. Nothing is deleted on
either side.

Part of the ledger; runs inside its transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable

from syncd.core.model import Digest, Key
from syncd.ledger.rows import Columns, key_columns

_OF_PATHS = ("entries", "files", "held", "outbox", "deletions", "former", "agreed", "logs")
"""The tables that say something of a path, beside its past and what lost there."""

_UNNAMED = "".join(
    f"""AND NOT EXISTS (SELECT 1 FROM {table} t
          WHERE t.store = entries.store AND t.path = entries.path {of}) """  # noqa: S608 - ours
    for table, of in (
        ("files", ""), ("outbox", ""), ("notes", ""), ("held", ""), ("agreed", ""),
        ("deletions", "AND t.direction IN ('to_remote', 'to_local') AND t.state != 'gone'"),
        ("conflicts", "AND t.resolved IS NULL"),
    )
)  # fmt: skip
"""The file of an entry is not there, and nothing is on its way of it, noted, held or waiting."""


class Forgetting:
    """Forgets bases, paths, or a whole store."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def bases(self, keys: Iterable[Key]) -> None:
        """Forget what was agreed of `keys`, read of them and sent: they are met anew."""
        gone = [key_columns(key) for key in keys]
        self._withdraw(set(gone))
        self._connection.executemany(
            """UPDATE entries SET base_revision = NULL, base_digest = NULL, base_size = NULL,
                 authored_digest = NULL, local_digest = NULL, local_size = NULL
               WHERE store = ? AND path = ? AND record = ?""",
            gone,
        )
        files = {columns[:2] for columns in gone}
        self._connection.executemany("DELETE FROM files WHERE store = ? AND path = ?", files)

    def _withdraw(self, gone: Collection[Columns]) -> None:
        # An answer to what was sent would bring back a base. One half of a move takes the other
        # with it, which alone is another operation.
        rows = self._connection.execute(
            """SELECT operation, target, store, path, record FROM outbox
               WHERE state IN ('queued', 'sent')"""
        ).fetchall()
        named = {operation for operation, _, *key in rows if tuple(key) in gone}
        moves = [(one, other) for one, other, *_ in rows if one in named or other in named]
        withdrawn = named.union(*moves) - {None}
        self._connection.executemany(
            "DELETE FROM outbox WHERE state IN ('queued', 'sent') AND operation = ?",
            [(operation,) for operation in withdrawn],
        )

    def outstanding(self, store: str) -> dict[Key, list[Digest | None]]:
        """What is queued and sent of `store`, the sent one last; None: a deletion."""
        rows = self._connection.execute(
            """SELECT path, record, digest FROM outbox
               WHERE store = ? AND state IN ('queued', 'sent') ORDER BY state = 'sent'""",
            (store,),
        )
        found: dict[Key, list[Digest | None]] = {}
        for path, record, digest in rows:
            found.setdefault(Key(store, path, record), []).append(digest and Digest(digest))
        return found

    def deletions(self) -> None:
        """Forget every deletion that went, waits or was approved, with the guards that held it."""
        self._connection.execute("DELETE FROM deletions")
        self._connection.execute("DELETE FROM guards WHERE direction != 'both'")

    def path_behind(self, store: str, after: str, many: int) -> str | None:
        """The path of the entry that comes `many` behind `after`; None: there are fewer."""
        row = self._connection.execute(
            """SELECT path FROM entries WHERE store = ? AND path > ?
               ORDER BY path LIMIT 1 OFFSET ?""",
            (store, after, many - 1),
        ).fetchone()
        return str(row[0]) if row else None

    def gone(self, store: str, after: str, last: str | None, place: int) -> int:
        """Forget the files between two paths that are gone on both sides; how many.

        That is: both agreed on a tombstone, which lies before `place`, or on a file that was never
        sent, and nothing else is known of it, or to be done.
        """
        # Every text comes before a blob.
        paths = self._connection.execute(
            f"""DELETE FROM entries WHERE store = ? AND path > ? AND path <= coalesce(?, x'')
                  AND record = '' AND base_digest IS NULL AND remote_digest IS NULL
                  AND base_revision = coalesce(remote_revision, 0)
                  AND coalesce(remote_at, -1) < ? {_UNNAMED} RETURNING path""",  # noqa: S608
            (store, after, last, place),
        ).fetchall()
        self._connection.executemany(
            "DELETE FROM former WHERE store = ? AND path = ?", [(store, path) for (path,) in paths]
        )
        return len(paths)

    def notes(self, store: str) -> None:
        """Forget what was noted of a store whose folder is another one by now."""
        self._connection.execute("DELETE FROM notes WHERE store = ?", (store,))

    def noted(self, keys: Iterable[Key]) -> None:
        """Forget the noted writes of `keys`, which came to their end; of others there were none."""
        if self._connection.execute("SELECT 1 FROM notes LIMIT 1").fetchone() is None:
            return  # As good as always: only while files are written there are any.
        self._connection.executemany(
            "DELETE FROM notes WHERE store = ? AND path = ?",
            [(key.store, key.path) for key in keys],
        )

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
