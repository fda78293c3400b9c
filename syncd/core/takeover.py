"""Whose names other files took lately, by being renamed over them. Pure.

Where the file that had the name is elsewhere by then, what took the name is no edit of it.
"""

from __future__ import annotations

from typing import TypeVar

from syncd.core.model import Digest, Key, Snapshot

_K = TypeVar("_K")
_V = TypeVar("_V")


class Takeovers:
    """Remembers the last `most` names that were taken here, and as many files that went elsewhere.

    An edit that is held for a takeover stays under the old name, beside the file: no harm.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: dict[Key, Snapshot | None] = {}
        self._gone: dict[Digest, None] = {}

    def taken(self, key: Key, base: Snapshot | None) -> None:
        """Another file was renamed here over the one agreed on as `base`."""
        _remember(self._taken, key, base, self._most)

    def gone(self, digest: Digest) -> None:
        """A file of these bytes is gone elsewhere: where they turn up, it has another name."""
        _remember(self._gone, digest, None, self._most)

    def is_taken(self, key: Key, base: Snapshot | None) -> bool:
        """Whether what is at `key` here is another file than the one agreed on as `base`."""
        return key in self._taken and self._taken[key] == base

    def went(self, digest: Digest) -> bool:
        """Whether a file of these bytes went elsewhere."""
        return digest in self._gone


def _remember(memory: dict[_K, _V], key: _K, value: _V, most: int) -> None:
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > most:
        del memory[next(iter(memory))]
