"""When deletions must wait for a person. Pure.

A guard stops deletions only; edits keep flowing. It stays until every file that was known is
there again, or a person approves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RootState(StrEnum):
    """What became of a store's folder, against the one the ledger knew."""

    PRESENT = "present"
    MISSING = "missing"
    REPLACED = "replaced"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Guard:
    """Deletions of a store stopped: `missing` files are gone for this `reason`."""

    store: str
    reason: str
    missing: int


def guard(store: str, root: RootState, known: int, present: int) -> Guard | None:
    """Why deletions of `store` must wait, or None.

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
