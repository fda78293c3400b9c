"""Keys that cannot be mirrored now: held, and told of where that is news."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from syncd.core.decision import Decision
from syncd.core.model import Hold, Key
from syncd.engine.telling import tell_holds
from syncd.ledger.ledger import Ledger

KEPT_OUT: Final = frozenset({"not-a-file", "not-a-folder"})
"""Reasons that may go with another file: a folder has the name, or a file that of the folder."""


def hold(ledger: Ledger, key: Key, why: Hold, now: float) -> None:
    """Hold one key. Raises LedgerError."""
    with ledger.transaction():
        fresh = ledger.attention.hold(key.store, key.path, why, now, key.record)
    if fresh:
        tell_holds([(str(key), why)])


def hold_found(ledger: Ledger, store: str, found: Mapping[str, Hold], now: float) -> None:
    """Hold what a walk found, by path; inside a transaction of the caller."""
    tell_holds([
        (str(Key(store, path)), why)
        for path, why in found.items()
        if ledger.attention.hold(store, path, why, now)
    ])  # fmt: skip


def vanished(decided: Sequence[Decision]) -> list[Key]:
    """The files that are gone by what was `decided`."""
    return [
        each.key
        for each in decided
        if each.file is None and each.plan.hold is None and not each.part
    ]


def obstructed(ledger: Ledger, gone: Sequence[Key]) -> list[tuple[Key, float]]:
    """The held files that may have been kept out by those that are `gone`, to be named at once."""
    held = [
        Key(store, path)
        for store in {key.store for key in gone}
        for path, why in ledger.attention.held(store).items()
        if why.reason in KEPT_OUT
    ]
    return [(key, 0.0) for key in kept_out(held, gone)]


def kept_out(held: Sequence[Key], by: Sequence[Key]) -> list[Key]:
    """Those of `held` that have the name of a folder of one of these files, or are in a folder of
    one's name.
    """
    above = {each for key in by for each in _folders(key)}
    there = set(by)
    # Thousands may be held, and thousands go in one turn: not each is compared with each.
    return [key for key in held if key in above or not there.isdisjoint(_folders(key))]


def _folders(key: Key) -> Iterator[Key]:
    """The folders that the file lies in, as keys."""
    path = key.path
    while path := path.rpartition("/")[0]:
        yield Key(key.store, path)
