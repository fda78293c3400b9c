"""Sends what files hold behind their logs: cut, append, acknowledge.

The file is the queue: nothing of it is copied, and its offset moves only with an answer. So a lost
answer, a crash or a lost deployment costs one comparison, never a line and never one twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from syncd.core.log import NOTHING, Answer, Append, Appended, Cut, Gone, Log, Mismatch, Parted
from syncd.core.model import Hold, Key, Refused
from syncd.engine.exchange.pusher import FUNCTION_FAILED
from syncd.engine.lines.generations import Generations
from syncd.engine.ports import Clock, LinesReplica, RemoteLogs
from syncd.engine.stops.holding import hold
from syncd.errors import FunctionFailed
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import UNKNOWN

LINES = 500
"""Lines a call carries at most: each is a row."""

TEXT_BYTES = 768 * 1024
"""Bytes of text in a call, to which one line may come: the functions take 1 MiB."""

LOGS = 100
"""Logs a call adds to at most."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Sending:
    """An append, the log as it was then, and how far its file holds lines."""

    known: Log
    append: Append
    whole: int


class Appender:
    """Sends the lines of every store. What it does to logs is done under `turn`."""

    def __init__(
        self,
        ledger: Ledger,
        folders: Mapping[str, LinesReplica],
        stores: Mapping[str, Generations],
        remote: RemoteLogs,
        clock: Clock,
        turn: asyncio.Lock,
    ) -> None:
        self._ledger = ledger
        self._folders = folders
        self._stores = stores
        self._remote = remote
        self._clock = clock
        self._turn = turn
        self._most = LINES
        self._logs = LOGS
        self._refused: dict[str, Log] = {}
        self.unseen: set[str] = set()
        """Stores that wait for their folder to be there before they meet the deployment."""
        self._gone: set[str] = set()

    def begin(self) -> None:
        """The deployment was tied: what it did not take may be tried again."""
        self._refused.clear()

    def refused(self, store: str) -> set[str]:
        """The paths of the logs that the deployment does not take as they are."""
        return {known.path for known in self._refused.values() if known.store == store}

    def take_gone(self) -> set[str]:
        """The stores of which some file was not found where it was last, once."""
        gone, self._gone = self._gone, set()
        return gone

    async def bootstrap(self, store: str) -> None:
        """Meet the deployment's logs of a store; not while its folder cannot be seen whole."""
        async with self._turn:
            seen = await asyncio.to_thread(self._folders[store].scan)
            if seen.root is None:
                self.unseen.add(store)
                return
            self.unseen.discard(store)
            told = await self._remote.tails(store)
            await self._stores[store].settle(told, seen.stats)
            known = self._ledger.places.stores().get(store, UNKNOWN)
            record = replace(known, root=seen.root, bootstrapped=True)
            with self._ledger.transaction():
                self._ledger.places.record_store(store, record)
        log.info("bootstrapped", stores=[store])

    async def send_some(self) -> bool:
        """Send one call's worth; whether there was any."""
        async with self._turn:
            sending = await self._gather()
            self._note_first(sending)
        if not sending:
            return False
        appends = [each.append for each in sending]
        try:
            answers = await self._remote.append(appends)
        except FunctionFailed as error:
            if len(sending) > 1 or len(appends[0].lines) > 1:
                self._shrink(appends, error)
                return True
            answers = [Refused(FUNCTION_FAILED, str(error))]
        else:
            self._most, self._logs = min(LINES, 2 * self._most), LOGS
        async with self._turn:
            await self._acknowledge(sending, answers)
        return True

    def _note_first(self, sending: Sequence[_Sending]) -> None:
        # RACE: if its first answer is lost, a log is known here to hold nothing. Its file may be
        # rotated by copying before it is asked again: then the copy must be known as one.
        for store, generations in self._stores.items():
            of_store = [e for e in sending if e.known.store == store and e.known.extent == NOTHING]
            generations.tries({each.known.inode: each.append.next for each in of_store})

    def _shrink(self, appends: Sequence[Append], error: FunctionFailed) -> None:
        """What failed as a whole is sent in smaller parts, so that one bad line stands alone."""
        lines = sum(len(append.lines) for append in appends)
        log.info("bisected", logs=len(appends), lines=lines, what=str(error))
        if len(appends) > 1:
            self._logs = len(appends) // 2
        else:
            self._most = lines // 2

    async def _gather(self) -> list[_Sending]:
        found: list[_Sending] = []
        most, room = self._most, TEXT_BYTES
        for store, generations in self._stores.items():
            if not self._ledger.places.stores().get(store, UNKNOWN).bootstrapped:
                continue
            for inode in sorted(generations.behind):
                known = generations.get(inode)
                if known is None or known.generation in self._refused:
                    generations.behind.discard(inode)
                    continue
                if most <= 0 or room <= 0 or len(found) == self._logs:
                    return found
                each = await self._cut(generations, known, most, room)
                if each is not None:
                    found.append(each)
                    most -= len(each.append.lines)
                    room -= sum(len(line.text.encode()) for line in each.append.lines)
        return found

    async def _cut(
        self, generations: Generations, known: Log, most: int, room: int
    ) -> _Sending | None:
        folder = self._folders[known.store]
        generations.met.discard(known.inode)
        found = await asyncio.to_thread(folder.cut, known.inode, known.extent, most, room)
        match found:
            case Parted():
                generations.restart(known)
                anew = generations.get(known.inode) or known
                return await self._cut(generations, anew, most, room)
            case Gone():
                generations.behind.discard(known.inode)
                self._gone.add(known.store)
                return None
            case Cut(lines, extent, size, more):
                if extent == known.extent:
                    generations.caught_up(known)
                    return None
                append = Append(
                    known.store, known.path, known.generation, folder.kind,
                    known.extent, extent, lines,
                )  # fmt: skip
                return _Sending(known, append, size if more else extent.length)

    async def _acknowledge(self, sending: Sequence[_Sending], answers: Sequence[Answer]) -> None:
        answered = list(zip(sending, answers, strict=True))
        with self._ledger.transaction():
            for each, answer in answered:
                if isinstance(answer, Appended):
                    self._advance(each)
        for each, answer in answered:
            if isinstance(answer, Mismatch):
                # RACE: the answer to this very append may have been lost before.
                await self._stores[each.known.store].resume(each.known, answer.extent)
            elif isinstance(answer, Refused):
                self._hold(each.known, answer)
        lines = sum(len(e.append.lines) for e, a in answered if isinstance(a, Appended))
        if lines:
            log.info("appended", lines=lines, logs=len(answered), first=str(_key(sending[0].known)))

    def _advance(self, each: _Sending) -> None:
        generations, inode, whole = self._stores[each.known.store], each.known.inode, each.whole
        now = generations.get(inode)
        # RACE: the file may have been written while the answer was on its way, and be renamed by
        # now, or rest from here on: then nothing names it again.
        met = inode in generations.met
        if met and now is not None:
            whole = max(whole, now.whole)
        generations.advance(each.known, each.append.next, whole)
        if whole == each.append.next.length and not met:
            generations.behind.discard(inode)

    def _hold(self, known: Log, refused: Refused) -> None:
        """A log that the deployment does not take waits for the next tie."""
        self._refused[known.generation] = known
        advice = "its next lines are tried again when the deployment is tied again"
        why = Hold(refused.reason, refused.detail, advice)
        hold(self._ledger, _key(known), why, self._clock.now())


def _key(known: Log) -> Key:
    return Key(known.store, known.path)
