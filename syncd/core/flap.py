"""A key that swings between two versions is held. Pure: the caller passes the time, in seconds.

Two programs, or two sync tools, that each put their own version back would do so for ever, on
every machine. A version that returns to the one before it is a swing; put-backs, which syncd
writes itself, are not told here. Swings that undo what the other side wrote are soon too many.
Where all come from one side it is more likely a person who goes back and forth between branches, or
a status that toggles, and two programs that fight there go on without end.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from syncd.core.decision import Decision
from syncd.core.model import Content, Digest, Hold, Key, Plan, Reason

SWINGS = 3
"""Swings against the other side, within a window, that hold a key."""

ALONE = 20
"""Swings within a window that hold a key whoever wrote them: more than people make by hand."""

WINDOW = 600.0
"""Seconds; as many without a change release a key."""

FLAPPING = Hold(
    "flapping",
    "it went back and forth between two versions again and again within ten minutes",
    "find the two programs that write it; `syncd retry`, or ten quiet minutes, release it",
)


@dataclass(frozen=True, slots=True)
class Shift:
    """One version of a key gives way to another: on the deployment if `outward`, else here.

    `fresh`: no file was there to give way. Without it, `former` None is a tombstone, or not told.
    """

    former: Digest | None
    digest: Digest
    outward: bool
    fresh: bool = False


@dataclass(slots=True)
class _Trace:
    """The last two versions of a key, and when it swung back from one to the other."""

    former: Digest | None
    current: Digest
    outward: bool
    touched: float
    swings: list[tuple[float, bool]] = field(default_factory=list)
    """When, and whether against the other side."""
    held: bool = False


class Flaps:
    """Remembers what keys changed to, for as long as a window."""

    def __init__(self) -> None:
        # Forgotten from its front: of a dict each look there passes over all that was forgotten.
        self._traces: OrderedDict[Key, _Trace] = OrderedDict()

    def __len__(self) -> int:
        return len(self._traces)

    def judged(self, decision: Decision, now: float) -> Decision:
        """The decision, or a hold in its place where its key flaps."""
        shift = _shift(decision)
        if shift is None or not self.flaps(decision.key, shift, now):
            return decision
        return replace(decision, plan=Plan(Reason.HELD, None, hold=FLAPPING), body=None)

    def flaps(self, key: Key, shift: Shift, now: float) -> bool:
        """Whether `key`, of which one version now gives way to another, is to be held."""
        self._forget(now)
        trace = self._traces.get(key)
        if trace is None:
            if shift.former is None:
                return False  # It takes nobody's place: of a first pull nothing is remembered.
            self._traces[key] = _Trace(shift.former, shift.digest, shift.outward, now)
            return False
        if shift.digest != trace.current:
            self._swing(key, trace, shift, now)
        return trace.held

    def release(self, keys: Iterable[Key]) -> list[Key]:
        """Forget what the files of `keys` did; those that were held."""
        files = {(key.store, key.path) for key in keys}
        gone = [key for key in self._traces if (key.store, key.path) in files]
        traces = [(key, self._traces.pop(key)) for key in gone]
        return [key for key, trace in traces if trace.held]

    def _swing(self, key: Key, trace: _Trace, shift: Shift, now: float) -> None:
        recent = [(when, against) for when, against in trace.swings if now - when < WINDOW]
        swing = now, shift.outward != trace.outward
        # What a restore, say, brings back where somebody deleted the file undoes nobody (sim).
        returns = shift.digest == trace.former and not shift.fresh
        trace.swings = [*recent, swing] if returns else []
        against = sum(against for _, against in trace.swings)
        trace.held = trace.held or against >= SWINGS or len(trace.swings) >= ALONE
        trace.former = None if shift.fresh else trace.current
        trace.current = shift.digest
        trace.outward, trace.touched = shift.outward, now
        # The newest change stands last: see _forget.
        self._traces.move_to_end(key)

    def _forget(self, now: float) -> None:
        while self._traces:
            key = next(iter(self._traces))
            if now - self._traces[key].touched < WINDOW:
                return
            del self._traces[key]


def _shift(decision: Decision) -> Shift | None:
    """What gives way to what. A first version takes nobody's place and cannot swing."""
    plan, file = decision.plan, decision.file
    if decision.capture or plan.base is None or plan.base.revision == 0:
        return None
    if isinstance(plan.to_local, Content):
        former = file.digest if file else None
        # Of a part of a records file it is not told what the file held of it.
        fresh = former is None and not decision.part
        return Shift(former, plan.to_local.digest, outward=False, fresh=fresh)
    if isinstance(plan.to_remote, Content):
        return Shift(plan.base.digest, plan.to_remote.digest, outward=True)
    return None
