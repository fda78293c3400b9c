"""The stats of all files of a store, and how they differ from what was known. Pure.

Of 100,000 files: what is done for each of them is done in as few steps as there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass, field
from struct import Struct, error
from typing import Final, TypeAlias

from syncd.core.decision import COARSE_NS, racy
from syncd.core.reading import Stat, storable

_STAT: Final = Struct("<qqqQ")

_COLUMNS: Final = Struct("<qqqq")
"""The same bytes, of an inode as a ledger keeps it: signed."""

KnownFile: TypeAlias = tuple[str, int, int, int, int, int]
"""A file as it was last read: (path, size, mtime, ctime, inode, when), times in nanoseconds, and
the inode of 64 bits as a signed number."""


@dataclass(slots=True)
class Compared:
    """Known files that are not as they were last read, and those that are gone; `found` counts
    the others and the changed ones."""

    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    found: int = 0


class Stats(MutableMapping[str, Stat]):
    """The stats of the files of a store by path, packed: as tuples they took three times as much,
    and the collector of cycles looked through all of them.
    """

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}

    def take(self, path: str, size: int, mtime_ns: int, ctime_ns: int, inode: int) -> bool:
        """Put a stat, the way that a scan can afford, unless the path has one; whether it was."""
        try:
            packed = _STAT.pack(size, mtime_ns, ctime_ns, inode)
        except error:
            packed = _STAT.pack(size, storable(mtime_ns), storable(ctime_ns), inode)
        return self._packed.setdefault(path, packed) is packed

    def compared(self, known: Iterable[KnownFile]) -> Compared:
        """What became of the `known` files, by their stats. Of all others nothing is kept, however
        many there are.
        """
        found = Compared()
        met_at, pack = self._packed.get, _COLUMNS.pack
        for path, size, mtime_ns, ctime_ns, inode, read_ns in known:
            met = met_at(path)
            if met is None:
                found.gone.append(path)
                continue
            found.found += 1
            last = mtime_ns if mtime_ns > ctime_ns else ctime_ns
            if met != pack(size, mtime_ns, ctime_ns, inode) or (
                # Hardly any was read so soon after its last change: no call for the others.
                read_ns - last <= COARSE_NS and racy(mtime_ns, ctime_ns, read_ns)
            ):
                found.changed.append(path)
        return found

    def __getitem__(self, path: str) -> Stat:
        return Stat(*_STAT.unpack(self._packed[path]))

    def __setitem__(self, path: str, stat: Stat) -> None:
        self._packed.pop(path, None)
        self.take(path, *stat)

    def __delitem__(self, path: str) -> None:
        del self._packed[path]

    def __contains__(self, path: object) -> bool:
        return path in self._packed

    def __iter__(self) -> Iterator[str]:
        return iter(self._packed)

    def __len__(self) -> int:
        return len(self._packed)
