"""How long sending waits for git. Pure: the caller passes the time, in seconds.

While git writes its index, or a merge or a rebase changes the tree, files are on their way
between two commits, and what lies there is nobody's edit. Saves are queued all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

LOCKED = "index.lock"
"""What git is doing while it writes its index; everything else is a merge or a rebase."""

LOCK_PATIENCE = 60.0
"""Seconds after which an index.lock is taken for one that a crash left behind."""

QUIET = 600.0
"""Seconds without any change after which an unfinished merge does not keep edits back."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What git is doing to a work tree: `name` it, and when it `touched` the tree last."""

    name: str
    touched: float


@dataclass(slots=True)
class _Wait:
    name: str
    touched: float
    moved: float
    """When something last changed, on the caller's clock."""


class Pause:
    """Whether sending from one store waits."""

    def __init__(self) -> None:
        self._wait: _Wait | None = None

    def waits(self, operation: Operation | None, saved: float, now: float) -> bool:
        """Whether to wait for `operation`. `saved` is when the store last queued something.

        `touched` and `saved` are only compared with what they were: they may be on any clock.
        """
        if operation is None:
            self._wait = None
            return False
        wait = self._wait
        if wait is None or wait.name != operation.name:
            wait = self._wait = _Wait(operation.name, 0.0, now)
        if operation.name == LOCKED:
            if wait.touched != operation.touched:
                # Another lock: nobody looked in between, where nothing was queued.
                wait.touched, wait.moved = operation.touched, now
            return now - wait.moved < LOCK_PATIENCE
        newest = max(operation.touched, saved)
        if newest > wait.touched:
            wait.touched, wait.moved = newest, now
        return now - wait.moved < QUIET
