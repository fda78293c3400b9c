"""What is known of keys before a turn decides about them. Part of the ledger; only reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

from syncd.core.decision import View
from syncd.core.guard import Direction
from syncd.core.model import NEVER, Key
from syncd.core.reading import Stat
from syncd.ledger import many
from syncd.ledger.rows import inode_column, key_columns, to_snapshot, to_version

_VIEWS = """SELECT k.column1, k.column2, k.column3, e.base_revision, e.base_digest, e.base_size,
                  e.remote_revision, e.remote_digest, e.remote_size, e.remote_last, e.remote_at,
                  e.remote_moved_to, e.taken = e.base_revision, s.operation, s.digest, s.size
           FROM ({rows}) k
           LEFT JOIN entries e
             ON e.store = k.column1 AND e.path = k.column2 AND e.record = k.column3
           LEFT JOIN outbox s ON s.state = 'sent'
             AND s.store = k.column1 AND s.path = k.column2 AND s.record = k.column3"""


class Views:
    """Base, what was heard last and what is sent, beside each other."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def of(self, keys: Iterable[Key]) -> dict[Key, View]:
        """What is known of each of `keys`."""
        rows = many.read(self._connection, _VIEWS, [key_columns(key) for key in keys])
        return {Key(*row[:3]): _view(*row[3:]) for row in rows}

    def devices(self, keys: Iterable[Key]) -> dict[Key, str | None]:
        """The devices that what was last heard of `keys` is of, of those that are known."""
        rows = many.read(
            self._connection,
            """SELECT e.store, e.path, e.record, e.remote_device FROM ({rows}) k
               CROSS JOIN entries e ON e.store = k.column1 AND e.path = k.column2
                 AND e.record = k.column3""",
            [key_columns(key) for key in keys],
        )
        return {Key(*row[:3]): row[3] for row in rows}

    def linked(self, files: Iterable[tuple[Key, Stat]]) -> list[Key]:
        """Other names under which `files`, which have these stats now, were last read with others
        than those."""
        # Names of one file held the same bytes when they were last read: an index leads to them.
        rows = many.read(
            self._connection,
            """SELECT other.store, other.path FROM ({rows}) k
               CROSS JOIN files AS mine
               CROSS JOIN files AS other
                 ON substr(other.digest, 1, 8) = substr(mine.digest, 1, 8)
                   AND other.inode = mine.inode
               WHERE mine.store = k.column1 AND mine.path = k.column2 AND mine.inode = k.column3
                 AND (other.size, other.mtime_ns, other.ctime_ns)
                   IS NOT (k.column4, k.column5, k.column6)
                 AND +other.digest = mine.digest AND +other.store = mine.store
                 AND +other.path <> mine.path""",
            [(key.store, key.path, inode_column(stat.inode), *stat[:3]) for key, stat in files],
        )
        return [Key(*row) for row in rows]

    def moved(self, store: str, direction: Direction) -> dict[Key, Key]:
        """The deletions that went and were moves, with the new names."""
        rows = self._connection.execute(
            """SELECT path, e.remote_moved_to FROM deletions d
                 JOIN entries e USING (store, path, record)
               WHERE store = ? AND direction = ? AND state = 'gone' AND record = ''
                 AND e.remote_moved_to IS NOT NULL""",
            (store, direction),
        )
        return {Key(store, path): Key(store, target) for path, target in rows}

    def returned(self, store: str, direction: Direction) -> set[Key]:
        """The deletions that went, of files that were found there since."""
        rows = self._connection.execute(
            """SELECT path FROM deletions JOIN files USING (store, path)
               WHERE store = ? AND direction = ? AND state = 'gone' AND record = ''""",
            (store, direction),
        )
        return {Key(store, path) for (path,) in rows}

    def let_go(self, store: str) -> bool:
        """Whether no more than one key of the store is known whose deletion is not on its way, nor
        approved.

        Each turn and each push asks it of a folder that was emptied, while thousands wait to be
        sent: to list what is decided took them the square of the time.
        """
        (left,) = self._connection.execute(
            """SELECT count(*) FROM (
                 SELECT 1 FROM entries e
                 WHERE e.store = :store AND e.base_digest IS NOT NULL AND NOT EXISTS (
                     SELECT 1 FROM deletions d WHERE d.store = :store AND d.direction = 'to_remote'
                       AND d.path = e.path AND d.record = e.record
                       AND d.state IN ('approved', 'spent'))
                   AND NOT EXISTS (
                     SELECT 1 FROM outbox o WHERE o.store = :store AND o.path = e.path
                       AND o.record = e.record AND o.digest IS NULL
                       AND o.state IN ('queued', 'sent'))
                 UNION ALL SELECT 1 FROM files f
                 WHERE f.store = :store AND NOT EXISTS (
                     SELECT 1 FROM entries e WHERE e.store = :store AND e.path = f.path
                       AND e.record = '' AND e.base_digest IS NOT NULL)
                 LIMIT 2)""",
            {"store": store},
        ).fetchone()
        return int(left) < 2


def _view(*columns: Any) -> View:
    sent = to_version(*columns[11:]) if columns[10] is not None else None
    heard = to_snapshot(*columns[3:9]) or NEVER
    return View(to_snapshot(*columns[:3]), heard, sent, taken=bool(columns[9]))
