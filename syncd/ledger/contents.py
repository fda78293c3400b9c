"""Bytes by digest, compressed. Part of the ledger; runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

from syncd.core.model import Digest

_LEVEL = 1
"""zlib level: real stores shrink to a fifth at 1, and to a sixth at 6 for thrice the time."""


class Contents:
    """What the ledger keeps of file bytes until nothing refers to them any more."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, digest: Digest, body: bytes) -> None:
        """Keep `body`, whose SHA-256 is `digest`."""
        if not self.has(digest):
            self._connection.execute(
                "INSERT INTO contents VALUES (?, ?, ?)",
                (digest, len(body), zlib.compress(body, _LEVEL)),
            )

    def get(self, digest: Digest) -> bytes | None:
        """The bytes of `digest`, or None where they are not kept."""
        row = self._connection.execute(
            "SELECT packed FROM contents WHERE digest = ?", (digest,)
        ).fetchone()
        return zlib.decompress(row[0]) if row else None

    def size(self, digest: Digest) -> int | None:
        """How many bytes `digest` has, or None where they are not kept."""
        row = self._connection.execute(
            "SELECT size FROM contents WHERE digest = ?", (digest,)
        ).fetchone()
        return int(row[0]) if row else None

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of `digest` are kept."""
        return (
            self._connection.execute(
                "SELECT 1 FROM contents WHERE digest = ?", (digest,)
            ).fetchone()
            is not None
        )

    def lacking(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of `digests` whose bytes are not kept."""
        return {digest for digest in digests if not self.has(digest)}

    def drop_unreferenced(self) -> int:
        """Forget bytes that no entry, note, outbox row or conflict names; how many went."""
        return self._connection.execute(
            """DELETE FROM contents WHERE digest NOT IN (
                 SELECT base_digest FROM entries WHERE base_digest IS NOT NULL
                 UNION SELECT remote_digest FROM entries WHERE remote_digest IS NOT NULL
                 UNION SELECT authored_digest FROM entries WHERE authored_digest IS NOT NULL
                 UNION SELECT base_digest FROM notes WHERE base_digest IS NOT NULL
                 UNION SELECT expected FROM notes WHERE expected IS NOT NULL
                 UNION SELECT local_digest FROM entries WHERE local_digest IS NOT NULL
                 UNION SELECT digest FROM history WHERE record != ''
                 UNION SELECT digest FROM outbox WHERE digest IS NOT NULL
                 UNION SELECT base_digest FROM conflicts WHERE base_digest IS NOT NULL
                 UNION SELECT local_digest FROM conflicts WHERE local_digest IS NOT NULL
                 UNION SELECT remote_digest FROM conflicts WHERE remote_digest IS NOT NULL)"""
        ).rowcount
