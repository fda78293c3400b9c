"""What changed in the configuration of stores since the ledger saw it last.

A new or changed store is bootstrapped before anything is decided about it; a store that is
configured no more, or lies in another folder now, and a path that the patterns no longer match,
are forgotten. Nothing is deleted on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from syncd.core.model import Digest, Key
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord

Keep = Callable[[bytes], Digest]
"""Puts bytes into history, durably: the ledger forgets them after that."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Registration:
    """A store as it is configured now.

    `configuration` is any text that changes with it, but for where the store lies: that is
    `place`. `identity` is which folder is there, None where there is none.
    """

    configuration: str
    matches: Callable[[str], bool]
    place: str | None = None
    identity: str | None = None


def register(
    ledger: Ledger, stores: Mapping[str, Registration], now: float, keep: Keep | None = None
) -> list[str]:
    """Bring the ledger's stores in line with `stores`; the names it knows no folder of.

    Bytes that are only queued, of paths that are forgotten, are kept by `keep` first, and found
    under their paths in history.
    """
    known = ledger.places.stores()
    for name in known.keys() - stores.keys():
        _forget(ledger, name, None, now, keep)
        log.info("store_forgotten", store=name)
    for name, store in stores.items():
        record = known.get(name)
        if record is None:
            _record(ledger, name, store, root=None)
        elif _elsewhere(record, store):
            _forget(ledger, name, None, now, keep)
            _record(ledger, name, store, root=None)
            log.warning("store_moved", store=name, to=store.place,
                        next="it is compared anew; nothing is deleted")  # fmt: skip
        elif record.configuration != store.configuration:
            _forget(ledger, name, store.matches, now, keep)
            _record(ledger, name, store, record.root)
            log.info("store_changed", store=name)
        elif record.place != store.place:
            moved = StoreRecord(record.configuration, record.root, record.bootstrapped, store.place)
            with ledger.transaction():
                ledger.places.record_store(name, moved)
    after = ledger.places.stores()
    return [name for name in stores if after[name].root is None]


def _elsewhere(record: StoreRecord, store: Registration) -> bool:
    """Whether the store was configured to lie elsewhere, and another folder lies there.

    A folder that was itself moved is the same folder under a new path. One that was replaced
    under an old path is no change of the configuration: a guard stands for it.
    """
    return record.place not in (None, store.place) and record.root != store.identity


def _record(ledger: Ledger, name: str, store: Registration, root: str | None) -> None:
    with ledger.transaction():
        ledger.places.record_store(name, StoreRecord(store.configuration, root, False, store.place))


def _forget(
    ledger: Ledger,
    name: str,
    matches: Callable[[str], bool] | None,
    now: float,
    keep: Keep | None,
) -> None:
    """Forget the paths of a store that `matches` does not; None: all of it."""
    kept: list[tuple[Key, Digest]] = []
    for key, digest in ledger.epochs.unsaved() if keep is not None else ():
        if key.store == name and (matches is None or not matches(key.path)):
            body = ledger.contents.get(digest)
            kept += [(key, keep(body))] if keep is not None and body is not None else []
    with ledger.transaction():
        for key, digest in kept:
            ledger.past.replaced(key, digest, "unsent", now)
        if matches is None:
            ledger.forgetting.store(name)
        else:
            ledger.forgetting.unmatched(name, matches)
