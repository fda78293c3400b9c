"""What commands ask for, done: in the daemon, or in the command itself while none runs.

Files are written like a person's save, and what they held is in history first. The ledger is
written by whoever owns the state folder, on one thread, one act at a time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol, assert_never

from syncd.control.deciding import TOGETHER, Deciding
from syncd.control.desk import Desk
from syncd.control.messages import (
    Answer,
    AnyRequest,
    Approve,
    Done,
    Failure,
    Pause,
    Ping,
    Reject,
    Resolve,
    Restore,
    RestoreMany,
    Resume,
    Retry,
    Undo,
)
from syncd.control.saving import Body
from syncd.core.guard import Verdict
from syncd.core.model import Digest, Key
from syncd.core.wording import counted


class Guarding(Protocol):
    """What holds deletions back: see `engine.stops.guards`."""

    async def survey(self, store: str) -> None:
        """Look, before either of these and not between turns, at what they have to know."""

    def approve(self, store: str) -> Verdict:
        """Let the deletions that wait go, once."""

    def reject(self, store: str) -> Verdict:
        """Put back what is gone."""


class Pausing(Protocol):
    """A person's pause: see `engine.stops.hiatus`."""

    def begin(self, seconds: float = math.inf) -> None:
        """Pause from now."""

    def end(self) -> bool:
        """End it; whether there was one."""


class Acts:
    """Does one request after the other. `beat` returns once the engine could begin a turn."""

    def __init__(
        self, desk: Desk, guards: Guarding, pausing: Pausing, beat: Callable[[], Awaitable[None]]
    ) -> None:
        self._desk = desk
        self._guards = guards
        self._pausing = pausing
        self._beat = beat
        self._deciding = Deciding(desk)
        self._one = asyncio.Lock()

    async def perform(self, request: AnyRequest) -> Answer:
        """Do it. Raises LedgerError; everything else is told in the answer."""
        if isinstance(request, Ping):  # Not behind an act that takes its time.
            await self._beat()
            return Answer(done=[Done(key="", what="alive")])
        if isinstance(request, Pause):  # Nor do these: they wait for no turn.
            return self._pause(request)
        if isinstance(request, Resume):
            return self._resume()
        async with self._one:
            match request:
                case Resolve() | Undo() | Restore() | RestoreMany():
                    answer = await self._save(request)
                case Approve():
                    answer = await self._guarded(request.store, self._guards.approve, _APPROVED)
                case Reject():
                    answer = await self._guarded(request.store, self._guards.reject, _REJECTED)
                case Retry():
                    answer = self._retry(request)
                case _:
                    assert_never(request)
            return answer

    async def _save(self, request: Resolve | Undo | Restore | RestoreMany) -> Answer:
        match request:
            case Resolve():
                return await self._deciding.resolve(request)
            case Undo():
                return await self._deciding.undo(request)
            case Restore():
                return await self._restore([request])
            case RestoreMany():
                answer = Answer()
                for start in range(0, len(request.files), TOGETHER):
                    some = request.files[start : start + TOGETHER]
                    answer = answer.joined(await self._restore(some))
                return answer

    async def _restore(self, requests: Sequence[Restore]) -> Answer:
        wanted: list[tuple[Key, Body]] = []
        done: list[Done] = []
        failed: list[Failure] = []
        for each in requests:
            key, digest = Key(each.store, each.path, each.record), Digest(each.digest)
            body = await self._desk.find(digest)
            if body is not None:
                wanted.append((key, body))
            elif await self._desk.holds(key, digest):
                done.append(Done(key=str(key), what="restored", detail=HELD_ALREADY))
            else:
                failed.append(_unkept(key, digest))
        outcomes = await self._desk.save_all(wanted, "restored")
        for (key, _), saved in zip(wanted, outcomes, strict=True):
            if isinstance(saved, Failure):
                failed.append(saved)
                continue
            detail = "what it held is in history" if saved.former else "it was gone"
            if not saved.changed:
                detail = HELD_ALREADY
            done.append(Done(key=str(key), what="restored", detail=detail))
        return Answer(done=done, failed=failed)

    async def _guarded(
        self, store: str | None, act: Callable[[str], Verdict], detail: str
    ) -> Answer:
        if store is not None and store not in self._desk.files:
            return Answer(failed=[_no_store(store, self._desk.files)])
        for name in self._guarded_now(store):
            await self._guards.survey(name)
        # RACE: a turn that is under way has looked at bases, and at the folder, that this changes.
        async with self._desk.between_turns:
            chosen = self._guarded_now(store)
            verdicts = {name: act(name) for name in chosen}
        answer = Answer()
        for name, verdict in verdicts.items():
            if verdict.why:
                answer.failed.append(_undecided(name, verdict))
            else:
                what = f"{counted(verdict.deletions, 'deletion')} of"
                answer.done.append(Done(key=name, what=what, detail=detail))
        return answer

    def _guarded_now(self, store: str | None) -> list[str]:
        """The stores, or that one of them, of which deletions wait."""
        waiting = {name for name, _ in self._desk.ledger.attention.guards()}
        return sorted(waiting if store is None else waiting & {store})

    def _pause(self, request: Pause) -> Answer:
        self._pausing.begin(math.inf if request.seconds is None else request.seconds)
        end = "`syncd resume`"
        if request.seconds is not None:
            until = datetime.fromtimestamp(time.time() + request.seconds).astimezone()
            end = f"{until:%Y-%m-%d %H:%M:%S}, or {end}"
        detail = f"until {end} nothing is sent or heard; saves are queued"
        return Answer(done=[Done(key="mirroring", what="paused", detail=detail)])

    def _resume(self) -> Answer:
        if not self._pausing.end():
            return Answer()
        return Answer(done=[Done(key="mirroring", what="resumed")])

    def _retry(self, request: Retry) -> Answer:
        key = None
        if request.store is not None and request.path is not None:
            key = Key(request.store, request.path)
        ledger = self._desk.ledger
        with ledger.transaction():
            parked = ledger.outbox.retry(key=key)
        held = [
            Key(store, path)
            for store in self._desk.files
            for path in ledger.attention.held(store)
            if key in (None, Key(store, path))
        ]
        records = {
            each for store in self._desk.files for each in ledger.attention.held_records(store)
        }
        held += sorted(each for each in records if key in (None, Key(each.store, each.path)))
        self._desk.name([*parked, *held])
        return Answer(
            done=[
                *(Done(key=str(each), what="queued again") for each in parked),
                *(Done(key=str(each), what="looked at again") for each in held),
            ]
        )


HELD_ALREADY = "it held these bytes already"
_APPROVED = "approved: they go now, later ones are guarded as before"
_REJECTED = "rejected: the files come back"


def _undecided(store: str, verdict: Verdict) -> Failure:
    what = f"nothing was decided: {verdict.why}"
    return Failure(key=store, what=what, advice=verdict.advice, exit_code=3)


def _no_store(store: str, stores: Iterable[str]) -> Failure:
    names = ", ".join(sorted(stores)) or "none"
    what = f"no store is named {store!r}; nothing was changed"
    return Failure(what=what, advice=f"configured stores: {names}", exit_code=2)


def _unkept(key: Key, digest: Digest) -> Failure:
    return Failure(
        key=str(key), what=f"the bytes of {digest[:12]} are not kept here; nothing was changed",
        advice="history holds what remote changes replaced, for 30 days: `syncd log` lists it",
    )  # fmt: skip
