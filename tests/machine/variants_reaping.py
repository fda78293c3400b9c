"""Broken variants of what becomes of tombstones: see `variants`.

That what is sent holds them back, and what comes late makes nothing, are two guards against one
rare thing: each by itself is in `tests/engine/test_reaped.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from syncd.core.model import Cursor
from syncd.ledger.forgetting import Forgetting
from syncd.ledger.passing import Passing

from .deployment import Deployment, Entry
from .faults import FORGETTING, REAPING
from .variants import Variant


class _ReapsEarly(Deployment):
    """A tombstone goes as soon as anything else is pushed, whoever has not heard of it."""

    def push(self, device: str, intents: Any, passed: Any = None) -> Any:
        pushed = {intent.key for intent in intents}
        for key, entry in list(self.state.entries.items()):
            if entry.digest is None and key not in pushed:
                del self.state.entries[key]
        return super().push(device, intents, passed)


class _WaitsForNobody(Deployment):
    """Tombstones go whoever has not passed them; what is missed then is told."""

    def reap(self, devices: Iterable[str]) -> list[Entry]:
        return self._reap_up_to(int(self.head()))


class _TellsNothing(_WaitsForNobody):
    """Whose cursor lies before what was reaped is not told."""

    def has_missed(self, cursor: Cursor | None) -> bool:
        return False


class _ReapsTheNewest(Deployment):
    """The newest change of the workspace goes too."""

    def _reap_up_to(self, place: int) -> list[Entry]:
        gone = super()._reap_up_to(place)
        newest = max(self.state.entries.values(), key=lambda entry: entry.at, default=None)
        if newest is not None and newest.digest is None and newest.at <= place:
            del self.state.entries[newest.key]
        return gone


class _BeginsAnew(Deployment):
    """What is made where a tombstone was has the first revision again."""

    def begin(self) -> int:
        return 0


class _KeepsReceipts(Deployment):
    """Of a key that was made again the receipts of its earlier life are asked for."""

    def _apply(self, *args: Any, **kwargs: Any) -> int:
        revision = super()._apply(*args, **kwargs)
        key = args[1].key
        self.state.entries[key] = replace(self.state.entries[key], begun=0)
        return revision


def _whatever_is_reaped(self: Passing) -> int:
    return 2**63 - 1


def _whatever_is_agreed(
    self: Forgetting, store: str, after: str, last: str | None, place: int
) -> int:
    return self._connection.execute(
        """DELETE FROM entries WHERE store = ? AND path > ? AND path <= coalesce(?, x'')
             AND remote_digest IS NULL AND remote_at < ?""",
        (store, after, last, place),
    ).rowcount


VARIANTS = (
    Variant("tombstone reaped early", deployment=_ReapsEarly),
    Variant("tombstones wait for nobody", mix=REAPING, deployment=_WaitsForNobody),
    Variant("what was missed is not told", mix=REAPING, deployment=_TellsNothing),
    Variant("the newest change is reaped", mix=REAPING, deployment=_ReapsTheNewest),
    Variant("revisions begin anew", mix=REAPING, deployment=_BeginsAnew),
    Variant(
        "forgotten before it is reaped",
        ((Passing, "forgettable", _whatever_is_reaped),),
        FORGETTING,
    ),
    Variant(
        "forgotten before it is agreed", ((Forgetting, "gone", _whatever_is_agreed),), FORGETTING
    ),
    Variant("receipts outlive their entry", mix=REAPING, deployment=_KeepsReceipts),
)
