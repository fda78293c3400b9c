"""When deletions must wait for a person. Pure.

A guard stops deletions only; edits keep flowing. A folder that is missing, replaced or emptied
stops them both ways; too many at once stop in the direction in which they would go. A guard
stands until what waits is there again, or a person approves or rejects it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from syncd.core.model import Digest

WINDOW = 600.0
"""Seconds within which the deletions of a store are counted together."""

FEW = 10
SHARE = 5
"""More than ten deletions, and more than one file in five, are not an everyday thing."""


class RootState(StrEnum):
    """What became of a store's folder, against the one the ledger knew."""

    PRESENT = "present"
    MISSING = "missing"
    REPLACED = "replaced"
    UNREADABLE = "unreadable"


class Direction(StrEnum):
    """Where deletions would go. BOTH is for what is wrong with the folder itself."""

    TO_REMOTE = "to_remote"
    TO_LOCAL = "to_local"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Guard:
    """Deletions of a store stopped: `missing` of them wait for this `reason`, `since` then."""

    store: str
    reason: str
    missing: int
    direction: Direction = Direction.BOTH
    since: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a person's word: `deletions` were decided; or none, and `why`."""

    deletions: int
    why: str = ""


def guard(store: str, root: RootState, known: int, present: int) -> Guard | None:
    """Why deletions of `store` must wait for the sake of its folder, or None.

    `known` counts the live files that both sides agreed on, `present` the files there now.
    One file that goes is an everyday deletion; a store of several that goes whole is a disk
    that was not mounted, a branch without the folder, or a wrong `rm`.
    """
    if known == 0:
        return None
    if root is not RootState.PRESENT:
        return Guard(store, f"its folder is {root.value}", known - present)
    if present == 0 and known > 1:
        return Guard(store, "every file in its folder is gone", known)
    return None


def allowance(size: int) -> int:
    """How many of `size` files may go within a window."""
    return max(FEW, size // SHARE)


def mass_guard(
    store: str,
    direction: Direction,
    size: int,
    gone: Sequence[Digest],
    waiting: Sequence[Digest],
    created: Counter[Digest],
) -> Guard | None:
    """Why the `waiting` deletions must wait, `gone` being those of the window that went.

    A deletion is no loss while as many files with its bytes were `created` in the window: it is
    the other half of a move.
    """
    going = Counter([*gone, *waiting])
    lost = (going - created).total()
    if lost <= allowance(size):
        return None
    where = "on the deployment" if direction is Direction.TO_REMOTE else "here"
    reason = f"{lost} of {size} files would be deleted {where} within ten minutes"
    return Guard(store, reason, len(waiting), direction)
