"""What is to be sent, frozen once it was. Part of the ledger; runs inside its transactions.

Rows go queued -> sent -> gone, or sent -> parked. At most one sent and one queued row a key: a
newer save replaces the queued one only. The expectation is taken from the base at the claim.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from syncd.core.decision import Decision
from syncd.core.model import (
    Content,
    Digest,
    Format,
    Intent,
    Key,
    Kind,
    OperationId,
    Refused,
    Version,
)
from syncd.ledger.contents import Contents
from syncd.ledger.rows import key_columns, to_version, version_columns

_KEY = "store = ? AND path = ? AND record = ?"
_INTENT = """o.operation, o.store, o.path, o.record, o.kind, o.format, o.digest, o.size,
             o.expect_revision, o.expect_digest"""


class Outbox:
    """The queue of intents, in the order of the saves."""

    def __init__(self, connection: sqlite3.Connection, contents: Contents) -> None:
        self._connection = connection
        self._contents = contents

    def sent(self, key: Key) -> Version | None:
        """The version of the sent row of `key`, or None where no answer is awaited."""
        row = self._connection.execute(
            f"SELECT digest, size FROM outbox WHERE {_KEY} AND state = 'sent'",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return to_version(*row) if row else None

    def queue(self, decision: Decision, version: Version, now: float) -> None:
        """Queue `version`, in place of what was queued or parked before."""
        key = decision.key
        if self._parked_as(key, version):
            return
        self.drop(key)
        if isinstance(version, Content) and decision.body is not None:
            self._contents.put(version.digest, decision.body)
        digest, size = version_columns(version)
        self._connection.execute(
            """INSERT INTO outbox (operation, store, path, record, kind, format, digest, size,
                                   state, since) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'queued', ?)""",
            (
                decision.operation, *key_columns(key), decision.kind, decision.format,
                digest, size or 0, now,
            ),
        )  # fmt: skip

    def drop(self, key: Key) -> None:
        """Forget what is queued or parked for `key`; a sent row stays."""
        self._connection.execute(
            f"DELETE FROM outbox WHERE {_KEY} AND state != 'sent'",  # noqa: S608
            key_columns(key),
        )

    def claim(
        self, most: int, most_bytes: int, guarded: Collection[str], paused: Collection[str]
    ) -> list[Intent]:
        """Freeze the next queued rows as sent and return them, oldest first.

        At most `most` rows and `most_bytes` of text, what it replaces counted too; one larger
        row goes alone. Deletions of the stores in `guarded` stay queued, and all of the stores in
        `paused`.
        """
        marks, pauses = ",".join("?" * len(guarded)), ",".join("?" * len(paused))
        rows = self._connection.execute(
            f"""SELECT {_INTENT}, e.base_revision, e.base_digest, e.base_size
                FROM outbox o JOIN entries e USING (store, path, record)
                WHERE o.state = 'queued' AND e.base_revision IS NOT NULL
                  AND NOT (o.digest IS NULL AND o.store IN ({marks}))
                  AND o.store NOT IN ({pauses})
                  AND NOT EXISTS (SELECT 1 FROM outbox s WHERE s.state = 'sent'
                    AND s.store = o.store AND s.path = o.path AND s.record = o.record)
                ORDER BY o.place LIMIT ?""",  # noqa: S608
            (*guarded, *paused, most),
        ).fetchall()
        claimed: list[Intent] = []
        total = 0
        for row in rows:
            total += row[7] + (row[12] or 0)
            if claimed and total > most_bytes:
                break
            self._connection.execute(
                """UPDATE outbox SET state = 'sent', expect_revision = ?, expect_digest = ?
                   WHERE operation = ?""",
                (row[10], row[11], row[0]),
            )
            claimed.append(self._intent((*row[:8], row[10], row[11])))
        return claimed

    def unanswered(self) -> list[Intent]:
        """Every sent row, oldest first: to be sent again just as it was."""
        rows = self._connection.execute(
            f"SELECT {_INTENT} FROM outbox o WHERE o.state = 'sent' ORDER BY o.place"  # noqa: S608
        ).fetchall()
        return [self._intent(row) for row in rows]

    def remove(self, operation: OperationId) -> bool:
        """The row was answered. False where an earlier answer had removed it."""
        return (
            self._connection.execute(
                "DELETE FROM outbox WHERE operation = ?", (operation,)
            ).rowcount
            > 0
        )

    def park(self, intent: Intent, refused: Refused) -> None:
        """The row was refused for good: keep it in sight until the next save or a retry."""
        self._connection.execute(
            f"DELETE FROM outbox WHERE {_KEY} AND state = 'parked'",  # noqa: S608
            key_columns(intent.key),
        )
        self._connection.execute(
            "UPDATE outbox SET state = 'parked', reason = ?, detail = ? WHERE operation = ?",
            (refused.reason, refused.detail, intent.operation),
        )

    def retry(self, reason: str | None = None, key: Key | None = None) -> list[Key]:
        """Queue again what is parked: for `reason`, of `key`, or all of it; the keys of that.

        A newer save that is queued already stands.
        """
        rows = self._connection.execute(
            """UPDATE OR IGNORE outbox SET state = 'queued', reason = NULL, detail = NULL,
                 expect_revision = NULL, expect_digest = NULL
               WHERE state = 'parked' AND (?1 IS NULL OR reason = ?1)
                 AND (?2 IS NULL OR (store = ?2 AND path = ?3 AND record = ?4))
               RETURNING store, path, record""",
            (reason, *(key_columns(key) if key else (None, None, None))),
        )
        return [Key(*row) for row in rows.fetchall()]

    def deleting(self) -> list[str]:
        """The stores that have a deletion queued."""
        rows = self._connection.execute(
            "SELECT DISTINCT store FROM outbox WHERE state = 'queued' AND digest IS NULL"
        )
        return [row[0] for row in rows]

    def newest(self, store: str | None = None) -> float | None:
        """When the last row that is queued, of `store` or of all, was; None where none is.

        Seconds since the epoch. Rows that are sent or parked do not count.
        """
        chosen, values = ("", ()) if store is None else ("AND store = ?", (store,))
        row = self._connection.execute(
            f"""SELECT since FROM outbox WHERE state = 'queued' {chosen}
                ORDER BY place DESC LIMIT 1""",  # noqa: S608
            values,
        ).fetchone()
        return float(row[0]) if row else None

    def pending(self, key: Key) -> str | None:
        """The state of the newest row of `key`: queued, sent or parked; None where none is."""
        row = self._connection.execute(
            f"SELECT state FROM outbox WHERE {_KEY} ORDER BY place DESC LIMIT 1",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return row[0] if row else None

    def count(self) -> dict[str, int]:
        """How many rows are in each state."""
        return dict(self._connection.execute("SELECT state, count(*) FROM outbox GROUP BY state"))

    def _parked_as(self, key: Key, version: Version) -> bool:
        row = self._connection.execute(
            f"SELECT digest, size FROM outbox WHERE {_KEY} AND state = 'parked'",  # noqa: S608
            key_columns(key),
        ).fetchone()
        return row is not None and to_version(*row) == version

    def _intent(self, row: tuple[object, ...]) -> Intent:
        operation, store, path, record, kind, format, digest, size, revision, expected = row
        body = self._contents.get(Digest(str(digest))) if digest else None
        return Intent(
            OperationId(str(operation)),
            Key(str(store), str(path), str(record)),
            Kind(str(kind)),
            Format(str(format)),
            to_version(str(digest) if digest else None, int(str(size))),
            int(str(revision)),
            Digest(str(expected)) if expected else None,
            body,
        )
