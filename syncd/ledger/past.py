"""The index of the history folder: which version of which path was replaced when, and why.

Part of the ledger; runs inside its transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from syncd.core.model import Digest, Key
from syncd.core.retention import Replaced
from syncd.ledger.rows import KEY, key_columns

_UNHELD = ("conflict", "late", "unsent")
"""Why bytes are kept that were never under the file's name."""

_HELD = (
    "pulled", "removed", "merged", "pushed", "deleted", "moved", "resolved", "undone", "restored",
)  # fmt: skip
"""Events that tell what a file holds from then on."""


_GONE = """EXISTS (SELECT 1 FROM stores s WHERE s.store = h.store AND s.bootstrapped)
    AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.store = h.store AND e.path = h.path
      AND e.record = h.record AND (e.base_revision IS NULL OR e.base_digest NOT NULL))
    AND (h.record != '' OR NOT EXISTS (
      SELECT 1 FROM files f WHERE f.store = h.store AND f.path = h.path))"""
"""Nothing is there; of a store that is met anew, or is no more, nobody knows."""


class Past:
    """Versions that files had."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def replaced(self, key: Key, digest: Digest, why: str, now: float) -> None:
        """Index bytes that went into the history folder."""
        self._connection.execute(
            """INSERT INTO history (store, path, record, digest, why, since)
               VALUES (?, ?, ?, ?, ?, ?)""",
            (*key_columns(key), digest, why, now),
        )

    def known(self, key: Key, digest: Digest, why: str) -> bool:
        """Whether the bytes are on the index of this path for that reason."""
        row = self._connection.execute(
            f"SELECT 1 FROM history WHERE {KEY} AND digest = ? AND why = ?",  # noqa: S608
            (*key_columns(key), digest, why),
        ).fetchone()
        return row is not None

    def page(self, after: int, most: int) -> list[Replaced]:
        """Up to `most` rows behind number `after`, in the order of their numbers."""
        rows = self._connection.execute(
            f"""SELECT number, store, path || iif(record = '', '', '#' || record), digest, since,
                       {_GONE}
                FROM history h WHERE number > ? ORDER BY number LIMIT ?""",  # noqa: S608
            (after, most),
        )
        return [
            Replaced(number, store, path, digest, since, bool(gone))
            for number, store, path, digest, since, gone in rows
        ]

    def forget(self, versions: Iterable[Replaced]) -> None:
        """Take rows off the index."""
        self._connection.executemany(
            "DELETE FROM history WHERE number = ?", [(version.number,) for version in versions]
        )

    def at(self, key: Key, time: float) -> tuple[bool, Digest | None]:
        """(whether it is known, what the file held at `time`); None: there was no file.

        A save counts from when it was mirrored; what is known only because it was replaced
        later counts for all the time before, unless the key's first revision is from after it.
        """
        marks = ",".join("?" * len(_HELD))
        row = self._connection.execute(
            f"""SELECT digest FROM events WHERE {KEY} AND at <= ?
                AND what IN ({marks}) ORDER BY at DESC, number DESC LIMIT 1""",  # noqa: S608
            (*key_columns(key), time, *_HELD),
        ).fetchone()
        if row is None and self._born_after(key, time):
            return False, None
        if row is None:
            row = self._connection.execute(
                f"""SELECT digest FROM history WHERE {KEY} AND since > ? AND why NOT IN (?, ?, ?)
                   ORDER BY since, number LIMIT 1""",  # noqa: S608
                (*key_columns(key), time, *_UNHELD),
            ).fetchone()
        return row is not None, Digest(row[0]) if row and row[0] else None

    def newest(self, key: Key, since: float) -> Digest | None:
        """What the file was told to hold last, at `since` or later; None: nothing, or not told."""
        marks = ",".join("?" * len(_HELD))
        row = self._connection.execute(
            f"""SELECT digest FROM events WHERE {KEY} AND at >= ?
                AND what IN ({marks}) ORDER BY at DESC, number DESC LIMIT 1""",  # noqa: S608
            (*key_columns(key), since, *_HELD),
        ).fetchone()
        return Digest(row[0]) if row and row[0] else None

    def _born_after(self, key: Key, time: float) -> bool:
        """Whether what is first remembered of `key` after `time` is that it began there."""
        row = self._connection.execute(
            f"""SELECT what IN ('pushed', 'pulled', 'moved') AND revision = 1 FROM events
                WHERE {KEY} AND at > ? ORDER BY at, number LIMIT 1""",  # noqa: S608
            (*key_columns(key), time),
        ).fetchone()
        return row is not None and bool(row[0])

    def agreed(self, key: Key, most: int) -> list[Digest]:
        """What was agreed on last and before: up to `most` and one, the newest first."""
        rows = self._connection.execute(
            f"""SELECT base_digest FROM entries WHERE {KEY} AND base_digest IS NOT NULL
                UNION ALL SELECT * FROM (
                  SELECT digest FROM former WHERE {KEY} ORDER BY number DESC LIMIT ?)""",  # noqa: S608
            (*key_columns(key), *key_columns(key), most),
        )
        return [Digest(digest) for (digest,) in rows]

    def below(self, store: str, folder: str) -> list[str]:
        """The files below a folder of which anything is remembered, in order; "": of the store."""
        within = {"store": store, "folder": folder, "first": f"{folder}/", "past": f"{folder}0"}
        # "0" comes next behind "/".
        where = "store = :store AND (:folder = '' OR path > :first AND path < :past)"
        rows = self._connection.execute(
            f"""SELECT path FROM events WHERE {where}
                UNION SELECT path FROM history WHERE {where}
                UNION SELECT path FROM entries WHERE {where} ORDER BY path""",  # noqa: S608
            within,
        )
        return [path for (path,) in rows]

    def last(self, key: Key) -> Digest | None:
        """What the file held last before it was gone; None where that is not remembered, or it
        lives on under another name.
        """
        marks = ",".join("?" * len(_HELD))
        rows = self._connection.execute(
            f"""SELECT what, digest FROM events WHERE {KEY} AND what IN ({marks})
                ORDER BY number DESC""",  # noqa: S608
            (*key_columns(key), *_HELD),
        ).fetchall()
        if rows and rows[0] == ("moved", None):
            return None
        told = next((digest for _, digest in rows if digest), None)
        return told or self._kept(key)

    def _kept(self, key: Key) -> Digest | None:
        """The base, or else the version that was replaced last."""
        marks = ",".join("?" * len(_UNHELD))
        row = self._connection.execute(
            f"""SELECT base_digest FROM entries WHERE {KEY} AND base_digest IS NOT NULL
                UNION ALL SELECT * FROM (SELECT digest FROM history WHERE {KEY}
                  AND why NOT IN ({marks}) ORDER BY number DESC LIMIT 1) LIMIT 1""",  # noqa: S608
            (*key_columns(key), *key_columns(key), *_UNHELD),
        ).fetchone()
        return Digest(row[0]) if row else None

    def revision(self, key: Key, revision: int) -> Digest | None:
        """The digest of a revision of a path, None where it is not remembered."""
        place = (*key_columns(key), str(revision))  # As text: see Conflicts.get.
        row = self._connection.execute(
            f"""SELECT digest FROM events WHERE {KEY} AND revision = ?
                 AND digest IS NOT NULL AND what != 'merged'
               UNION SELECT base_digest FROM entries
                 WHERE {KEY} AND base_revision = ? AND base_digest IS NOT NULL
               UNION SELECT remote_digest FROM entries
                 WHERE {KEY} AND remote_revision = ?
                   AND remote_digest IS NOT NULL
               LIMIT 1""",  # noqa: S608
            place * 3,
        ).fetchone()
        return Digest(row[0]) if row else None

    def starting(self, key: Key, prefix: str) -> set[Digest]:
        """The digests of versions of a path that start with `prefix`."""
        place = (*key_columns(key), len(prefix), prefix)
        rows = self._connection.execute(
            f"""SELECT digest FROM events
                 WHERE {KEY} AND substr(digest, 1, ?) = ?
               UNION SELECT digest FROM history
                 WHERE {KEY} AND substr(digest, 1, ?) = ?
               UNION SELECT base_digest FROM conflicts
                 WHERE {KEY} AND substr(base_digest, 1, ?) = ?
               UNION SELECT local_digest FROM conflicts
                 WHERE {KEY} AND substr(local_digest, 1, ?) = ?""",  # noqa: S608
            place * 4,
        )
        return {Digest(row[0]) for row in rows}
