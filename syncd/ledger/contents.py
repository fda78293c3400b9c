"""Bytes by digest, compressed. Part of the ledger; runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from syncd.core.model import Digest
from syncd.errors import LedgerDamaged
from syncd.ledger import many
from syncd.ledger.connection import DAMAGED

_LEVEL = 1
"""zlib level: real stores shrink to a fifth at 1, and to a sixth at 6 for thrice the time."""

_SMALL = 8 * 1024
"""Bytes that fit into a small window. To make the usual one ready, a quarter of a megabyte, takes
ten times as long as to compress 2 KB."""

_AT_HAND = 2 * 1024 * 1024
"""Bytes that are held in memory until they are asked for: what a turn queues is claimed in a
moment, and what is heard is written to its file."""

_PATIENCE = 64
"""Times that bytes were put since, after which what nobody asked for makes room for others. Until
then the first stay: they are asked for first, and of a first mirror, where more is queued than is
held, to let those go left none that was."""

_DIGEST = "substr(digest, 1, 8) = substr(:digest, 1, 8) AND +digest = :digest"
"""Found by the index of what digests begin with. Without the plus SQLite puts the value in place of
the column, in the first condition too, and then looks at every row."""


class Contents:
    """What the ledger keeps of file bytes until nothing refers to them any more."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._at_hand: dict[Digest, tuple[int, bytes]] = {}
        self._held = 0
        self._puts = 0

    def put(self, digest: Digest, body: bytes) -> None:
        """Keep `body`, whose SHA-256 is `digest`."""
        self.put_all({digest: body})

    def put_all(self, bodies: Mapping[Digest, bytes], *, soon: bool = True) -> None:
        """Keep `bodies` by their SHA-256. `soon`: they will be asked for in a moment."""
        lacking = self.lacking(bodies)
        many.write(
            self._connection,
            "INSERT INTO contents (digest, size, packed) {rows}",
            [(name, len(body), _packed(body)) for name, body in bodies.items() if name in lacking],
        )
        if soon and bodies:
            self._puts += 1
            for digest, body in bodies.items():
                self._hold(digest, body)

    def _hold(self, digest: Digest, body: bytes) -> None:
        self._take(digest)
        while self._at_hand and self._held + len(body) > _AT_HAND:
            first, (put, _) = next(iter(self._at_hand.items()))
            if self._puts - put < _PATIENCE:
                return
            self._take(first)
        if len(body) <= _AT_HAND:
            self._at_hand[digest] = self._puts, body
            self._held += len(body)

    def _take(self, digest: Digest) -> bytes | None:
        _, body = self._at_hand.pop(digest, (0, None))
        self._held -= len(body or b"")
        return body

    def get(self, digest: Digest) -> bytes | None:
        """The bytes of `digest`, or None where they are not kept. What is handed out is not held
        at hand any longer: hardly anything is asked for twice. Raises LedgerDamaged.
        """
        if (body := self._take(digest)) is not None:
            return body
        row = self._one("packed", digest)
        try:
            return zlib.decompress(row[0]) if row else None
        except zlib.error as error:
            raise LedgerDamaged(
                f"the ledger is damaged: what it keeps as {digest} does not unpack; {error}",
                DAMAGED,
            ) from error

    def size(self, digest: Digest) -> int | None:
        """How many bytes `digest` has, or None where they are not kept."""
        row = self._one("size", digest)
        return int(row[0]) if row else None

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of `digest` are kept."""
        return self._one("1", digest) is not None

    def let_go(self) -> None:
        """Hold nothing at hand: what was put may not be kept after all."""
        self._at_hand, self._held = {}, 0

    def _one(self, column: str, digest: Digest) -> tuple[Any, ...] | None:
        query = f"SELECT {column} FROM contents WHERE {_DIGEST}"  # noqa: S608
        row: tuple[Any, ...] | None = self._connection.execute(query, {"digest": digest}).fetchone()
        return row

    def lacking(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of `digests` whose bytes are not kept."""
        rows = many.read(self._connection, _LACKING, [(digest,) for digest in digests])
        return {row[0] for row in rows}

    def drop_unreferenced(self) -> int:
        """Forget bytes that no entry, note, outbox row or conflict names; how many went."""
        self.let_go()
        return self._connection.execute(
            f"DELETE FROM contents WHERE {' AND '.join(_UNNAMED)}"  # noqa: S608
        ).rowcount


_NAMED = (
    ("entries", "base_digest"), ("entries", "remote_digest"), ("entries", "authored_digest"),
    ("entries", "local_digest"), ("entries", "shown_digest"), ("notes", "base_digest"),
    ("notes", "expected"), ("outbox", "digest"), ("conflicts", "base_digest"),
    ("conflicts", "local_digest"), ("conflicts", "remote_digest"),
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

_LACKING = """SELECT column1 FROM ({rows}) WHERE NOT EXISTS (
                SELECT 1 FROM contents
                WHERE substr(digest, 1, 8) = substr(column1, 1, 8) AND digest = column1)"""


def _packed(body: bytes) -> bytes:
    if len(body) > _SMALL:
        return zlib.compress(body, _LEVEL)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, wbits=13, memLevel=6)
    return packer.compress(body) + packer.flush()
