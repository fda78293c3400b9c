"""Bases and what was last heard, per key. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from syncd.core.decision import Heard
from syncd.core.model import NEVER, Digest, Key, Snapshot, Tombstone, Witness
from syncd.ledger.rows import key_columns, snapshot_columns, to_snapshot, version_columns

_KEY = "store = ? AND path = ? AND record = ?"


class Entries:
    """The two snapshots the ledger keeps of every key."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: Key) -> tuple[Snapshot | None, Snapshot]:
        """(base, remote); remote is NEVER where the deployment was never heard to hold it."""
        row = self._connection.execute(
            f"""SELECT base_revision, base_digest, base_size,
                       remote_revision, remote_digest, remote_size, remote_last, remote_at
                FROM entries WHERE {_KEY}""",  # noqa: S608
            key_columns(key),
        ).fetchone()
        if row is None:
            return None, NEVER
        return to_snapshot(*row[:3]), to_snapshot(*row[3:]) or NEVER

    def agree(self, key: Key, base: Snapshot) -> None:
        """Both sides were seen to hold `base`, or to start from it."""
        self._connection.execute(
            """INSERT INTO entries (store, path, record, base_revision, base_digest, base_size)
               VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET base_revision = excluded.base_revision,
                 base_digest = excluded.base_digest, base_size = excluded.base_size""",
            (*key_columns(key), *snapshot_columns(base)),
        )

    def hear(self, heard: Heard) -> bool:
        """Remember news, unless newer was heard: what is heard never goes back.

        False where it was known already, so our own changes that come back name nothing.
        """
        snapshot = heard.snapshot
        last = snapshot.version.last if isinstance(snapshot.version, Tombstone) else None
        cursor = self._connection.execute(
            """INSERT INTO entries (store, path, record, remote_revision, remote_digest,
                 remote_size, remote_last, remote_at, remote_device)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET remote_revision = excluded.remote_revision,
                 remote_digest = excluded.remote_digest, remote_size = excluded.remote_size,
                 remote_last = excluded.remote_last, remote_at = excluded.remote_at,
                 remote_device = excluded.remote_device
               WHERE remote_at IS NULL OR remote_at < excluded.remote_at
                 OR (remote_at = excluded.remote_at
                     AND (remote_revision != excluded.remote_revision
                          OR remote_digest IS NOT excluded.remote_digest))""",
            (
                *key_columns(heard.key),
                snapshot.revision,
                *version_columns(snapshot.version),
                last,
                snapshot.at,
                heard.device,
            ),
        )
        return cursor.rowcount > 0

    def device_of(self, key: Key) -> str | None:
        """The device that wrote what was last heard."""
        row = self._connection.execute(
            f"SELECT remote_device FROM entries WHERE {_KEY}",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return row[0] if row else None

    def live(self, store: str) -> Iterator[tuple[str, Digest]]:
        """(path, digest) of every entry whose base is content."""
        for path, digest in self._connection.execute(
            "SELECT path, base_digest FROM entries WHERE store = ? AND base_digest IS NOT NULL",
            (store,),
        ):
            yield path, Digest(digest)

    def count_live(self, store: str) -> int:
        """How many entries have content as their base."""
        row = self._connection.execute(
            "SELECT count(*) FROM entries WHERE store = ? AND base_digest IS NOT NULL", (store,)
        ).fetchone()
        return int(row[0])

    def unfinished(self, store: str) -> list[Key]:
        """Keys on which base and what was heard, or the file last read, still differ."""
        rows = self._connection.execute(
            """SELECT e.path, e.record FROM entries e LEFT JOIN files f USING (store, path)
               WHERE e.store = ? AND (e.base_revision IS NULL
                 OR (e.remote_revision IS NOT NULL AND e.base_revision < e.remote_revision)
                 OR e.base_digest IS NOT f.digest)""",
            (store,),
        )
        return [Key(store, path, record) for path, record in rows]

    def witnesses(self, most: int) -> list[Witness]:
        """Up to `most` of the live snapshots heard last."""
        rows = self._connection.execute(
            """SELECT store, path, record, remote_revision, remote_digest FROM entries
               WHERE remote_digest IS NOT NULL ORDER BY remote_at DESC LIMIT ?""",
            (most,),
        )
        return [Witness(Key(*row[:3]), row[3], Digest(row[4])) for row in rows]

    def forget_unmatched(self, store: str, matches: Callable[[str], bool]) -> None:
        """Forget the paths of a store that its patterns no longer match."""
        paths = self._connection.execute(
            "SELECT DISTINCT path FROM entries WHERE store = ?", (store,)
        ).fetchall()
        gone = [(store, path) for (path,) in paths if not matches(path)]
        for table in ("entries", "files", "held"):
            self._connection.executemany(
                f"DELETE FROM {table} WHERE store = ? AND path = ?",  # noqa: S608
                gone,
            )
        self._connection.executemany(
            "DELETE FROM outbox WHERE store = ? AND path = ? AND state != 'sent'", gone
        )

    def forget(self, store: str) -> None:
        """Forget all of a store that is configured no more; nothing is deleted anywhere."""
        for table in ("entries", "files", "held", "guards", "stores"):
            self._connection.execute(f"DELETE FROM {table} WHERE store = ?", (store,))  # noqa: S608
        self._connection.execute("DELETE FROM outbox WHERE store = ? AND state != 'sent'", (store,))
