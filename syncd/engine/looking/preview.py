"""What turns would decide now: the planner of the executor, with nothing carried out.

Works on a copy of the ledger that is thrown away, and reads files only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.core.decision import Decision
from syncd.core.model import Hold, Key, Reason, Tombstone
from syncd.core.reading import Missing
from syncd.engine.naming.intake import BATCH, Intake
from syncd.engine.naming.rescan import Rescan
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.stops.holding import KEPT_OUT, kept_out
from syncd.engine.turns.decide import Turn
from syncd.engine.turns.parts import FileTurn
from syncd.engine.turns.turn import Reconciler
from syncd.ledger.ledger import Ledger

ROUNDS = 12
"""Looks in a row at keys that all ask to be looked at again: more than any doubt takes."""


class Preview(Reconciler):
    """Decides as a turn does. `decisions` is what it would carry out, without the bytes, `lacking`
    the keys whose bytes it would fetch or read first, `held` what no turn looks at: no file, or no
    folder.
    """

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        super().__init__(ledger, stores, guards, clock)
        self.decisions: dict[Key, Decision] = {}
        self.lacking: set[Key] = set()
        self.held: dict[Key, Hold] = {}

    def make_room(self) -> None:
        """What files that are to go keep out is decided as it will be once they are gone."""
        decided = self.decisions.items()
        gone = [key for key, each in decided if isinstance(each.plan.to_local, Tombstone)]
        held = [key for key, each in decided if _kept_out(each.plan.hold)]
        for key in kept_out(held, gone):
            turn = Turn()
            decision = self._decider.decide(key, Missing(), self._ledger.view(key), turn)
            if isinstance(decision, Decision):
                self.decisions[key] = decision
            elif turn.wanted:
                del self.decisions[key]
                self.lacking.update(turn.wanted)

    async def _carry_out(
        self, decided: Sequence[Decision], turn: Turn, files: Sequence[FileTurn] = ()
    ) -> None:
        for decision in decided:
            if decision.plan.reason is not Reason.NOTHING:
                self.decisions[decision.key] = replace(decision, body=None)

    async def _rewrite(self, files: Sequence[FileTurn], turn: Turn) -> None:
        return

    async def _recover(self, turn: Turn, *, doubted: bool = False) -> None:
        return


async def preview(
    ledger: Ledger, stores: Mapping[str, LocalReplica], clock: Clock, heard: Iterable[Key] = ()
) -> Preview:
    """Walk every store and decide what it names, and `heard`. Doubts are taken as they end if
    nothing changes meanwhile.
    """
    waiting = _Waiting(clock)
    guards = Guards(ledger, stores, waiting)
    found = Preview(ledger, stores, guards, waiting)
    named = _Named(found, waiting)
    rescan = Rescan(ledger, stores, guards, named, waiting)
    for store in stores:
        seen = await rescan.scan(store)
        found.held.update({Key(store, path): hold for path, hold in seen.holds.items()})
    named.name(heard)
    vain = 0
    while named.keys and vain < ROUNDS:
        keys, named.keys = list(named.keys), {}
        for start in range(0, len(keys), BATCH):
            turn = await found.consider(keys[start : start + BATCH])
            found.lacking.update(turn.wanted, turn.slow, (key for key, _ in turn.unready))
            named.name(key for key, _ in turn.again)
            waiting.until(when for _, when in turn.again)
        # Fewer each time where large files are left for the next turn.
        vain += len(named.keys) >= len(keys)
    found.make_room()
    return found


def _kept_out(hold: Hold | None) -> bool:
    return hold is not None and hold.reason in KEPT_OUT


class _Named(Intake):
    """Gathers names and considers nothing."""

    def __init__(self, reconciler: Reconciler, clock: Clock) -> None:
        super().__init__(reconciler, clock)
        self.keys: dict[Key, None] = {}

    def name(self, keys: Iterable[Key]) -> None:
        self.keys.update(dict.fromkeys(keys))


class _Waiting:
    """A clock on which waiting takes no time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = 0.0

    def now(self) -> float:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._ahead

    def read_ns(self) -> int:
        return self._clock.read_ns()

    def until(self, times: Iterable[float]) -> None:
        """Let it be the latest of `times`."""
        self._ahead = max(self._ahead, *(when - self._clock.monotonic() for when in times), 0.0)
