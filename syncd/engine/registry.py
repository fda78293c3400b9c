"""What changed in the configuration of stores since the ledger saw it last.

A new or changed store is bootstrapped before anything is decided about it; a store that is
configured no more, and a path that the patterns no longer match, are forgotten. Nothing is
deleted on either side.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Registration:
    """A store as it is configured now. `configuration` is any text that changes with it."""

    configuration: str
    matches: Callable[[str], bool]


def register(ledger: Ledger, stores: Mapping[str, Registration]) -> list[str]:
    """Bring the ledger's stores in line with `stores`; the names that it had never seen."""
    known = ledger.places.stores()
    with ledger.transaction():
        for name in known.keys() - stores.keys():
            ledger.entries.forget(name)
            log.info("store_forgotten", store=name)
        for name, store in stores.items():
            record = known.get(name)
            if record is not None and record.configuration == store.configuration:
                continue
            if record is not None:
                ledger.entries.forget_unmatched(name, store.matches)
                log.info("store_changed", store=name)
            root = record.root if record else None
            ledger.places.record_store(name, StoreRecord(store.configuration, root, False))
    return [name for name in stores if name not in known]
