"""What records files are to hold, key by key. Part of the ledger; runs inside its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from syncd.core.decision import Known, View
from syncd.core.model import NEVER, Digest, Key, Tombstone, Version
from syncd.core.recent import Recent
from syncd.ledger.rows import KEY, Columns, key_columns, to_snapshot, to_version, version_columns

ROWS = 20_000
"""Rows that are remembered as they were made of last: those of one file, or of many small ones."""


class Records:
    """The local side of the keys of records files, beside their bases and what was heard."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._last = Recent[Key, dict[str, tuple[Columns, Known]]](ROWS)

    def known(self, file: Key) -> dict[str, Known]:
        """What is known of each key of a file, by record; that of the envelope is empty."""
        rows = self._connection.execute(
            """SELECT record, local_digest, local_size, authored_digest,
                      base_revision, base_digest, base_size,
                      remote_revision, remote_digest, remote_size, remote_last, remote_at,
                      unseen
               FROM entries WHERE store = ? AND path = ?""",
            (file.store, file.path),
        )
        waiting, former = self._waiting(file), self._last.get(file) or {}
        # Most of thousands of rows are as they were at the last turn: those are not made anew.
        found = {
            row[0]: former[row[0]]
            if former.get(row[0], _NONE)[0] == row and row[0] not in waiting
            else (row if row[0] not in waiting else (), _known(row, waiting.get(row[0], {})))
            for row in rows
        }
        self._last.put(file, found, len(found))
        return {record: known for record, (_, known) in found.items()}

    def locals(self, file: Key) -> dict[str, Digest]:
        """What a file is to hold: the digest of each of its parts, by record."""
        rows = self._connection.execute(
            """SELECT record, local_digest FROM entries
               WHERE store = ? AND path = ? AND local_digest IS NOT NULL
               ORDER BY remote_at, record""",
            (file.store, file.path),
        )
        return {record: Digest(digest) for record, digest in rows}

    def keep(self, key: Key, local: Version) -> None:
        """The file is to hold `local` of `key`."""
        self._connection.execute(
            """INSERT INTO entries (store, path, record, local_digest, local_size)
               VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
               SET local_digest = excluded.local_digest, local_size = excluded.local_size""",
            (*key_columns(key), *version_columns(local)),
        )

    def wrote(self, file: Key) -> None:
        """The file was written, and programs may read in it what it is to hold."""
        self._connection.execute(
            """UPDATE entries SET shown_digest = local_digest
               WHERE store = ? AND path = ?
                 AND local_digest IS NOT NULL AND shown_digest IS NOT local_digest""",
            (file.store, file.path),
        )

    def met(self, keys: Iterable[Key]) -> None:
        """A save was seen of these: what was written before the first that this ledger sees is not
        known, and may be all that was agreed on until then.
        """
        self._connection.executemany(
            """UPDATE entries SET shown_digest = coalesce(base_digest, shown_digest)
               WHERE store = ? AND path = ? AND record = ? AND unseen""",
            [key_columns(key) for key in keys],
        )

    def ours(self, key: Key, authored: Version) -> list[Digest]:
        """What both sides agreed on since the file was seen to hold `authored`, oldest first.

        Up to what the file was last written with: what is to be written once its programs rest
        nobody has read. A program may have read it in the file and saved it since. A bounded
        number.
        """
        rows = self._connection.execute(
            f"SELECT digest FROM former WHERE {KEY} ORDER BY number",  # noqa: S608
            key_columns(key),
        ).fetchall()
        rows += self._connection.execute(
            f"SELECT base_digest FROM entries WHERE {KEY} AND base_digest IS NOT NULL",  # noqa: S608
            key_columns(key),
        ).fetchall()
        digests = self._shown(key, [Digest(row[0]) for row in rows])
        seen = None if isinstance(authored, Tombstone) else authored.digest
        while seen in digests:
            del digests[: digests.index(seen) + 1]
        return digests

    def _shown(self, key: Key, agreed: list[Digest]) -> list[Digest]:
        """Those that the file may have held at some time."""
        row = self._connection.execute(
            """SELECT shown_digest, unseen FROM entries
               WHERE store = ? AND path = ? AND record = ?""",
            key_columns(key),
        ).fetchone()
        if row is None or row[1]:
            return agreed  # Another ledger may have written them.
        if row[0] in agreed:
            return agreed[: len(agreed) - agreed[::-1].index(row[0])]
        # It was never agreed on as it was written, or so long ago that all of these came later.
        return [] if row[0] is None else [Digest(row[0])]

    def begin(self, store: str, device: str, there: Iterable[str]) -> None:
        """What the deployment has of `store` was heard by a ledger that knows no save of it.

        Files that are `there`, or that may have been, and those of which `device`, this one, wrote
        anything before, may have been known to a ledger that is gone; others were never here.
        """
        rows = self._connection.execute(
            "SELECT DISTINCT path FROM entries WHERE store = ? AND ? IN (remote_device, origin)",
            (store, device),
        ).fetchall()
        self._connection.executemany(
            """UPDATE entries SET unseen = 1
               WHERE store = ? AND path = ? AND authored_digest IS NULL
                 AND remote_digest IS NOT NULL""",
            [(store, path) for path in {*there, *(row[0] for row in rows)}],
        )

    def disown(self) -> None:
        """Saves were seen by another ledger, or will be: what they held is not known here."""
        self._connection.execute(
            """DELETE FROM files WHERE (store, path) IN (
                 SELECT store, path FROM entries WHERE local_digest IS NOT NULL)"""
        )
        self._connection.execute(
            """UPDATE entries SET unseen = 1, authored_digest = NULL
               WHERE local_digest IS NOT NULL"""
        )

    def absent(self, store: str) -> set[Key]:
        """Keys of the store that were agreed to be there, and that no file is to hold."""
        rows = self._connection.execute(
            """SELECT path, record FROM entries
               WHERE store = ? AND base_digest IS NOT NULL AND local_digest IS NULL""",
            (store,),
        )
        return {Key(store, path, record) for path, record in rows}

    def origin(self, key: Key) -> str | None:
        """The device that made a key, empty where none did; None: that was never told."""
        row = self._connection.execute(
            "SELECT origin FROM entries WHERE store = ? AND path = ? AND record = ?",
            key_columns(key),
        ).fetchone()
        return row[0] if row else None

    def paths(self, store: str) -> list[str]:
        """The files of the store of which anything is known."""
        rows = self._connection.execute(
            "SELECT DISTINCT path FROM entries WHERE store = ?", (store,)
        )
        return [row[0] for row in rows]

    def _waiting(self, file: Key) -> dict[str, dict[str, Version]]:
        """The rows of the outbox, by record and state."""
        found: dict[str, dict[str, Version]] = {}
        for record, state, digest, size in self._connection.execute(
            "SELECT record, state, digest, size FROM outbox WHERE store = ? AND path = ?",
            (file.store, file.path),
        ):
            found.setdefault(record, {})[state] = to_version(digest, size)
        return found


_NONE: tuple[None] = (None,)


def _known(row: Columns, waiting: Mapping[str, Version]) -> Known:
    view = View(to_snapshot(*row[4:7]), to_snapshot(*row[7:12]) or NEVER, waiting.get("sent"))
    queued = waiting.get("queued") or waiting.get("parked")
    local, authored = to_version(row[1], row[2]), to_version(row[3], 0)
    return Known(view, local, authored, queued, unseen=bool(row[12]))
