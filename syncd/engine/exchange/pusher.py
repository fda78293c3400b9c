"""Empties the outbox: claim, push, acknowledge. What was sent stays frozen until answered."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence

import structlog

from syncd.core.guard import Direction
from syncd.core.model import (
    MISSING_BLOB,
    Applied,
    Intent,
    Key,
    OperationId,
    Outcome,
    Refused,
    Replayed,
    halves,
)
from syncd.core.pace import FULL, Pace
from syncd.core.portion import Portion
from syncd.core.settle import FEW
from syncd.engine.exchange.batch import OPERATIONS, TEXT_BYTES, fill, text_bytes
from syncd.engine.exchange.known import Known
from syncd.engine.naming.intake import Intake
from syncd.engine.ports import Clock, RemoteReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.vanishing import Vanishing
from syncd.engine.telling import tell_answers
from syncd.engine.waiting import all_ended, woken
from syncd.errors import FunctionFailed
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger

PAUSED = 0.2
"""Seconds between two looks whether git is done, or files that were missing are there."""

IN_FLIGHT = 3
"""Calls on their way at once."""

FUNCTION_FAILED = "function-failed"
"""Why a row is parked that makes the function throw: it is tried again at the next tie."""

log = structlog.get_logger()


class Pusher:
    """Sends what is queued, several batches at once: saves and bulk by turns, each oldest first."""

    def __init__(
        self,
        ledger: Ledger,
        remote: RemoteReplica,
        intake: Intake,
        guards: Guards,
        clock: Clock,
        waiting: Callable[[], Collection[str]],
        known: Known,
    ) -> None:
        self._ledger = ledger
        self._remote = remote
        self._intake = intake
        self._guards = guards
        self._clock = clock
        self._waiting = waiting
        self._known = known
        self._frozen: deque[Intent] = deque()
        """Rows that are sent as the ledger has it, and on no call."""
        self._asked: dict[OperationId, int] = {}
        """How new the news of their keys was when operations were asked about once more."""
        self._vanishing = Vanishing(ledger, guards.doubts, clock)
        self._doubted: Collection[str] = ()
        """Stores whose deletions were not claimed last time, for what may be going with them."""
        self._pace = Pace()
        self._portion = Portion(TEXT_BYTES)
        self._bulk = False
        """Whether bulk was queued when it was last looked at."""
        self._pause = 0.0
        """Seconds that what is queued waits for more."""
        self._wakened = asyncio.Event()
        self._rests = False
        """Whether nothing is queued or sent, and what will be is waited for."""
        self._fetch: Callable[[Iterable[Key]], None] = lambda _: None
        self._upload: Callable[[], None] = lambda: None
        self.idle = asyncio.Event()
        """Set while nothing that may be sent is queued and nothing is on its way."""
        self.device = ""
        self.accepted = 0
        """How many operations were accepted since the start."""

    def connect(self, fetch: Callable[[Iterable[Key]], None], upload: Callable[[], None]) -> None:
        """Tell who fetches the snapshots that answers only mention, and what the feed has anyway,
        and who uploads content.
        """
        self._fetch, self._upload = fetch, upload

    def wake(self) -> None:
        """Something was queued."""
        self.idle.clear()
        self._wakened.set()

    def claim_beside(self, saves: int) -> Claim | None:
        """What is claimed where so many saves are queued, in the same transaction: they wait for
        the disk once then. None where they are claimed by and by.
        """
        # Many go in full calls, and their first one waits for nothing that would be noticed.
        return self._claim(more=saves) if self._rests and saves <= FEW else None

    def send(self, claimed: Sequence[Intent]) -> None:
        """Send rows that were claimed elsewhere."""
        self._take(claimed)
        self.wake()

    async def run(self) -> None:
        """Send until cancelled. Raises the trouble of the first call that failed for good."""
        # Read anew with every tie: an epoch that ended meanwhile took them away.
        self._frozen = deque(self._ledger.outbox.unanswered())
        self._asked.clear()
        while True:
            await self._drain()
            if self._waiting() or self._doubted:
                await self._soon()
            elif self._pause:
                await woken(self._wakened, self._pause)
            else:
                await self._rest()

    async def _rest(self) -> None:
        if not self._wakened.is_set():
            self.idle.set()
        self._rests = True
        try:
            await self._wakened.wait()
        finally:
            self._rests = False

    async def _soon(self) -> None:
        await woken(self._wakened, PAUSED)

    async def _drain(self) -> None:
        self._wakened.clear()
        flying: set[asyncio.Task[None]] = set()
        try:
            while True:
                while len(flying) < IN_FLIGHT and (batch := self._next()):
                    flying.add(asyncio.create_task(self._send(batch)))
                if not flying:
                    return
                landed, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                for error in [task.exception() for task in landed]:
                    if error is not None:
                        raise error
        finally:
            for task in flying:
                task.cancel()
            await all_ended(flying)

    def _next(self) -> list[Intent]:
        if not self._frozen and (claim := self._claim()) is not None:
            self._take(self._ledger.claim(claim))
        return fill(self._frozen, self._portion.bytes)

    def _take(self, claimed: Sequence[Intent]) -> None:
        self._frozen.extend(claimed)
        self._intake.lead.claimed(len(claimed))
        # Full calls of bulk are no stream of saves: one beside them does not wait for others.
        if claimed and not (self._bulk and len(claimed) >= FULL):
            self._pace.went(len(claimed), self._clock.monotonic())

    def _claim(self, answered: Collection[str] = (), more: int = 0) -> Claim | None:
        """What may be claimed now; None where nothing need be, or waits for more for `_pause`.

        `answered` are stores whose answers are taken before: what deletions these queue again are
        not looked at here, and wait for the next claim. `more` rows are queued before.
        """
        outbox, self._doubted = self._ledger.outbox, ()
        queued, self._bulk = outbox.claimable.queued(FULL) if not self._frozen else (0, False)
        if not (queued or self._frozen):
            # Rows of a turn may have stood already: no bulk waits for what is not there.
            self._intake.lead.claimed(0)
        queued += more
        self._pause = self._pace.pause(queued, self._clock.monotonic()) if queued else 0.0
        if not queued or self._pause:
            return None
        deleting, to_remote = outbox.claimable.deleting(), Direction.TO_REMOTE
        guarded = [store for store in deleting if self._guards.holds_back(store, to_remote)]
        self._doubted = self._vanishing.among(set(deleting) - set(guarded))
        guarded += set(answered).difference(deleting)
        most = self._portion.bytes
        return Claim(OPERATIONS, most, guarded, self._waiting(), self._doubted)

    async def _send(self, intents: Sequence[Intent]) -> None:
        try:
            with self._portion.call(text_bytes(intents), self._clock.monotonic):
                outcomes = await self._push(intents)
        except BaseException:
            # RACE: it may have been carried out. The rows stay sent, frozen as they are, and
            # the receipt on the deployment answers when they are sent again.
            self._frozen.extend(intents)
            raise
        self._acknowledge(intents, outcomes)

    async def _push(self, intents: Sequence[Intent]) -> list[Outcome]:
        """Outcomes of `halves`, in order. A batch that fails is cut, so that a bad row is alone."""
        try:
            return await self._remote.push(intents, self._ledger.passing.place)
        except FunctionFailed as error:
            if len(intents) == 1:
                return [Refused(FUNCTION_FAILED, str(error)) for _ in halves(intents)]
            log.info("bisected", operations=len(intents), what=str(error))
            middle = len(intents) // 2
            first = await self._push(intents[:middle])
            return first + await self._push(intents[middle:])

    def _acknowledge(self, intents: Sequence[Intent], outcomes: Sequence[Outcome]) -> None:
        answers = self._believed(intents, outcomes)
        # Before the transaction: what it looks at, git and the folders, is told in others.
        claim = self._claim({intent.key.store for intent in intents})
        # In one transaction: each waits for the disk, and a first mirror for little else.
        taken = self._ledger.acknowledge(answers, self.device, self._clock.now(), claim)
        self._take(taken.claimed)
        if len(answers) == len(outcomes):
            self._known.acknowledged(outcomes)
        self._intake.answered([intent.key for intent, _ in answers])
        self._intake.name(taken.named)
        if taken.wanted or taken.coming:
            self._fetch(taken.wanted)
        if any(isinstance(o, Refused) and o.reason == MISSING_BLOB for o in outcomes):
            self._upload()
        self.accepted += sum(isinstance(o, Applied | Replayed) for o in outcomes)
        tell_answers(answers)

    def _believed(
        self, intents: Sequence[Intent], outcomes: Sequence[Outcome]
    ) -> list[tuple[Intent, Outcome]]:
        """The answers to `halves` that may be taken; what else was sent is sent once more.

        RACE: an answer that comes after newer news of its key may be of before a restore, and the
        news of after it. The receipt tells, or its absence (sim).
        """
        answered = iter(outcomes)
        believed: list[tuple[Intent, Outcome]] = []
        with self._ledger.moment():
            newest = max((at for at, _ in self._ledger.entries.witnesses(0, 1, 1)), default=0)
            for intent in intents:
                answers = [(half, next(answered)) for half in halves([intent])]
                if any(self._is_overtaken(half, outcome, newest) for half, outcome in answers):
                    self._frozen.append(intent)
                else:
                    believed += answers
        return believed

    def _is_overtaken(self, half: Intent, outcome: Outcome, newest: int) -> bool:
        """`newest` is the latest that was heard of any key: what is not before it need not be
        looked up.
        """
        known = self._asked.pop(half.operation, 0)
        match outcome:
            case Applied(_, at):
                told = at
            case Replayed(_, current):
                told = current.at
            case _:
                return False
        # What was heard before the last question is no news: it would be answered the same.
        heard = self._ledger.entries.last_write(half.key)[0] if newest > told else 0
        if heard <= max(told, known):
            return False
        self._asked[half.operation] = heard
        return True
