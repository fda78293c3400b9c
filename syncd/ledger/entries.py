"""Bases and what was last heard, per key. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from syncd.core.decision import Heard, View
from syncd.core.model import NEVER, TOMBSTONE, Digest, Key, Snapshot, Tombstone, Witness
from syncd.ledger import many
from syncd.ledger.rows import KEY, Columns, key_columns, snapshot_columns, to_snapshot

_IN_FILE = """EXISTS (
    SELECT 1 FROM files f WHERE f.store = entries.store AND f.path = entries.path)"""

_WRITTEN = f"(local_digest IS NULL OR {_IN_FILE})"
"""Not a key of a records file that is still to be made."""

_REMOTE = """remote_revision, remote_digest, remote_size, remote_last, remote_moved_to,
             remote_at"""
_HEARD = """remote_revision = excluded.remote_revision, remote_digest = excluded.remote_digest,
            remote_size = excluded.remote_size, remote_last = excluded.remote_last,
            remote_moved_to = excluded.remote_moved_to, remote_at = excluded.remote_at,
            remote_device = excluded.remote_device"""
_NEWER = """(remote_at IS NULL OR remote_at < excluded.remote_at
             OR (remote_at = excluded.remote_at
                 AND (remote_revision != excluded.remote_revision
                      OR remote_digest IS NOT excluded.remote_digest)))"""
_NEWER_BASE = ", ".join(
    f"{name} = iif(excluded.base_revision BETWEEN 1 AND base_revision - 1, {name}, excluded.{name})"
    for name in ("base_revision", "base_digest", "base_size")
)
"""The base, unless it goes back. To revision 0 it does where nothing is agreed on any more."""

_ACKNOWLEDGED = """base_revision = excluded.base_revision, base_digest = excluded.base_digest,
                   base_size = excluded.base_size, receipt_revision = excluded.receipt_revision"""
_CONFIRM = f"""INSERT INTO entries (store, path, record, {_REMOTE}, remote_device,
                 base_revision, base_digest, base_size, receipt_revision) {{rows}}
               ON CONFLICT DO UPDATE SET {_HEARD}, {_ACKNOWLEDGED} WHERE {_NEWER}"""
_AGREE = f"""INSERT INTO entries (store, path, record, base_revision, base_digest, base_size,
               receipt_revision) {{rows}}
             ON CONFLICT DO UPDATE SET {_ACKNOWLEDGED}"""


class Entries:
    """The two snapshots the ledger keeps of every key."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: Key) -> tuple[Snapshot | None, Snapshot]:
        """(base, remote); remote is NEVER where the deployment was never heard to hold it."""
        row = self._connection.execute(
            f"""SELECT base_revision, base_digest, base_size,
                       remote_revision, remote_digest, remote_size, remote_last, remote_at,
                       remote_moved_to
                FROM entries WHERE {KEY}""",  # noqa: S608
            key_columns(key),
        ).fetchone()
        if row is None:
            return None, NEVER
        return to_snapshot(*row[:3]), to_snapshot(*row[3:]) or NEVER

    def agree(
        self,
        bases: Iterable[tuple[Key, Snapshot]],
        saved: Mapping[Key, Digest] = MappingProxyType({}),
    ) -> None:
        """Both sides were seen to hold these, or to start from them.

        Those of them that are in `saved`, files, were seen to hold that, which syncd did not write.

        RACE: a base never goes back within an epoch. What was queued for a key may be claimed and
        answered while a turn that looked at it before is writing its file, and what it wrote
        stands; of what it did not write it drops what was overtaken: see `Turn.standing`.
        """
        many.write(
            self._connection,
            f"""INSERT INTO entries (store, path, record, base_revision, base_digest, base_size,
                  authored_digest) {{rows}}
                ON CONFLICT DO UPDATE SET {_NEWER_BASE},
                  authored_digest = coalesce(excluded.authored_digest, authored_digest),
                  unseen = iif(excluded.authored_digest IS NULL, unseen, 0)""",
            [(*key_columns(key), *snapshot_columns(base), saved.get(key)) for key, base in bases],
        )

    def hear(self, heard: Heard) -> bool:
        """Remember news, unless newer was heard: what is heard never goes back.

        False where it was known already, so our own changes that come back name nothing.
        """
        cursor = self._connection.execute(
            f"""INSERT INTO entries (store, path, record, {_REMOTE}, remote_device, origin)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET {_HEARD}, origin = coalesce(excluded.origin, origin)
               WHERE {_NEWER}""",  # noqa: S608
            (*key_columns(heard.key), *_remote_columns(heard.snapshot), heard.device, heard.origin),
        )
        return cursor.rowcount > 0

    def acknowledge(
        self, bases: Sequence[tuple[Key, Snapshot]], device: str | None = None
    ) -> list[Key]:
        """Agree on `bases`, for whose revisions the deployment holds receipts of ours.

        With the `device` that made them, hear them too. The keys of which something else was
        heard.
        """
        if device is not None and self._confirm(bases, device) == len(bases):
            return []
        # Again where it was done: newer was heard of the others, which agree on this all the same.
        many.write(
            self._connection,
            _AGREE,
            [(*key_columns(k), *snapshot_columns(base), base.revision) for k, base in bases],
        )
        return [key for key, _ in bases if not View(*self.get(key)).agreed]

    def _confirm(self, bases: Sequence[tuple[Key, Snapshot]], device: str) -> int:
        """Both in one writing of each row, unless newer was heard; of how many none was."""
        return many.write(
            self._connection,
            _CONFIRM,
            [
                (
                    *key_columns(key), *_remote_columns(base), device,
                    *snapshot_columns(base), base.revision,
                )
                for key, base in bases
            ],
        )  # fmt: skip

    def last_write(self, key: Key) -> tuple[int, str | None]:
        """When what was last heard of `key` was committed, 0 for never, and the device it is of."""
        row = self._connection.execute(
            f"SELECT remote_at, remote_device FROM entries WHERE {KEY}",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return (row[0] or 0, row[1]) if row else (0, None)

    def live(self, store: str, *, unread: bool = False) -> Iterator[tuple[Key, Digest]]:
        """(key, digest) of every entry whose base is content, and is or was in a file.

        `unread`: only those whose file was not there when it was last looked at.
        """
        gone = f"AND NOT {_IN_FILE}" if unread else ""
        for path, record, digest in self._connection.execute(
            f"""SELECT path, record, base_digest FROM entries
                WHERE store = ? AND base_digest IS NOT NULL AND {_WRITTEN} {gone}""",  # noqa: S608
            (store,),
        ):
            yield Key(store, path, record), Digest(digest)

    def count_live(self, store: str) -> int:
        """How many keys are known: read here, or content that both sides agreed on."""
        row = self._connection.execute(
            f"""SELECT count(*) FROM (
                  SELECT path, record FROM entries
                  WHERE store = ? AND base_digest IS NOT NULL AND {_WRITTEN}
                  UNION SELECT path, '' FROM files WHERE store = ?)""",  # noqa: S608
            (store, store),
        ).fetchone()
        return int(row[0])

    def unfinished(self, store: str, *, here: bool = False) -> Iterator[tuple[Key, Digest | None]]:
        """Keys on which base and what was heard, or the file last read, still differ; with each the
        content of its base if that is to be in a file, and was not when it was last looked at.

        `here`: only those that were ever agreed to be here, or are. To be used up at once.
        """
        gone = "AND NOT (e.base_digest IS NULL AND f.digest IS NULL)" if here else ""
        rows = self._connection.execute(
            f"""SELECT e.path, e.record,
                 iif(f.digest IS NULL AND e.local_digest IS NULL, e.base_digest, NULL)
               FROM entries e LEFT JOIN files f USING (store, path)
               WHERE e.store = ? AND (e.base_revision IS NULL
                 OR (e.remote_revision IS NOT NULL AND e.base_revision < e.remote_revision)
                 OR e.base_digest IS NOT f.digest) {gone}""",  # noqa: S608
            (store,),
        )
        return (
            (Key(store, path, record), Digest(lost) if lost else None)
            for path, record, lost in rows
        )

    def awaiting(self, digest: Digest) -> list[Key]:
        """Keys whose remote version is `digest` while their file is not known to hold it."""
        rows = self._connection.execute(
            """SELECT store, path, record FROM entries
               WHERE remote_digest = ? AND base_digest IS NOT remote_digest""",
            (digest,),
        )
        return [Key(*row) for row in rows.fetchall()]

    def witnesses(self, after: int, least: int, most: int) -> list[tuple[int, Witness]]:
        """(at, witness) of the snapshots heard last, tombstones too, newest first.

        Those heard behind `after`, at most `most`, and at least the last `least`.
        """
        rows = self._connection.execute(
            """SELECT remote_at, store, path, record, remote_revision, remote_digest,
                 receipt_revision FROM entries
               WHERE remote_at IS NOT NULL ORDER BY remote_at DESC LIMIT ?""",
            (most,),
        ).fetchall()
        return [
            (at, Witness(Key(*key), revision, Digest(digest) if digest else None, receipt))
            for place, (at, *key, revision, digest, receipt) in enumerate(rows)
            if place < least or at > after
        ]


def _remote_columns(snapshot: Snapshot) -> Columns:
    gone = snapshot.version if isinstance(snapshot.version, Tombstone) else TOMBSTONE
    return (*snapshot_columns(snapshot), gone.last, gone.moved_to, snapshot.at)
