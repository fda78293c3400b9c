"""Conflicts: what lost is listed until a person decides. Part of the ledger.

Runs inside its transactions. Base, local and remote are digests; their bytes are in `contents`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from syncd.core.conflict import ListedConflict
from syncd.core.model import Conflict, Digest, Key
from syncd.ledger.events import Event, Events
from syncd.ledger.rows import key_columns, version_columns

_COLUMNS = """number, store, path, record, base_digest, local_digest, remote_digest,
              remote_revision, remote_device, remote_name, since, resolved, resolution,
              former_digest"""

_OURS = "remote_revision = 0"


class Conflicts:
    """The list, and which of it the deployment has been told."""

    def __init__(self, connection: sqlite3.Connection, events: Events) -> None:
        self._connection = connection
        self._events = events
        self._on_untold: Callable[[], None] = lambda: None

    def connect(self, on_untold: Callable[[], None]) -> None:
        """Tell who tells the deployment. Called inside the transaction: look when it has ended."""
        self._on_untold = on_untold

    def add(self, key: Key, conflict: Conflict, device: str | None, now: float) -> None:
        """List a conflict, once for each remote revision that lost.

        What the deployment never had, a save that came late, has none: the same bytes may lose
        again once a person has decided.
        """
        known = self._connection.execute(
            f"""SELECT 1 FROM conflicts WHERE store = ? AND path = ? AND record = ?
               AND remote_revision = ? AND remote_digest IS ?
               AND (resolved IS NULL OR NOT {_OURS})""",  # noqa: S608
            (*key_columns(key), conflict.remote.revision, conflict.remote.digest),
        ).fetchone()
        if known:
            return
        base = conflict.base.digest if conflict.base else None
        remote = conflict.remote
        self._connection.execute(
            """INSERT INTO conflicts (store, path, record, base_digest, local_digest,
                 remote_digest, remote_revision, remote_device, since)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                *key_columns(key), base, version_columns(conflict.local)[0],
                remote.digest, remote.revision, device, now,
            ),
        )  # fmt: skip
        self._events.add(Event(key, "conflict", now, remote.digest, remote.revision, device))
        self._on_untold()

    def get(self, number: int) -> ListedConflict | None:
        """The conflict of this number."""
        # As text: a person may ask for a number of more bits than SQLite's have.
        found = self._select("WHERE number = ?", str(number))
        return found[0] if found else None

    def unresolved(self, key: Key | None = None) -> list[ListedConflict]:
        """Those that nobody has decided, oldest first: all, or of a record, or of a file and its
        records.
        """
        if key is None:
            return self._select("WHERE resolved IS NULL ORDER BY number")
        where = "WHERE resolved IS NULL AND store = ? AND path = ? AND ? IN ('', record)"
        return self._select(f"{where} ORDER BY number", *key_columns(key))

    def all(self, most: int) -> list[ListedConflict]:
        """The newest `most`, resolved ones too, newest first."""
        return self._select("ORDER BY number DESC LIMIT ?", most)

    def resolve(self, number: int, resolution: str, former: Digest | None, now: float) -> None:
        """A person decided. `former` is what the file held before, if it was written."""
        self._connection.execute(
            """UPDATE conflicts SET resolved = ?, resolution = ?, former_digest = ?, told = 0
               WHERE number = ?""",
            (now, resolution, former, number),
        )
        self._on_untold()

    def reopen(self, number: int) -> None:
        """The decision was undone."""
        self._connection.execute(
            """UPDATE conflicts SET resolved = NULL, resolution = NULL, former_digest = NULL,
                 told = 0 WHERE number = ?""",
            (number,),
        )
        self._on_untold()

    def forget_resolved(self, before: float) -> int:
        """Forget those that were decided before `before`, once told; how many went."""
        return self._connection.execute(
            f"DELETE FROM conflicts WHERE resolved < ? AND (told OR {_OURS})",  # noqa: S608
            (before,),
        ).rowcount

    def untold(self, most: int) -> list[ListedConflict]:
        """Up to `most` that the deployment does not know as they stand, oldest first.

        None of versions that it never had: there nobody looks for what became of them.
        """
        return self._select(f"WHERE told = 0 AND NOT {_OURS} ORDER BY number LIMIT ?", most)

    def tell(self, told: Iterable[tuple[ListedConflict, str | None]]) -> None:
        """The deployment recorded these, and named their authors.

        RACE: one that was decided while the call was under way stays untold.
        """
        self._connection.executemany(
            """UPDATE conflicts SET told = (resolution IS ?), remote_name = coalesce(?, remote_name)
               WHERE number = ?""",
            [(conflict.resolution, name, conflict.number) for conflict, name in told],
        )

    def names(self) -> dict[str, str]:
        """The names of devices, as far as the deployment told them."""
        rows = self._connection.execute(
            "SELECT DISTINCT remote_device, remote_name FROM conflicts WHERE remote_name NOT NULL"
        )
        return {row[0]: row[1] for row in rows}

    def needed(self) -> set[Digest]:
        """Every digest that a conflict names: its bytes stay."""
        rows = self._connection.execute(
            "SELECT base_digest, local_digest, remote_digest, former_digest FROM conflicts"
        )
        return {Digest(digest) for row in rows for digest in row if digest is not None}

    def _select(self, where: str, *values: object) -> list[ListedConflict]:
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM conflicts {where}",  # noqa: S608 - ours
            values,
        )
        return [ListedConflict(row[0], Key(*row[1:4]), *row[4:]) for row in rows]
