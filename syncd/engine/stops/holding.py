"""Keys that cannot be mirrored now: held, and told of where that is news."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.core.model import Hold, Key
from syncd.engine.telling import tell_holds
from syncd.ledger.ledger import Ledger


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
