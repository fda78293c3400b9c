"""Broken variants of what happens when a ledger and a deployment part: see `variants`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from syncd.core.model import Digest, Snapshot, Tombstone
from syncd.engine.exchange import epoch, link
from syncd.engine.exchange.link import Link
from syncd.engine.exchange.witnesses import Witnesses
from syncd.ledger.epochs import Epochs
from syncd.ledger.outbox import Outbox
from syncd.ledger.places import Places

from .faults import EPOCHS, LOSING, PLAIN, RESTORING
from .variants import Variant

_hello, _settle = Link._hello, Epochs.settle
_put = Places.put


def _kept_back(self: Places, name: str, value: str) -> None:
    if name == "start":
        _put(self, "start to come", value)
    else:
        _put(self, name, value)


async def _raised_after(self: Link) -> Any:
    answer = await _hello(self)
    places = self._ledger.places
    with self._ledger.transaction():
        _put(places, "start", places.get("start to come") or "0")
    return answer


def _counted_operations(self: Outbox, most: int) -> Iterator[str]:
    places = Places(self._connection)
    for _ in range(most):
        number = int(places.get("operations") or 0) + 1
        places.put("operations", str(number))
        yield f"{number:032x}"


def _missing_is_deleted(self: Epochs, store: str) -> None:
    for (path,) in self._connection.execute(
        """SELECT path FROM agreed JOIN entries USING (store, path, record)
           WHERE store = ? AND remote_revision IS NULL AND digest IS NOT NULL""",
        (store,),
    ).fetchall():
        self._connection.execute(
            """UPDATE entries SET base_revision = 1, remote_revision = 2, remote_at = 1,
                 base_size = 0, base_digest = (SELECT digest FROM agreed a
                   WHERE a.store = entries.store AND a.path = entries.path)
               WHERE store = ? AND path = ?""",
            (store, path),
        )
    _settle(self, store)


def _theirs_is_the_base(
    agreed: Digest | None, remote: Snapshot, former: Any, *, present: bool
) -> Snapshot | None:
    return remote if present and not isinstance(remote.version, Tombstone) else None


_NOTHING: Any = lambda *_args, **_kwargs: None  # noqa: E731

VARIANTS = (
    Variant("epochs are not noticed", ((link, "ended", _NOTHING),), EPOCHS),
    Variant("witnesses ignored", ((Witnesses, "show", lambda self: []),), RESTORING),
    Variant("denials ignored", ((Witnesses, "checked", _NOTHING),), RESTORING),
    Variant(
        "start number raised after hello",
        ((Places, "put", _kept_back), (Link, "_hello", _raised_after)),
        PLAIN,
    ),
    Variant("counted operation ids", ((Outbox, "_operations", _counted_operations),), LOSING),
    Variant("what is missing was deleted", ((Epochs, "settle", _missing_is_deleted),), RESTORING),
    Variant("theirs is the base", ((epoch, "rebase", _theirs_is_the_base),), RESTORING),
)
