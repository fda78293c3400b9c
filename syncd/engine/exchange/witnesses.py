"""What is shown to the deployment with every question, so that it can deny it."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.model import Change, Witness
from syncd.ledger.ledger import Ledger

LEAST = 16
MOST = 128
"""Snapshots a call shows: those since the last answer, at least the last sixteen."""


class Denied(Exception):
    """The deployment does not hold what it told or accepted: a new hello finds out why."""


class Witnesses:
    """The newest snapshots that were acknowledged or heard."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._answered = 0
        self._shown = 0

    def show(self) -> list[Witness]:
        """The witnesses for one call, newest first."""
        found = self._ledger.entries.witnesses(self._answered, LEAST, MOST)
        self._shown = max([self._answered, *(at for at, _ in found)])
        return [witness for _, witness in found]

    def checked(self, broken: Sequence[Witness]) -> None:
        """The call was answered. Raises Denied, before anything that came with it is acted on."""
        if broken:
            raise Denied(f"the deployment denies {broken[0].key} and {len(broken) - 1} more")
        self._answered = self._shown

    def unshown(self, shown: Sequence[Witness], told: Sequence[Change]) -> bool:
        """Whether `told`, just answered to `shown`, goes beyond snapshots that were not shown."""
        newest = self._ledger.entries.witnesses(self._answered, LEAST, MOST)
        since = {each.key: at for at, each in newest if each not in shown}
        return any(
            change.snapshot.at > since.get(change.key, change.snapshot.at) for change in told
        )

    def before(self, place: int) -> int:
        """The newest place before `place` where a snapshot lies, as far as the last tell."""
        known = self._ledger.entries.witnesses(0, LEAST, LEAST)
        return next((at for at, _ in known if at < place), 0)

    def forget(self) -> None:
        """An epoch ended: what was shown in it proves nothing now."""
        self._answered = 0
