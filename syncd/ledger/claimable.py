"""Which queued rows may be sent now, and which of them next. Part of the ledger's outbox.

Rows that were queued with many others are *bulk*. They and the rest are claimed by turns, so that
a save does not wait for a first mirror, nor that for saves without end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from syncd.core.decision import Decision
from syncd.core.model import Key
from syncd.ledger import many

_CLAIMED = """o.operation, o.store, o.path, o.record, o.kind, o.format, o.digest, o.size,
              e.base_revision, e.base_digest, e.base_size, o.target"""
_SENT = """EXISTS (SELECT 1 FROM outbox s WHERE s.state = 'sent' AND s.store = {0}.store
             AND s.path = {0}.path AND s.record = {0}.record)"""
_NEWS = "coalesce({0}.remote_revision, 0) > {0}.base_revision"
"""The key was written over there since its base. RACE: what is queued for it would be stale, and
the turn that takes up the news, and may be writing the file by now, must find no sent row."""
_WAITING = f"""EXISTS (
    SELECT 1 FROM outbox t JOIN entries f USING (store, path, record)
    WHERE t.operation = o.target
      AND (t.state != 'queued' OR f.base_revision IS NULL OR f.base_digest IS NOT NULL
           OR t.digest IS NOT e.base_digest OR {_NEWS.format("f")} OR {_SENT.format("t")}))"""  # noqa: S608
"""A deletion whose target is not there yet, and cannot be made in the same operation."""


@dataclass(frozen=True, slots=True)
class Claim:
    """How much is wanted: at most `most` rows and `most_bytes` of text.

    Deletions of the stores in `guarded` stay queued, those of the stores in `doubted` unless they
    are one half of a move, and all of the stores in `paused`.
    """

    most: int
    most_bytes: int
    guarded: Collection[str] = ()
    paused: Collection[str] = ()
    doubted: Collection[str] = ()


class Claimable:
    """Rows of the outbox beside what is agreed of their keys: what an intent is made of."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._bulk_next = False
        self._noticed: set[Key] | None = None

    def next(self, claim: Claim) -> list[tuple[Any, ...]]:
        """The oldest rows, as many as may be: all of them bulk, or none. See Outbox.claim."""
        if found := self._of(claim, bulk=self._bulk_next):
            self._bulk_next = not self._bulk_next
            return found
        return self._of(claim, bulk=not self._bulk_next)

    def queued(self, most: int) -> tuple[int, bool]:
        """How many rows are queued that wait for no upload, counted up to `most`, and whether any
        of those is bulk.
        """
        row = self._connection.execute(
            """SELECT count(*), max(bulk) FROM (
                 SELECT bulk FROM outbox WHERE state = 'queued' AND upload IS NOT 'wanted'
                 LIMIT ?)""",
            (most,),
        ).fetchone()
        return int(row[0]), bool(row[1])

    def deleting(self) -> list[str]:
        """The stores that have a deletion queued."""
        rows = self._connection.execute(
            """SELECT DISTINCT store FROM outbox INDEXED BY outbox_deletions
               WHERE state = 'queued' AND digest IS NULL"""
        )
        return [row[0] for row in rows]

    def target(self, operation: str | None) -> tuple[Any, ...] | None:
        """The row of an operation; None where there is none."""
        if operation is None:
            return None
        row = self._connection.execute(
            f"""SELECT {_CLAIMED} FROM outbox o JOIN entries e USING (store, path, record)
                WHERE o.operation = ?""",  # noqa: S608
            (operation,),
        ).fetchone()
        return tuple(row) if row else None

    def moving(self, key: Key) -> Key | None:
        """Where the file of `key` is, whose deletion is queued as half of a move, and which was
        last read or written as it is to be sent. None where none is.
        """
        row = self._connection.execute(
            """SELECT t.store, t.path FROM outbox o JOIN outbox t ON t.operation = o.target
                 JOIN files f ON f.store = t.store AND f.path = t.path AND f.digest = t.digest
               WHERE o.state = 'queued' AND o.store = ? AND o.path = ? AND o.record = ?""",
            key,
        ).fetchone()
        return Key(*row) if row else None

    def tie(self, queued: Sequence[Decision]) -> None:
        """Have deletions go with the rows of their targets, either of which may have been queued
        before, under another operation.
        """
        keys = {each.operation: each.key for each in queued if each.target is None}
        halves = [(keys[each.target], each.key) for each in queued if each.target in keys]
        self._connection.executemany(
            """UPDATE outbox SET target = t.operation
               FROM (SELECT operation FROM outbox
                     WHERE state = 'queued' AND store = ? AND path = ? AND record = ?) t
               WHERE state = 'queued' AND digest IS NULL
                 AND store = ? AND path = ? AND record = ?""",
            [(*target, *key) for target, key in halves],
        )

    @contextmanager
    def noticed(self) -> Iterator[Set[Key]]:
        """The keys of what is claimed in the block, which grow while it runs."""
        self._noticed = noticed = set[Key]()
        try:
            yield noticed
        finally:
            self._noticed = None

    def freeze(self, rows: Sequence[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
        """Mark rows as sent: each as it was queued, and as it is sent."""
        many.write(
            self._connection,
            """UPDATE outbox SET state = 'sent', operation = n.column2,
                 expect_revision = n.column3, expect_digest = n.column4
               FROM ({rows}) n WHERE operation = n.column1""",
            [(queued[0], sent[0], sent[8], sent[9]) for queued, sent in rows],
        )
        if self._noticed is not None:
            self._noticed.update(Key(*queued[1:4]) for queued, _ in rows)
        query = "SELECT 1 FROM outbox WHERE target IS NOT NULL LIMIT 1"
        if self._connection.execute(query).fetchone() is None:
            return  # As good as always, and then thousands of rows cost nothing.
        self._connection.executemany(
            "UPDATE outbox SET target = ? WHERE target = ?",
            [(sent[0], queued[0]) for queued, sent in rows],
        )

    def _of(self, claim: Claim, *, bulk: bool) -> list[tuple[Any, ...]]:
        marks = ",".join("?" * len(claim.guarded))
        pauses = ",".join("?" * len(claim.paused))
        doubts = ",".join("?" * len(claim.doubted))
        return self._connection.execute(
            f"""SELECT {_CLAIMED} FROM outbox o JOIN entries e USING (store, path, record)
                WHERE o.state = 'queued' AND o.bulk = {bulk:d} AND e.base_revision IS NOT NULL
                  AND o.upload IS NOT 'wanted'
                  AND NOT (o.digest IS NULL AND o.store IN ({marks}))
                  AND NOT (o.digest IS NULL AND o.target IS NULL AND o.store IN ({doubts}))
                  AND o.store NOT IN ({pauses})
                  AND NOT ({_NEWS.format("e")}) AND NOT {_SENT.format("o")} AND NOT {_WAITING}
                ORDER BY o.place LIMIT ?""",  # noqa: S608
            (*claim.guarded, *claim.doubted, *claim.paused, claim.most),
        ).fetchall()
