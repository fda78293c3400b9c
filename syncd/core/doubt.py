"""How often to look before believing what is seen. Pure: the caller passes the time, in seconds.

A file that is gone may be in the middle of a save by delete-and-create; a file that does not
parse may be half written. Neither is believed at first sight.
"""

from __future__ import annotations

from collections.abc import Container

from syncd.core.model import Key

ABSENCE = 1.0
"""Seconds between the two looks that must both find a file missing."""

OVERDUE = 10.0
"""Seconds after which nobody comes back to look: the folder is another one, or is not there."""

PATIENCE = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Seconds before each further look at a file that is not whole; then it is held."""


class Doubts:
    """Remembers, per key, what was seen before and is not yet believed."""

    def __init__(self) -> None:
        self._missing_since: dict[Key, float] = {}
        self._attempts: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._missing_since) + len(self._attempts)

    def missing(self, key: Key, now: float) -> float | None:
        """When to look again at a missing file; None once it was missing long enough."""
        since = self._missing_since.setdefault(key, now)
        if now - since < ABSENCE:
            return since + ABSENCE
        del self._missing_since[key]
        return None

    def walked(self, store: str, missing: Container[Key]) -> None:
        """All files of `store` but `missing` were found; who goes after that, goes anew.

        Nobody comes back to look while its folder is away, and a file that comes back as it was is
        not read.
        """
        for key in [key for key in self._missing_since if key.store == store]:
            if key not in missing:
                del self._missing_since[key]

    def absent(self, store: str, now: float) -> int:
        """How many files of `store` were found missing once and are still to be looked at again."""
        missing = self._missing_since.items()
        return sum(key.store == store and now - since < OVERDUE for key, since in missing)

    def unsettled(self, key: Key, now: float) -> float | None:
        """When to look again at a file that is not whole; None once patience is exhausted."""
        attempt = self._attempts.get(key, 0)
        if attempt == len(PATIENCE):
            del self._attempts[key]
            return None
        self._attempts[key] = attempt + 1
        return now + PATIENCE[attempt]

    def certain(self, key: Key) -> None:
        """Forget all doubt about `key`: it was seen whole."""
        self._missing_since.pop(key, None)
        self._attempts.pop(key, None)
