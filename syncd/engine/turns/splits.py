"""Records files taken apart: what did not change since the last time is not parsed again."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.model import Hold, Key
from syncd.core.reading import Found, Reading
from syncd.core.recent import Recent
from syncd.engine.ports import LocalReplica
from syncd.stores.records import Split, split

BYTES = 2 * 1024 * 1024
"""Bytes of files of which it is kept how they came apart: that takes nine times as many."""


class Splits:
    """Takes files apart, and remembers some."""

    def __init__(self, stores: Mapping[str, LocalReplica]) -> None:
        self._stores = stores
        self._recent = Recent[Key, Split](BYTES)

    def __len__(self) -> int:
        return len(self._recent)

    def of(self, key: Key, reading: Reading) -> Split | Hold | None:
        """The file at `key` as it was read, taken apart; None where it holds no text."""
        pointer = self._stores[key.store].pointer
        if not isinstance(reading, Found) or pointer is None or reading.body is None:
            self._recent.drop(key)
            return None
        found = split(reading.body, pointer, self._recent.get(key))
        if isinstance(found, Split):
            self._recent.put(key, found, len(reading.body))
        return found
