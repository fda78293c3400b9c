"""Places of the feed that need not be told: we wrote all that lies there, and were answered."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.model import Applied, Cursor, Outcome

MOST = 200
"""Places that one question passes over, each a call of the pusher; the rest are told, or passed
over by the next."""


class Known:
    """The places of our own writes behind the cursor. In memory: what is forgotten is told."""

    def __init__(self) -> None:
        self._places: set[int] = set()

    def acknowledged(self, outcomes: Sequence[Outcome]) -> None:
        """One call of ours was answered so, and every answer was taken.

        All writes of a call lie at one place, and nothing of others does.
        """
        self._places.update(each.at for each in outcomes if isinstance(each, Applied))

    def behind(self, cursor: Cursor | None) -> list[int]:
        """The first MOST places behind `cursor`, in order; those before it are forgotten."""
        self._places = {place for place in self._places if place > int(cursor or 0)}
        return sorted(self._places)[:MOST]

    def __contains__(self, place: int) -> bool:
        """Whether all that lies at `place` is our own."""
        return place in self._places

    def forget(self) -> None:
        """An epoch ended: on a deployment that was restored others may write at these places."""
        self._places.clear()
