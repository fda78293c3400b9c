"""Makes records files hold what they are to hold: the ledger says what, and this says when."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence

from syncd.core.decision import Decision
from syncd.core.direction import Way
from syncd.core.model import (
    TOMBSTONE,
    Content,
    Digest,
    Format,
    Key,
    OperationId,
    Plan,
    Reason,
    Version,
)
from syncd.core.putback import PutBacks
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.turns.parts import FileTurn
from syncd.ledger.ledger import Ledger
from syncd.stores.join import join
from syncd.stores.records import ENVELOPE, Part, Split


class Rewrites:
    """Plans the writing of records files at the end of their turns."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica], clock: Clock) -> None:
        self._ledger = ledger
        self._stores = stores
        self._clock = clock
        self._put_backs = PutBacks()

    async def due(
        self, turns: Sequence[FileTurn]
    ) -> tuple[list[Decision], list[tuple[Key, float]]]:
        """The writes to be carried out now, and the files to be looked at later, and when."""
        now = self._clock.monotonic()
        writes: list[Decision] = []
        later: list[tuple[Key, float]] = []
        for turn in turns:
            wanted = self._ledger.records.locals(turn.file)
            held = {name: part.content.digest for name, part in _parts(turn.split).items()}
            agrees = wanted == held
            if turn.saved:
                self._put_backs.saved(turn.file, now, agrees=agrees)
            never = self._stores[turn.file.store].way is Way.PUSH
            if agrees or never or not _writable(wanted, turn):
                continue
            when = self._put_backs.due(turn.file, now)
            if when > now:
                later.append((turn.file, when))
            elif (write := await self._write(turn, wanted)) is not None:
                writes.append(write)
        return writes, later

    def wrote(self, file: Key) -> None:
        """A write was carried out."""
        self._put_backs.wrote(file)

    async def _write(self, turn: FileTurn, wanted: Mapping[str, Digest]) -> Decision | None:
        if ENVELOPE not in wanted:
            return _decision(self._stores[turn.file.store], turn, TOMBSTONE, None)
        bodies: dict[str, bytes] = {}
        for name, digest in wanted.items():
            part = _parts(turn.split).get(name)
            same = part is not None and part.content.digest == digest
            body = part.body if part is not None and same else self._ledger.contents.get(digest)
            if body is None:
                return None
            bodies[name] = body
        store = self._stores[turn.file.store]
        body = await asyncio.to_thread(join, turn.split, bodies, store.pointer or "")
        version = Content.of(body)
        return _decision(store, turn, version, body)


def _parts(split: Split | None) -> Mapping[str, Part]:
    return split.parts if split is not None else {}


def _writable(wanted: Mapping[str, Digest], turn: FileTurn) -> bool:
    """Whether the file can hold what it is to hold: records wait for their envelope."""
    return ENVELOPE in wanted or (not wanted and turn.state is not None)


def _decision(
    store: LocalReplica, turn: FileTurn, version: Version, body: bytes | None
) -> Decision:
    plan = Plan(Reason.REWRITE, base=None, to_local=version)
    operation = OperationId(secrets.token_hex(16))
    return Decision(turn.file, store.kind, Format.JSON, plan, operation, turn.state, body)
