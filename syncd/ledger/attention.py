"""What people are shown: holds, guards, health. Part of the ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from syncd.core.guard import Direction, Guard
from syncd.core.model import Hold, Key
from syncd.ledger.rows import key_columns


class Attention:
    """Records that no decision reads, but for guards and holds."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def hold(self, store: str, path: str, hold: Hold, now: float, record: str = "") -> bool:
        """List a key that cannot be mirrored now. True when that is news."""
        cursor = self._connection.execute(
            """INSERT INTO held (store, path, record, reason, detail, advice, since)
               VALUES (?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT DO UPDATE SET reason = excluded.reason, detail = excluded.detail,
                 advice = excluded.advice, since = excluded.since
               WHERE reason != excluded.reason OR detail != excluded.detail""",
            (store, path, record, hold.reason, hold.detail, hold.advice, now),
        )
        return cursor.rowcount > 0

    def release(self, store: str, path: str, record: str = "") -> bool:
        """Take a key off the list. True when it was on it."""
        return (
            self._connection.execute(
                "DELETE FROM held WHERE store = ? AND path = ? AND record = ?",
                (store, path, record),
            ).rowcount
            > 0
        )

    def release_keys(self, keys: Iterable[Key]) -> None:
        """Take keys off the list, those that are on it."""
        if self._connection.execute("SELECT 1 FROM held LIMIT 1").fetchone() is None:
            return  # As good as always, and then thousands of keys cost nothing.
        self._connection.executemany(
            "DELETE FROM held WHERE store = ? AND path = ? AND record = ?", map(key_columns, keys)
        )

    def reason(self, key: Key) -> str | None:
        """Why a key is on the list, None where it is not."""
        row = self._connection.execute(
            "SELECT reason FROM held WHERE store = ? AND path = ? AND record = ?",
            (key.store, key.path, key.record),
        ).fetchone()
        return str(row[0]) if row else None

    def release_all(self, reason: str) -> None:
        """Take all keys off the list that are on it for `reason`."""
        self._connection.execute("DELETE FROM held WHERE reason = ?", (reason,))

    def held(self, store: str) -> dict[str, Hold]:
        """The held paths of a store, records not counted."""
        rows = self._connection.execute(
            "SELECT path, reason, detail, advice FROM held WHERE store = ? AND record = ''",
            (store,),
        )
        return {row[0]: Hold(*row[1:]) for row in rows}

    def held_records(self, store: str) -> set[Key]:
        """The held records of a store."""
        rows = self._connection.execute(
            "SELECT path, record FROM held WHERE store = ? AND record != ''", (store,)
        )
        return {Key(store, path, record) for path, record in rows}

    def guards(self) -> dict[tuple[str, Direction], Guard]:
        """The guards that stand, by store and direction."""
        rows = self._connection.execute(
            "SELECT store, reason, missing, direction, since FROM guards"
        )
        return {
            (store, Direction(direction)): Guard(
                store, reason, missing, Direction(direction), since
            )
            for store, reason, missing, direction, since in rows
        }

    def set_guard(self, guard: Guard) -> None:
        """Let a guard stand."""
        self._connection.execute(
            """INSERT INTO guards (store, direction, reason, missing, since)
               VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
               SET reason = excluded.reason, missing = excluded.missing""",
            (guard.store, guard.direction, guard.reason, guard.missing, guard.since),
        )

    def lift_guard(self, store: str, direction: Direction) -> None:
        """Take a guard away."""
        self._connection.execute(
            "DELETE FROM guards WHERE store = ? AND direction = ?", (store, direction)
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
