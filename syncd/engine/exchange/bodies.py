"""The bytes of what was told: sent along, made of what is here, or fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.core.decision import Heard
from syncd.core.delta import spliced
from syncd.core.direction import Way
from syncd.core.model import BYTES_DAMAGED, Change, Content, Digest, Hold, Key
from syncd.core.portion import ANSWER, Portion
from syncd.engine.ports import Clock, LocalReplica, RemoteReplica
from syncd.engine.stops.holding import hold
from syncd.engine.turns.plan import ours
from syncd.ledger.ledger import Ledger

DAMAGED = Hold(
    BYTES_DAMAGED,
    "the deployment's bytes are not those of the digest it tells",
    "a row of `entries` or `pieces` was edited by hand: save the file once more",
)


class Bodies:
    """Makes news of what was told, with its bytes. See `pages` for how much of it at once."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._stores = stores
        self._clock = clock
        self.portion = Portion(ANSWER)
        """What an answer may carry: a page of large texts is not held in memory whole, and over a
        slow link what was heard stays, were the link lost.
        """

    async def of(self, changes: Sequence[Change]) -> dict[Key, Change]:
        """Those that were told without bytes, with them: made of what is here, or fetched as the
        deployment holds them now.
        """
        told = {change.key: self._spliced(change) for change in changes if change.delta}
        made = {key: change for key, change in told.items() if change.body is not None}
        lacking = [c.key for c in changes if c.key not in made and self._lacks(c)]
        fetched: list[Change | None] = []
        while len(fetched) < len(lacking):
            fetched += await self.fetch(lacking[len(fetched) :])
        return made | {change.key: change for change in present(fetched)}

    async def fetch(self, keys: Sequence[Key]) -> list[Change | None]:
        """What the deployment holds of the first of `keys`, with its bytes: of one at least."""
        with self.portion.call(self.portion.bytes, self._clock.monotonic) as call:
            answers = await self._remote.fetch(keys, self.portion.bytes)
            call.size = text_bytes(present(answers))
        return answers

    def news(self, changes: Sequence[Change], having: Mapping[Key, Change]) -> list[Heard]:
        """News of `changes`, with bytes as those `having` them have.

        Where the deployment does not have the bytes it tells, the key is held, and heard without
        them: a save goes over it, and nothing else is done about it.
        """
        news: list[Heard] = []
        for told in changes:
            change = having.get(told.key, told)
            if self._lacks(change):
                self.hold(change.key)
            body = None if self._unwanted(change) else change.body
            news.append(Heard(change.key, change.snapshot, change.device, body, change.origin))
        return news

    def hold(self, key: Key) -> None:
        """The deployment does not have the bytes that it tells."""
        hold(self._ledger, key, DAMAGED, self._clock.now())

    def _spliced(self, change: Change) -> Change:
        """The change with its bytes, where they were told as what they change in bytes we have."""
        version, told = change.snapshot.version, change.delta
        if told is None or change.body is not None or not isinstance(version, Content):
            return change
        former = self._ledger.contents.get(Digest(told.base))
        body = spliced(former, told.splices) if former is not None else b""
        whole = hashlib.sha256(body).hexdigest() == version.digest
        return replace(change, body=body) if whole else change

    def _lacks(self, change: Change) -> bool:
        version = change.snapshot.version
        if not isinstance(version, Content) or change.body is not None or change.stored:
            return False
        if self._unwanted(change):
            return False
        if self._ledger.contents.has(version.digest):
            return False
        if change.key.record:
            return True
        file = self._ledger.places.file(change.key.store, change.key.path)
        return file is None or file.digest != version.digest

    def _unwanted(self, change: Change) -> bool:
        """Whether only the digest matters: another's key in a store of our own."""
        store = self._stores.get(change.key.store)
        own = store is not None and store.way is Way.OWN
        return own and not ours(self._ledger, change.origin)


def present(changes: Iterable[Change | None]) -> list[Change]:
    """Those that are there."""
    return [change for change in changes if change is not None]


def text_bytes(changes: Iterable[Change]) -> int:
    """Bytes of text that came with `changes`."""
    return sum(len(change.body or b"") for change in changes)
