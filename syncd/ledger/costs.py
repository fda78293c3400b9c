"""What calls cost, by day. Part of the ledger.

What was counted is written with the next transaction, whatever that is for, and at the end: no call
waits for the disk because it is counted. A crash forgets what was counted since.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from syncd.core.cost import KEPT, Cost, Costs, Spending


class CostBook:
    """The days, and what is to be written to them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._spending: Spending | None = None

    def connect(self, spending: Spending) -> None:
        """Keep what `spending` counts from now on; it is told what was spent before."""
        spending.known(self.days())
        self._spending = spending

    def days(self) -> dict[int, Cost]:
        """Every day that is remembered and cost something."""
        rows = self._connection.execute(
            "SELECT day, calls, sent, received, uploaded, downloaded FROM costs"
        )
        return {day: Cost(*numbers) for day, *numbers in rows}

    @property
    def unwritten(self) -> Costs:
        """What was counted and is not written."""
        return self._spending.unwritten if self._spending is not None else {}

    def write(self) -> Costs:
        """Write what is unwritten, in the caller's transaction; once that stands: `written`."""
        costs = self.unwritten
        if costs:
            self.add(costs)
            # Not by the clock: one that is years ahead for a moment must not begin a month anew.
            self._connection.execute(
                """DELETE FROM costs
                   WHERE day NOT IN (SELECT day FROM costs ORDER BY day DESC LIMIT ?)""",
                (KEPT,),
            )
        return costs

    def add(self, costs: Costs) -> None:
        """Write `costs` to what is known of their days, in the caller's transaction."""
        self._connection.executemany(
            """INSERT INTO costs (day, calls, sent, received, uploaded, downloaded)
               VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
                 calls = calls + excluded.calls, sent = sent + excluded.sent,
                 received = received + excluded.received,
                 uploaded = uploaded + excluded.uploaded,
                 downloaded = downloaded + excluded.downloaded""",
            [
                (day, cost.calls, cost.sent, cost.received, cost.uploaded, cost.downloaded)
                for day, cost in costs.items()
            ],
        )

    def written(self, costs: Costs) -> None:
        """The transaction stands in which `costs` were written."""
        if self._spending is not None and costs:
            self._spending.written(costs)


def spent_in(path: Path) -> Costs:
    """What the damaged ledger at `path` still tells: no ceiling is begun anew because of it."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            return CostBook(connection).days()
    except sqlite3.Error:
        return {}
