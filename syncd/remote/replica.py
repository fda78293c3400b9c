"""The remote replica: a workspace on a deployment, by way of `convex/sync.ts`. Does IO."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from syncd.core.conflict import ListedConflict
from syncd.core.model import (
    SEND_WHOLE,
    Change,
    Cursor,
    Intent,
    Key,
    Outcome,
    Refused,
    Witness,
    halves,
)
from syncd.core.news import Page, StoreSettings, Welcome
from syncd.core.portion import ANSWER
from syncd.errors import FunctionFailed, ProtocolError
from syncd.remote.answered import asked_for, stuck, verified
from syncd.remote.authors import AuthorsAnswer, one_each
from syncd.remote.client import ConvexHttp
from syncd.remote.conflict import to_conflict
from syncd.remote.logs import ConvexLogs
from syncd.remote.message import Answer
from syncd.remote.operation import to_halves, to_operation
from syncd.remote.patience import patiently
from syncd.remote.wire import (
    PROTOCOL,
    ChangesAnswer,
    ConflictAnswer,
    FetchAnswer,
    HeadAnswer,
    HelloAnswer,
    ManifestAnswer,
    PassedAnswer,
    PushAnswer,
    RegisterAnswer,
    to_key,
    to_registration,
    to_witness,
)

COMPARED_HERE = 8 * 1024
"""Bytes of text that are compared on the event loop: some 20 us of prose, 2 ms where every line is
a word. A single save is spared the way to a thread and back."""


class ConvexReplica:
    """Reads and writes one workspace with one device token.

    Short interruptions are retried here; every method raises the errors of ConvexHttp. In the
    stores of `own` nothing is wanted of what other devices made but its digests.
    """

    def __init__(
        self, http: ConvexHttp, token: str, workspace: str, own: Sequence[str] = ()
    ) -> None:
        self._http = http
        self._own = list(own)
        self._who = {"token": token, "workspace": workspace}
        self.logs = ConvexLogs(http, token, workspace)
        """The same device's logs."""

    async def hello(
        self,
        ledger: str,
        start: int,
        cursor: Cursor | None,
        witnesses: Sequence[Witness],
        passed: Cursor | None = None,
    ) -> Welcome:
        """Say who we are and what we remember. Not retried: a start number is used once."""
        answer = await self._http.mutation(
            "sync:hello",
            self._args(
                protocol=PROTOCOL,
                ledger=ledger,
                start=start,
                cursor=cursor,
                passed=passed,
                witnesses=[to_witness(witness) for witness in witnesses],
            ),
            HelloAnswer,
        )
        return Welcome(
            answer.deployment,
            answer.device,
            answer.name,
            answer.seen,
            tuple(witness.to_core() for witness in answer.broken),
            answer.behind,
            answer.missed,
            _cursor(answer.reaped),
        )

    async def tell_passed(self, ledger: str, start: int, passed: Cursor) -> Cursor | None:
        """Say how far the ledger has passed since the hello with this start number; the place
        before which all tombstones are reaped, None where that is not told.
        """
        args = self._args(ledger=ledger, start=start, passed=passed)
        async for attempt in patiently():
            with attempt:
                answer = await self._http.mutation("sync:passed", args, PassedAnswer)
        return _cursor(answer.reaped)

    async def register(self, stores: Sequence[StoreSettings]) -> None:
        """Make the configured stores known; the same again changes nothing."""
        args = self._args(stores=[to_registration(store) for store in stores])
        async for attempt in patiently():
            with attempt:
                await self._http.mutation("sync:register", args, RegisterAnswer)

    async def push(self, intents: Sequence[Intent], passed: Cursor | None = None) -> list[Outcome]:
        """Send intents in one transaction; an outcome for each of their halves, in order.

        Sending the same intents again is answered from their receipts, so a lost answer is
        simply asked for again. What changed little in a text is sent as that; what cannot be
        taken so is sent whole, in a transaction of its own.
        """
        outcomes = await self._push_changes(intents, passed)
        lacking = [at for at, outcome in enumerate(outcomes) if _is_to_be_whole(outcome)]
        if lacking:
            every = halves(intents)
            whole = await self._push([to_operation(every[at]) for at in lacking], passed)
            for at, outcome in zip(lacking, whole, strict=True):
                outcomes[at] = outcome
        return outcomes

    async def _push_changes(
        self, intents: Sequence[Intent], passed: Cursor | None
    ) -> list[Outcome]:
        if all(intent.former is None for intent in intents):
            return await self._push([to_operation(intent) for intent in intents], passed)
        away = sum(len(intent.former or b"") for intent in intents) > COMPARED_HERE
        operations = await asyncio.to_thread(_operations, intents) if away else _operations(intents)
        try:
            return await self._push(operations, passed)
        except FunctionFailed:
            # Functions from before do not know of changes; and what ran into a limit is worth a
            # second try, since whole texts cost the functions less.
            return await self._push([to_operation(intent) for intent in intents], passed)

    async def _push(
        self, operations: Sequence[dict[str, Any]], passed: Cursor | None
    ) -> list[Outcome]:
        args = self._args(operations=operations, passed=passed)
        async for attempt in patiently():
            with attempt:
                answer = await self._http.mutation("sync:push", args, PushAnswer)
        told = [result.operation for result in answer.results]
        if told != [each["operation"] for one in operations for each in to_halves(one)]:
            raise ProtocolError(
                "sync:push answered other operations than were sent; none was recorded",
                "deploy this version's functions: see convex/README.md",
            )
        return [result.to_core() for result in answer.results]

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        """What happened behind `cursor`, and which of `witnesses` are denied.

        What lies at the `known` places is our own and left out; the cursor passes it. The page has
        up to `most` bytes of text, unless one alone has more.
        """
        answer = await self._some(
            "sync:changes",
            ChangesAnswer,
            most,
            stores=list(stores),
            own=self._own,
            cursor=cursor,
            known=[str(place) for place in known],
            witnesses=[to_witness(witness) for witness in witnesses],
        )
        if answer.cursor == cursor and not answer.done:
            raise stuck("sync:changes")
        changes = [verified(change.to_change()) for change in answer.changes]
        broken = tuple(witness.to_core() for witness in answer.broken)
        return Page(changes, Cursor(answer.cursor), answer.done, broken, answer.missed)

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        """The current snapshots of the first of `keys`, with their bytes; None for one never held.

        As many as have up to `most` bytes of text, and one at least.
        """
        asked = [to_key(key) for key in keys[:_FETCH_KEYS]]
        answer = await self._some("sync:fetch", FetchAnswer, most, keys=asked)
        return asked_for(keys[:_FETCH_KEYS], answer.entries)

    async def record(
        self, conflicts: Sequence[tuple[ListedConflict, bytes | None]]
    ) -> list[str | None]:
        """Make conflicts known, each with the bytes that lost; the authors' names.

        Telling again changes nothing but the resolution.
        """
        args = self._args(conflicts=[to_conflict(*conflict) for conflict in conflicts])
        async for attempt in patiently():
            with attempt:
                answer = await self._http.mutation("sync:conflict", args, ConflictAnswer)
        return one_each(answer.authors, conflicts, "sync:conflict")

    async def authors(self, devices: Sequence[str]) -> list[str | None]:
        """What these devices are called; None for nobody known."""
        answer = await self._query("sync:authors", AuthorsAnswer, devices=list(devices))
        return one_each(answer.names, devices, "sync:authors")

    async def head(self) -> Cursor:
        """The newest place in the feed."""
        return Cursor((await self._query("sync:head", HeadAnswer)).head)

    async def manifest(self, store: str, after: Key | None) -> tuple[list[Change], Key | None]:
        """A page of the entries of `store` behind `after`, without bytes, and its last key.

        Tombstones are listed too. None for the last key where the page is the last.
        """
        place = {"path": after.path, "record": after.record} if after else None
        answer = await self._query("sync:manifest", ManifestAnswer, store=store, after=place)
        last = None
        if answer.next is not None:
            last = Key(store, answer.next.path, answer.next.record)
            if last == after:
                raise stuck("sync:manifest")
        return [entry.to_change() for entry in answer.entries], last

    def _args(self, **args: object) -> dict[str, Any]:
        return {**self._who, **args}

    async def _some(self, path: str, answer: type[Answer], most: int, **args: object) -> Answer:
        if most >= ANSWER:
            return await self._query(path, answer, **args)
        try:
            return await self._query(path, answer, most=most, **args)
        except FunctionFailed:
            # Functions from before answer as much as they ever do.
            return await self._query(path, answer, **args)

    async def _query(self, path: str, answer: type[Answer], **args: object) -> Answer:
        async for attempt in patiently():
            with attempt:
                return await self._http.query(path, self._args(**args), answer)
        raise AssertionError("tenacity reraises")


def _operations(intents: Sequence[Intent]) -> list[dict[str, Any]]:
    return [to_operation(intent, whole=False) for intent in intents]


def _is_to_be_whole(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.reason == SEND_WHOLE


_FETCH_KEYS = 500
"""Keys of one call: an index range each, of which a transaction may read 4,096, and one more for
longer text. Others wait while it runs."""


def _cursor(place: str | None) -> Cursor | None:
    return Cursor(place) if place is not None else None
