"""The end of an epoch: what was agreed on becomes a hint, what was heard is forgotten.

Part of the ledger; runs inside the caller's transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from syncd.core.model import Digest, Key, Snapshot
from syncd.ledger.places import LEFT
from syncd.ledger.rows import key_columns, to_snapshot


@dataclass(frozen=True, slots=True)
class Memory:
    """What is remembered of a key from before the epoch, and what the deployment now holds.

    `local`: a records file is to hold something of it.
    """

    key: Key
    agreed: Digest | None
    remote: Snapshot
    local: bool


@dataclass(frozen=True, slots=True)
class Review:
    """An epoch ended; a person may want to look at what came of it. `since` in seconds."""

    since: float
    why: str


class Epochs:
    """Ends epochs, and keeps the digests that still count in the next."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def unsaved(self) -> list[tuple[Key, Digest]]:
        """Content that is queued or sent and is not what the file was last seen to hold."""
        rows = self._connection.execute(
            """SELECT o.store, o.path, o.record, o.digest
               FROM outbox o LEFT JOIN files f USING (store, path)
               WHERE o.state IN ('queued', 'sent') AND o.digest IS NOT NULL
                 AND o.digest IS NOT f.digest"""
        )
        return [(Key(*row[:3]), Digest(row[3])) for row in rows]

    def end(self) -> None:
        """Drop what is queued and sent; forget all revisions; every store is met anew."""
        for statement in (
            """INSERT OR REPLACE INTO agreed
               SELECT store, path, record, base_digest FROM entries
               WHERE base_revision IS NOT NULL""",
            "DELETE FROM outbox WHERE state IN ('queued', 'sent')",
            """UPDATE entries SET base_revision = NULL, base_digest = NULL, base_size = NULL,
                 remote_revision = NULL, remote_digest = NULL, remote_size = NULL,
                 remote_last = NULL, remote_moved_to = NULL, remote_at = NULL, remote_device = NULL,
                 authored_digest = iif(local_digest IS NULL, NULL, authored_digest),
                 receipt_revision = NULL""",
            # Of a folder that is away they are still to be settled (sim): a base that follows from
            # one would pass for agreed, and what the file holds be written over.
            "UPDATE notes SET base_revision = NULL, base_digest = NULL, base_size = NULL",
            """DELETE FROM meta
               WHERE name IN ('cursor', 'passed', 'old_copy', 'reaped', 'reaped_before')""",
            "UPDATE stores SET bootstrapped = 0",
        ):
            self._connection.execute(statement)

    def suspect(self) -> None:
        """This ledger is an old copy, whatever the deployment says: its epoch is to end."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('old_copy', '')")

    @property
    def is_old_copy(self) -> bool:
        """Whether the epoch is to end before anything is done on this ledger's word."""
        query = "SELECT 1 FROM meta WHERE name = 'old_copy'"
        return self._connection.execute(query).fetchone() is not None

    def begin_review(self, review: Review) -> None:
        """What the end of an epoch leads to is to be looked at."""
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES ('review', ?)", (f"{review.since} {review.why}",)
        )

    def review(self) -> Review | None:
        """The review that goes on, if one does."""
        query = "SELECT value FROM meta WHERE name = 'review'"
        row = self._connection.execute(query).fetchone()
        if row is None:
            return None
        since, _, why = str(row[0]).partition(" ")
        return Review(float(since), why)

    def end_review(self) -> None:
        """Nothing is left to look at."""
        self._connection.execute("DELETE FROM meta WHERE name = 'review'")

    def drop_notes(self) -> list[tuple[Key, str]]:
        """Forget every note; the keys, and the temporary names they spoke of.

        With that it is seen to that another ledger followed the files.
        """
        self._connection.execute("DELETE FROM meta WHERE name = ?", (LEFT,))
        rows = self._connection.execute("DELETE FROM notes RETURNING store, path, temporary")
        return [(Key(store, path), temporary) for store, path, temporary in rows.fetchall()]

    def remembered(self, store: str) -> list[Memory]:
        """The entries of `store` that the deployment now holds, with what was agreed before.

        But for envelopes of which no save is known: what was taken out of a queue by the word of
        an old copy would be taken out there too.
        """
        rows = self._connection.execute(
            """SELECT e.path, e.record, a.digest, e.local_digest,
                      e.remote_revision, e.remote_digest, e.remote_size, e.remote_last, e.remote_at
               FROM entries e JOIN agreed a USING (store, path, record)
               WHERE e.store = ? AND e.base_revision IS NULL AND e.remote_digest IS NOT NULL
                 AND NOT (e.unseen AND e.record = '')""",
            (store,),
        )
        return [
            Memory(
                Key(store, row[0], row[1]),
                Digest(row[2]) if row[2] else None,
                remote,
                row[3] is not None,
            )
            for row in rows
            if (remote := to_snapshot(*row[4:])) is not None
        ]

    def former(self, key: Key) -> Collection[Digest]:
        """The digests that were agreed on before the last one."""
        rows = self._connection.execute(
            "SELECT digest FROM former WHERE store = ? AND path = ? AND record = ?",
            key_columns(key),
        )
        return {Digest(row[0]) for row in rows}

    def pulled(self, contents: Iterable[tuple[Key, Digest]]) -> None:
        """Keys of which nothing is agreed take what the deployment holds of them.

        A deployment that was restored may hold less than was agreed before: what came after it,
        as far as is known, was not written over by it, and is no former version any more (sim).
        Of what was agreed on more than once the first time counts: a restore that was written over
        left it in the list once more, behind what is newer (sim).
        """
        if self._connection.execute("SELECT 1 FROM former LIMIT 1").fetchone() is None:
            return
        self._connection.executemany(
            """DELETE FROM former WHERE store = :store AND path = :path AND record = :record
                 AND number >= coalesce((SELECT min(number) FROM former f WHERE f.store = :store
                   AND f.path = :path AND f.record = :record AND f.digest = :digest), 0)
                 AND NOT EXISTS (SELECT 1 FROM entries WHERE store = :store AND path = :path
                   AND record = :record AND base_revision IS NOT NULL)""",
            [{**key._asdict(), "digest": digest} for key, digest in contents],
        )

    def settle(self, store: str) -> None:
        """Forget what was agreed on before the epoch: the store is bootstrapped."""
        self._connection.execute("DELETE FROM agreed WHERE store = ?", (store,))
