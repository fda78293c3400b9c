"""Queued rows whose content file storage must hold first. Part of the ledger, and of its outbox."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from syncd.core.model import Content, Digest, Intent, Key
from syncd.ledger.rows import key_columns

MOST = 1000
"""Rows looked at, at once: they are asked for anew after each upload."""


class Uploads:
    """The payloads among what is queued."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def wanted(self) -> list[tuple[Key, Content]]:
        """The queued rows whose content is to be uploaded first, bulk last, at most MOST."""
        rows = self._connection.execute(
            """SELECT store, path, record, digest, size FROM outbox INDEXED BY outbox_upload
               WHERE upload = 'wanted' AND state = 'queued' ORDER BY bulk, place LIMIT ?""",
            (MOST,),
        )
        return [(Key(*row[:3]), Content(Digest(row[3]), row[4])) for row in rows.fetchall()]

    def wants(self, key: Key, content: Content) -> bool:
        """Whether `content` is still to be uploaded for the queued row of `key`."""
        row = self._connection.execute(
            """SELECT 1 FROM outbox WHERE store = ? AND path = ? AND record = ? AND digest = ?
               AND state = 'queued' AND upload = 'wanted'""",
            (*key_columns(key), content.digest),
        ).fetchone()
        return row is not None

    def there(self, digests: Collection[Digest]) -> None:
        """File storage holds these: their rows may be sent."""
        self._connection.executemany(
            "UPDATE outbox SET upload = 'there' WHERE upload = 'wanted' AND digest = ?",
            [(digest,) for digest in digests],
        )

    def lacking(self, intent: Intent) -> None:
        """File storage does not hold what a sent row names: it is queued again, to be uploaded.

        A newer save that is queued already stands.
        """
        self._connection.execute(
            """UPDATE OR IGNORE outbox SET state = 'queued', upload = 'wanted',
                 expect_revision = NULL, expect_digest = NULL WHERE operation = ?""",
            (intent.operation,),
        )
        self._connection.execute(
            "DELETE FROM outbox WHERE operation = ? AND state = 'sent'", (intent.operation,)
        )
