"""Bytes by digest, compressed. Part of the ledger; runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

from syncd.core.model import Digest

_LEVEL = 1
"""zlib level: real stores shrink to a fifth at 1, and to a sixth at 6 for thrice the time."""

_SMALL = 8 * 1024
"""Bytes that fit into a small window. To make the usual one ready, a quarter of a megabyte, takes
ten times as long as to compress 2 KB."""


class Contents:
    """What the ledger keeps of file bytes until nothing refers to them any more."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, digest: Digest, body: bytes) -> None:
        """Keep `body`, whose SHA-256 is `digest`."""
        if not self.has(digest):
            self._connection.execute(
                "INSERT INTO contents VALUES (?, ?, ?)",
                (digest, len(body), _packed(body)),
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
            f"DELETE FROM contents WHERE {' AND '.join(_UNNAMED)}"  # noqa: S608
        ).rowcount


_NAMED = (
    ("entries", "base_digest"), ("entries", "remote_digest"), ("entries", "authored_digest"),
    ("entries", "local_digest"), ("notes", "base_digest"), ("notes", "expected"),
    ("outbox", "digest"), ("conflicts", "base_digest"), ("conflicts", "local_digest"),
    ("conflicts", "remote_digest"),
)  # fmt: skip
"""The columns that name bytes, the one that names most of them first."""

_UNNAMED = (
    # One condition each: a digest that an earlier one names is not looked for in the others, and
    # of those that are never asked no index is made. One set of all took twice as long.
    *(
        f"digest NOT IN (SELECT {column} FROM {table} WHERE {column} IS NOT NULL)"  # noqa: S608
        for table, column in _NAMED
    ),
    "digest NOT IN (SELECT digest FROM history WHERE record != '')",
)


def _packed(body: bytes) -> bytes:
    if len(body) > _SMALL:
        return zlib.compress(body, _LEVEL)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, wbits=13, memLevel=6)
    return packer.compress(body) + packer.flush()
