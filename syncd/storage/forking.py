"""Locks between threads that do not outlive a fork."""

from __future__ import annotations

import os
import threading
import weakref


class Lock:
    """A lock, to be used in `with`.

    RACE: a child that is forked has none of the other threads, and finds free what they had taken.
    What a lock guards must stand a look in the middle of it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def free(self) -> None:
        """Forget who has it."""
        self._lock = threading.Lock()


_locks: weakref.WeakSet[Lock] = weakref.WeakSet()


def _in_the_child() -> None:
    for each in list(_locks):
        each.free()


os.register_at_fork(after_in_child=_in_the_child)
