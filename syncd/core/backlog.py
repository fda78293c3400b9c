"""Keys that wait with very many others: whole stores, at a first contact. Pure."""

from __future__ import annotations

from collections import deque

from syncd.core.model import Key


class Backlog:
    """Keys of files, each once, handed out in the order in which they came, store by store.

    Of a key only its path is kept: of 100,000 keys with the times at which they are due a start
    would need a third more memory than it may.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[str]] = {}
        self._waiting: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def __contains__(self, key: Key) -> bool:
        return not key.record and key.path in self._waiting.get(key.store, ())

    def add(self, key: Key) -> None:
        """Hand `key` out last of its store, unless it waits already."""
        waiting = self._waiting.setdefault(key.store, set())
        if key.path not in waiting:
            waiting.add(key.path)
            self._queues.setdefault(key.store, deque()).append(key.path)

    def discard(self, key: Key) -> None:
        """Hand `key` out no more. Its place in the queue stays, for nobody or for it."""
        if not key.record:
            self._waiting.get(key.store, set()).discard(key.path)

    def take(self, most: int) -> list[Key]:
        """The next keys, at most `most`."""
        taken: list[Key] = []
        while self._queues and len(taken) < most:
            store, queue = next(iter(self._queues.items()))
            waiting = self._waiting[store]
            while queue and len(taken) < most:
                path = queue.popleft()
                if path in waiting:
                    waiting.remove(path)
                    taken.append(Key(store, path))
            if not queue:
                del self._queues[store], self._waiting[store]
        return taken
