"""When deletions must wait for a person. Pure.

A guard stops deletions only; edits keep flowing, but into and out of a folder that is not the
known one. A folder that is missing, replaced or emptied
stops them both ways; too many at once stop in the direction in which they would go. A guard
stands until what waits is there again, or a person approves or rejects it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from syncd.core.model import Digest
from syncd.core.wording import counted

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


_REASONS: Final = {
    state: f"its folder is {state.value}" for state in RootState if state is not RootState.PRESENT
}


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

    @property
    def folder(self) -> RootState:
        """What became of the store's folder; PRESENT where that is not the reason."""
        return next((at for at, told in _REASONS.items() if told == self.reason), RootState.PRESENT)

    @property
    def meanwhile(self) -> str:
        """What waits and what does not, for a person."""
        waiting = counted(self.missing, "deletion", "wait")
        files = counted(self.missing, "file", "stay")
        match self.folder:
            case RootState.PRESENT:
                return f"{waiting} and nothing is lost; edits go on"
            case RootState.REPLACED:
                return (
                    f"{waiting} and nothing is lost; edits wait too: nothing "
                    "is sent from the folder that is there now, and nothing is written into it"
                )
            case RootState.MISSING | RootState.UNREADABLE:
                return (
                    f"its {files} on the deployment; nothing of the store is "
                    "sent, written or deleted"
                )

    @property
    def advice(self) -> str:
        """What a person can do about it."""
        approve, reject = f"`syncd approve {self.store}`", f"`syncd reject {self.store}`"
        match self.folder, self.direction:
            case RootState.MISSING, _:
                return (
                    "mount the folder or put it back, that is seen by itself; if it is gone for "
                    f"good, make an empty one: then {approve} deletes its files on the deployment "
                    f"too, and {reject} brings them back"
                )
            case RootState.UNREADABLE, _:
                return "let syncd read the folder; it is looked at again by itself"
            case RootState.REPLACED, _:
                return (
                    f"put the former folder back; or {approve} takes this one and deletes on the "
                    f"deployment what it lacks, and {reject} takes it and brings its files back"
                )
            case _, Direction.TO_LOCAL:
                return (
                    f"{approve} deletes the files here too, and {reject} keeps them and sends them "
                    "to the deployment again"
                )
            case _:
                return (
                    f"put the files back; or {approve} deletes them on the deployment too, and "
                    f"{reject} brings them back here"
                )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a person's word: `deletions` were decided; or none, `why`, and what to do."""

    deletions: int
    why: str = ""
    advice: str = ""


def guard(store: str, root: RootState, known: int, present: int) -> Guard | None:
    """Why deletions of `store` must wait for the sake of its folder, or None.

    `known` counts the live files that both sides agreed on, `present` the files there now.
    One file that goes is an everyday deletion; a store of several that goes whole is a disk
    that was not mounted, a branch without the folder, or a wrong `rm`.
    """
    if known == 0:
        return None
    if root is not RootState.PRESENT:
        return Guard(store, _REASONS[root], known - present)
    if present == 0 and known > 1:
        return Guard(store, "every file in its folder is gone", known)
    return None


def anew(standing: Guard, root: RootState, known: int, lost: int) -> Guard | None:
    """What to say in place of `standing`, of a folder in which `lost` of `known` files are missing
    now; None while that says what is so.

    Until all of them are there again it stands: some may only be the first to be put back.
    """
    found = guard(standing.store, root, known, known - lost)
    if found is None:
        found = Guard(standing.store, f"{lost:,} of {known:,} files are gone", lost)
    return replace(found, since=standing.since) if found.reason != standing.reason else None


def allowance(size: int) -> int:
    """How many of `size` files may go within a window."""
    return max(FEW, size // SHARE)


def gone_at_once(store: str, known: int, lost: int, appeared: int) -> Guard | None:
    """Why deletions must wait where a walk missed `lost` of `known` files and met `appeared` new.

    As many files that appeared may be the same ones under new names: that is known once they are
    read, and a turn counts again.
    """
    if lost - appeared <= allowance(known):
        return None
    reason = f"{lost:,} of {known:,} files are gone at once"
    return Guard(store, reason, lost, Direction.TO_REMOTE)


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
    reason = f"{lost:,} of {size:,} files would be deleted {where} within ten minutes"
    return Guard(store, reason, len(waiting), direction)
