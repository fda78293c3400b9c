"""Proof that events arrive from a folder: one is caused, and awaited.

Network file systems and some containers' mounts take a watch and never report anything. The type
of a file system proves nothing either way, so it is not asked for. The root is given to its owner
once more: that is an event, makes no file, and changes nothing but the root's change time. (A
touch of the access time alone is told as IN_ACCESS, which every read of a file is too.)
"""

from __future__ import annotations

import os
from enum import Enum, auto
from typing import Final

from syncd.files.root import Root

EVERY: Final = 60.0
"""Seconds between two proofs."""

PATIENCE: Final = 10.0
"""Seconds that an event may take; on a local file system it takes less than one thousandth."""


class Proof(Enum):
    """What is known of the arrival of events."""

    HEARD = auto()
    WAITING = auto()
    DEAF = auto()
    REFUSED = auto()


class Canary:
    """Touches one root. Times are seconds on one clock that never jumps."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._proof = Proof.WAITING
        self._touched_at: float | None = None
        self._pending = False

    def prove(self, now: float) -> Proof:
        """Touch the root when it is time to, and say what is known."""
        awaited = self._proof in (Proof.WAITING, Proof.HEARD) and self._pending
        if awaited and self._touched_at is not None and now - self._touched_at >= PATIENCE:
            self._proof = Proof.DEAF
        if self._touched_at is None or now - self._touched_at >= EVERY:
            self._touch(now)
        return self._proof

    def heard(self) -> None:
        """An event of the root's attributes arrived, whoever caused it."""
        self._pending = False
        self._proof = Proof.HEARD

    def _touch(self, now: float) -> None:
        self._pending = True
        self._touched_at = now
        try:
            with self._root.folder() as folder:
                os.fchown(folder.fd, os.fstat(folder.fd).st_uid, -1)
        except OSError:
            # Only the owner may. That a root is gone is noticed by whoever watches it.
            self._pending = False
            self._proof = Proof.REFUSED
