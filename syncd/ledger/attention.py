"""What people are shown: conflicts, history, holds, guards, health. Part of the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from syncd.core.guard import Guard
from syncd.core.model import Conflict, Digest, Hold, Key
from syncd.ledger.rows import key_columns, version_columns


class Attention:
    """Records that no decision reads, but for guards and holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def conflict(self, key: Key, conflict: Conflict, device: str | None, now: float) -> None:
        """List a conflict, once for each remote revision that lost."""
        known = self._connection.execute(
            """SELECT 1 FROM conflicts WHERE store = ? AND path = ? AND record = ?
               AND remote_revision = ? AND remote_digest IS ?""",
            (*key_columns(key), conflict.remote.revision, conflict.remote.digest),
        ).fetchone()
        if known:
            return
        self._connection.execute(
            """INSERT INTO conflicts (store, path, record, base_digest, local_digest,
                 remote_digest, remote_revision, remote_device, since)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                *key_columns(key),
                conflict.base.digest if conflict.base else None,
                version_columns(conflict.local)[0],
                conflict.remote.digest,
                conflict.remote.revision,
                device,
                now,
            ),
        )

    def replaced(self, key: Key, digest: Digest, why: str, now: float) -> None:
        """Index bytes that went into the history folder."""
        self._connection.execute(
            "INSERT INTO history (store, path, digest, why, since) VALUES (?, ?, ?, ?, ?)",
            (key.store, key.path, digest, why, now),
        )

    def hold(self, store: str, path: str, hold: Hold, now: float) -> bool:
        """List a key that cannot be mirrored now. True when that is news."""
        cursor = self._connection.execute(
            """INSERT INTO held VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
                 advice = excluded.advice, since = excluded.since
               WHERE reason != excluded.reason OR detail != excluded.detail""",
            (store, path, hold.reason, hold.detail, hold.advice, now),
        )
        return cursor.rowcount > 0

    def release(self, store: str, path: str) -> bool:
        """Take a key off the list. True when it was on it."""
        return (
            self._connection.execute(
                "DELETE FROM held WHERE store = ? AND path = ?", (store, path)
            ).rowcount
            > 0
        )

    def is_held(self, key: Key) -> bool:
        """Whether a key is on the list."""
        row = self._connection.execute(
            "SELECT 1 FROM held WHERE store = ? AND path = ?", (key.store, key.path)
        ).fetchone()
        return row is not None

    def held(self, store: str) -> dict[str, Hold]:
        """The held paths of a store."""
        rows = self._connection.execute(
            "SELECT path, reason, detail, advice FROM held WHERE store = ?", (store,)
        )
        return {row[0]: Hold(*row[1:]) for row in rows}

    def guards(self) -> dict[str, Guard]:
        """The guards that stand, by store."""
        rows = self._connection.execute("SELECT store, reason, missing FROM guards")
        return {row[0]: Guard(*row) for row in rows}

    def set_guard(self, store: str, guard: Guard | None, now: float) -> None:
        """Let a guard stand, or take it away."""
        if guard is None:
            self._connection.execute("DELETE FROM guards WHERE store = ?", (store,))
            return
        self._connection.execute(
            """INSERT INTO guards VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
               SET reason = excluded.reason, missing = excluded.missing""",
            (store, guard.reason, guard.missing, now),
        )

    def forget_health(self) -> None:
        """Forget how the parts of an earlier run were."""
        self._connection.execute("DELETE FROM health")

    def report(self, healths: Mapping[str, tuple[str, str]], now: float) -> None:
        """How parts of the daemon are: part -> (state, detail)."""
        self._connection.executemany(
            """INSERT INTO health VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                 since = CASE WHEN state = excluded.state THEN since ELSE excluded.since END,
                 state = excluded.state, detail = excluded.detail, checked = excluded.checked""",
            [(part, state, detail, now, now) for part, (state, detail) in healths.items()],
        )
