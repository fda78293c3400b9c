"""Payloads that came and that no file waits for any more: they are forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from syncd.core.model import Key
from syncd.engine.ports import LocalReplica
from syncd.ledger.ledger import Ledger


async def unawaited(ledger: Ledger, stores: Mapping[str, LocalReplica]) -> bool:
    """Forget what nothing waits for, in the state folder and beside files; whether any is left."""
    left = await _put_away(ledger, stores)
    for payloads in {store.transit.payloads for store in stores.values()}:
        for digest in await asyncio.to_thread(payloads.waiting):
            awaited = bool(ledger.entries.awaiting(digest))
            left |= awaited
            if not awaited:
                await asyncio.to_thread(payloads.drop, digest)
    return left


async def _put_away(ledger: Ledger, stores: Mapping[str, LocalReplica]) -> bool:
    """Take away what lies beside files that are not to hold it any more; whether any is left.

    A save that won meanwhile, or newer news, is what the file holds by now.
    """
    left = False
    for name, store in stores.items():
        for path, digest in store.transit.ready().items():
            awaited = Key(name, path) in ledger.entries.awaiting(digest)
            left |= awaited
            if not awaited:
                await asyncio.to_thread(store.transit.put_away, path, digest)
    return left
