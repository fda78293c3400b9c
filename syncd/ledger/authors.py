"""What the devices are called whose changes were heard. Part of the ledger.

Runs inside its transactions. Changes name a device by an id, people by what it was enrolled as.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping

RECENT = 1000
"""Events of which a start looks for devices without a name: what a log shows."""


class Authors:
    """The names that the deployment told, and which devices have none yet."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._heard: set[str] = set()
        self._unknown: set[str] = set()
        self._on_unknown: Callable[[], None] = lambda: None

    def connect(self, on_unknown: Callable[[], None]) -> None:
        """Tell who asks the deployment. Called inside the transaction: look when it has ended."""
        self._on_unknown = on_unknown

    def recall(self) -> None:
        """Count the devices of the newest events as heard: before, nobody may have asked."""
        rows = self._connection.execute(
            """SELECT DISTINCT device FROM (
                 SELECT device FROM events ORDER BY number DESC LIMIT ?) WHERE device NOT NULL""",
            (RECENT,),
        )
        self.heard(device for (device,) in rows)

    def heard(self, devices: Iterable[str]) -> None:
        """Changes of these devices were heard."""
        if fresh := set(devices) - self._heard:
            self._heard |= fresh
            own = self._connection.execute("SELECT value FROM meta WHERE name = 'device'")
            if nameless := fresh - self.names().keys() - {value for (value,) in own}:
                self._unknown |= nameless
                self._on_unknown()

    def unknown(self) -> list[str]:
        """The devices that were heard and have no name, and were not asked about."""
        return sorted(self._unknown)

    def know(self, told: Mapping[str, str | None]) -> None:
        """The deployment was asked about these; None: it has no such device."""
        self._unknown -= told.keys()
        self._connection.executemany(
            "INSERT OR REPLACE INTO devices VALUES (?, ?)",
            [(device, name) for device, name in told.items() if name is not None],
        )

    def names(self) -> dict[str, str]:
        """What is known, by the devices' ids."""
        return dict(self._connection.execute("SELECT device, name FROM devices").fetchall())
