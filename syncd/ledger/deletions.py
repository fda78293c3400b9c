"""Deletions: which went lately, which wait for a person. Part of the ledger.

Runs inside the caller's transactions. All of it survives a restart: a window does not start anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal

from syncd.core.guard import Direction
from syncd.core.model import Digest, Key

_OF = "store = ? AND direction = ?"
_QUEUED = """AND EXISTS (
    SELECT 1 FROM outbox o WHERE o.store = d.store AND o.path = d.path AND o.record = d.record
      AND o.state = 'queued' AND o.digest IS NULL)"""

State = Literal["gone", "waiting", "approved", "spent"]


class Deletions:
    """Deletions that were let through, wait, or were approved, by key and direction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.approvals = True
        """False where it is certain that no approval is remembered, which a rollback undoes."""

    def put(
        self, direction: Direction, deletions: Mapping[Key, Digest], state: State, now: float
    ) -> None:
        """Each of `deletions` is in `state` now; what was in it already stays so since then."""
        self._connection.executemany(
            """INSERT INTO deletions VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
               SET since = CASE WHEN state = excluded.state AND digest = excluded.digest
                             THEN since ELSE excluded.since END,
                 state = excluded.state, digest = excluded.digest""",
            [
                (key.store, direction, key.path, key.record, digest, state, now)
                for key, digest in deletions.items()
            ],
        )

    def states(
        self, direction: Direction, keys: Iterable[Key]
    ) -> dict[Key, tuple[Digest, State, float]]:
        """Those of `keys` whose deletion is known of: its digest, its state, and since when."""
        found: dict[Key, tuple[Digest, State, float]] = {}
        for key in keys:
            row = self._connection.execute(
                f"SELECT digest, state, since FROM deletions WHERE {_OF} "  # noqa: S608
                "AND path = ? AND record = ?",
                (key.store, direction, key.path, key.record),
            ).fetchone()
            if row is not None:
                found[key] = (Digest(row[0]), row[1], row[2])
        return found

    def listed(
        self,
        state: State,
        store: str,
        direction: Direction,
        after: float = float("-inf"),
        *,
        queued: bool = False,
    ) -> dict[Key, Digest]:
        """The deletions that came into `state` behind `after`; "waiting" is for a person.

        `queued`: of those to the deployment only what can still be taken back.
        """
        rows = self._connection.execute(
            f"SELECT path, record, digest FROM deletions d WHERE {_OF} "  # noqa: S608
            f"AND state = ? AND since > ? {_QUEUED if queued else ''}",
            (store, direction, state, after),
        )
        return {Key(store, path, record): Digest(digest) for path, record, digest in rows}

    def any_of(self, store: str, direction: Direction, digests: Iterable[Digest]) -> bool:
        """Whether a deletion of one of these contents is known of."""
        query = f"SELECT 1 FROM deletions WHERE {_OF} AND digest = ?"  # noqa: S608
        return any(
            self._connection.execute(query, (store, direction, digest)).fetchone()
            for digest in digests
        )

    def drop(self, direction: Direction, keys: Iterable[Key]) -> None:
        """Forget that `keys` wait."""
        self._drop(direction, keys, "waiting")

    def approvals_left(self) -> bool:
        """Whether any approval is remembered, spent or not."""
        if self.approvals:  # Every turn asks, and thousands may wait.
            query = "SELECT 1 FROM deletions WHERE state IN ('approved', 'spent')"
            self.approvals = self._connection.execute(query).fetchone() is not None
        return self.approvals

    def forget_approvals(self, direction: Direction, keys: Iterable[Key]) -> None:
        """Forget that the deletions of `keys` were approved, whether that is spent or not."""
        self._drop(direction, keys, "approved", "spent")

    def _drop(self, direction: Direction, keys: Iterable[Key], *states: State) -> None:
        self._connection.executemany(
            f"DELETE FROM deletions WHERE {_OF} AND path = ? AND record = ? "  # noqa: S608
            f"AND state IN ({','.join('?' * len(states))})",
            [(key.store, direction, key.path, key.record, *states) for key in keys],
        )

    def forget_before(self, when: float) -> None:
        """Forget what went before `when`; what waits or is approved stays."""
        self._connection.execute(
            "DELETE FROM deletions WHERE state IN ('gone', 'spent') AND since < ?", (when,)
        )

    def approve(self, store: str, now: float) -> int:
        """Let go what waits, once; how many that is."""
        self.approvals = True
        return self._connection.execute(
            """UPDATE deletions SET state = 'approved', since = ?
               WHERE store = ? AND state = 'waiting'""",
            (now, store),
        ).rowcount

    def withdraw(self, store: str, now: float) -> None:
        """Deletions that are queued and not sent wait too: they are taken out of the outbox."""
        where = "o.store = ? AND o.state = 'queued' AND o.digest IS NULL"
        self._connection.execute(
            f"""INSERT INTO deletions
                SELECT o.store, 'to_remote', o.path, o.record, e.base_digest, 'waiting', ?
                FROM outbox o JOIN entries e USING (store, path, record)
                WHERE {where} AND e.base_digest IS NOT NULL
                ON CONFLICT DO UPDATE SET state = 'waiting', since = excluded.since
                  WHERE state = 'gone'""",  # noqa: S608
            (now, store),
        )
        self._connection.execute(
            f"""DELETE FROM outbox AS o WHERE {where} AND EXISTS (
                  SELECT 1 FROM deletions d WHERE d.store = o.store AND d.path = o.path
                    AND d.record = o.record AND d.direction = 'to_remote'
                    AND d.state = 'waiting')""",  # noqa: S608
            (store,),
        )

    def decided(self, store: str) -> set[Key]:
        """Keys with content as their base whose deletion is on its way, or was approved."""
        rows = self._connection.execute(
            """SELECT path, record FROM (
                 SELECT path, record FROM outbox
                 WHERE store = :store AND digest IS NULL AND state IN ('queued', 'sent')
                 UNION SELECT path, record FROM deletions
                 WHERE store = :store AND direction = 'to_remote'
                   AND state IN ('approved', 'spent'))
               JOIN entries e USING (path, record)
               WHERE e.store = :store AND e.base_digest IS NOT NULL""",
            {"store": store},
        )
        return {Key(store, path, record) for path, record in rows}

    def size(self, store: str, direction: Direction) -> int:
        """How many files the store had before the deletions of the window.

        What was moved is counted once: under its new name.
        """
        row = self._connection.execute(
            """SELECT (SELECT count(*) FROM entries WHERE store = :store
                         AND base_digest IS NOT NULL)
                 + (SELECT count(*) FROM deletions d JOIN entries e USING (store, path, record)
                    WHERE d.store = :store AND d.direction = :direction AND d.state = 'gone'
                      AND e.base_digest IS NULL AND e.remote_moved_to IS NULL)""",
            {"store": store, "direction": direction},
        ).fetchone()
        return int(row[0])
