"""What files hold, read for turns: many at once, as many as fit into memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from syncd.core.model import Key
from syncd.core.reading import Found, Reading, Slow
from syncd.engine.ports import LocalReplica
from syncd.ledger.ledger import Ledger

READ_BYTES = 16 * 1024 * 1024
"""Bytes of files that one turn holds in memory; the rest of its keys wait for the next."""


class Readings:
    """Reads files of all stores. Does IO."""

    def __init__(self, stores: Mapping[str, LocalReplica]) -> None:
        self._stores = stores
        self._apart: dict[Key, Reading] = {}

    def found_apart(self, key: Key, reading: Reading) -> None:
        """What a slow file was found to be like, for the next turn about it."""
        self._apart[key] = reading

    def first(self, keys: Sequence[Key], slow: list[Key]) -> dict[Key, Reading]:
        """Readings of the first of `keys`, as many as fit into memory, at least one.

        Those that take long to read are added to `slow`, to be read apart.
        """
        readings = {key: self._apart.pop(key) for key in keys if key in self._apart}
        room = READ_BYTES
        rest = (key for key in keys if key not in readings)
        for store, group in groupby(rest, key=lambda key: key.store):
            if room < 0:
                break
            some = list(group)
            found = self._stores[store].read_first([key.path for key in some], room)
            for key, reading in zip(some, found, strict=False):
                if isinstance(reading, Slow):
                    slow.append(key)
                    continue
                readings[key] = reading
                room -= len(reading.body or b"") if isinstance(reading, Found) else 0
        return readings


def linked(ledger: Ledger, readings: Mapping[Key, Reading]) -> list[Key]:
    """Other names of the files that were read, where those changed: who writes into a file through
    one of its names has the system hint at that one alone."""
    found = [(key, each.stat) for key, each in readings.items() if isinstance(each, Found)]
    return sorted(set(ledger.views.linked(found)) - readings.keys())
