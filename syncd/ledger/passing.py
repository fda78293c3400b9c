"""How far a ledger has passed the feed: it needs no tombstone that lies before. Part of the ledger.

Runs inside its transactions.
"""

from __future__ import annotations

from syncd.core.model import Cursor
from syncd.ledger.outbox import Outbox
from syncd.ledger.places import Places

_CURSOR = "cursor"
_PASSED = "passed"
"""The ledger's names of the place up to which all was heard, and of the one that was passed when
the oldest row that is sent was claimed."""

_REAPED = "reaped"
_REAPED_BEFORE = "reaped_before"
"""Those of the place before which the deployment said that it has forgotten all tombstones, and of
the one that it had said when that was last asked for."""


class Passing:
    """What the deployment may forget, as far as this ledger is concerned, and what it forgot."""

    def __init__(self, places: Places, outbox: Outbox) -> None:
        self._places = places
        self._outbox = outbox
        self._ahead: Cursor | None = None
        """The cursor, where it is ahead of the one that is written."""

    @property
    def cursor(self) -> Cursor | None:
        """The place in the feed up to which all was heard."""
        written = self._get(_CURSOR)
        # None is written where an epoch ended, and with it what lay ahead.
        return written and (self._ahead or written)

    def heard(self, cursor: Cursor) -> None:
        """All up to there was heard."""
        self._places.put(_CURSOR, cursor)
        self._ahead = None

    def skip_to(self, cursor: Cursor) -> None:
        """Up to there all is our own: written by the next transaction, which need not be for that.

        Each save would wait for the disk once more. What a death forgets of it is told again.
        """
        self._ahead = cursor

    @property
    def unwritten(self) -> bool:
        """Whether the cursor is ahead of the one that is written."""
        return self._ahead is not None and self._get(_CURSOR) is not None

    def write(self) -> None:
        """Write what is unwritten, in the caller's transaction; once that stands: `written`."""
        if self._ahead is not None and self.unwritten:
            self._places.put(_CURSOR, self._ahead)

    def written(self) -> None:
        """The transaction stands."""
        self._ahead = None

    @property
    def place(self) -> Cursor | None:
        """The place up to which no tombstone is needed; None: there is none yet.

        All up to it was heard, and what is sent and not answered was claimed behind it: whatever
        the deployment made of that lies behind it too, with the receipt by which it is answered.
        So an operation that is sent again, or comes late, has passed less than any tombstone that
        followed it, and where one was reaped that it had not passed, the deployment makes nothing
        of it. (The cursor alone would not do: a deletion of what was sent can be heard before the
        answer.) It grows within an epoch, and ends with it. It is written: who is told of it may
        forget what lies before.
        """
        return self._get(_PASSED if self._outbox.awaits_answers() else _CURSOR)

    def claiming(self) -> None:
        """Rows are about to be claimed: keep the place, which stands until all are answered."""
        place = self.place
        if place is not None and place != self._get(_PASSED):
            self._places.put(_PASSED, place)

    def reaped(self, place: Cursor | None) -> None:
        """The deployment has forgotten the tombstones that lay before `place`; None: it did not
        say.
        """
        if place is not None and place != self._get(_REAPED):
            self._places.put(_REAPED, place)

    def forgettable(self) -> int:
        """The place before which they were forgotten there when this was asked last, 0 for none."""
        before = self._get(_REAPED_BEFORE)
        if (reaped := self._get(_REAPED)) is not None and reaped != before:
            self._places.put(_REAPED_BEFORE, reaped)
        return int(before or 0)

    def _get(self, name: str) -> Cursor | None:
        value = self._places.get(name)
        return Cursor(value) if value is not None else None
