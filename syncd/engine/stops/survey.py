"""What the files of another folder hold, read before it takes the place of the one that was known.

While it takes that place every turn waits, and to read a folder may take hours. So it is read
before. What is saved in it after the look is an edit like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.model import Digest, Key
from syncd.engine.ports import LocalReplica, Seen
from syncd.engine.versions import versions

SLICE = 100
"""Files that are read in one go of a thread: a stop waits for no more."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The versions in each file of the folder of `identity`, by record; None: that is not known."""

    identity: str
    files: Mapping[str, Mapping[str, Digest] | None]

    def strangers(self, known: Mapping[Key, Digest | None]) -> Iterator[Key]:
        """Those of `known` of which a file here holds another version, or nobody knows which."""
        for key, agreed in known.items():
            if key.path in self.files:
                held = self.files[key.path]
                # What programs leave out of a file of records they mostly do not know.
                if held is None or held.get(key.record, agreed) != agreed:
                    yield key


async def surveyed(store: LocalReplica, seen: Seen, paths: Iterable[str]) -> Survey | None:
    """Read those of `paths` that a walk has `seen`; None where it saw no folder from end to end."""
    if seen.root is None:
        return None
    there = sorted(path for path in set(paths) if path in seen.stats)
    files: dict[str, Mapping[str, Digest] | None] = {}
    for start in range(0, len(there), SLICE):
        some = there[start : start + SLICE]
        files |= await asyncio.to_thread(_read, store, seen.root, some)
    return Survey(seen.root, files)


def survey_now(store: LocalReplica, identity: str, paths: Iterable[str]) -> Survey:
    """The same of whatever is there, for who waits for it."""
    there = store.scan().stats
    return Survey(identity, _read(store, identity, [path for path in set(paths) if path in there]))


def _read(
    store: LocalReplica, identity: str, paths: Sequence[str]
) -> dict[str, Mapping[str, Digest] | None]:
    return {path: versions(store.read(path, within=identity), store.pointer) for path in paths}
