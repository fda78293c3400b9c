"""A key that swings between two versions is held. Pure: the caller passes the time, in seconds.

Two programs, or two sync tools, that each put their own version back would do so for ever, on
every machine. A version that returns to the one before it is a swing; put-backs, which syncd
writes itself, are not told here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from syncd.core.decision import Decision
from syncd.core.model import Content, Digest, Hold, Key, Plan, Reason

SWINGS = 3
WINDOW = 600.0
"""Three swings within ten minutes hold a key; ten quiet minutes release it."""

FLAPPING = Hold(
    "flapping",
    "it went back and forth between two versions three times within ten minutes",
    "find the two programs that write it; `syncd retry`, or ten quiet minutes, release it",
)


@dataclass(slots=True)
class _Trace:
    """The last two versions of a key, and when it swung back from one to the other."""

    former: Digest | None
    current: Digest
    touched: float
    swings: list[float] = field(default_factory=list)
    held: bool = False


class Flaps:
    """Remembers what keys changed to, for as long as a window."""

    def __init__(self) -> None:
        self._traces: dict[Key, _Trace] = {}

    def __len__(self) -> int:
        return len(self._traces)

    def judged(self, decision: Decision, now: float) -> Decision:
        """The decision, or a hold in its place where its key flaps."""
        change = _change(decision)
        if change is None or not self.flaps(decision.key, *change, now):
            return decision
        return replace(decision, plan=Plan(Reason.HELD, None, hold=FLAPPING), body=None)

    def flaps(self, key: Key, former: Digest | None, digest: Digest, now: float) -> bool:
        """Whether `key`, which now changes from `former` to `digest`, is to be held."""
        self._forget(now)
        trace = self._traces.get(key)
        if trace is None:
            self._traces[key] = _Trace(former, digest, now)
            return False
        if digest != trace.current:
            self._swing(key, trace, digest, now)
        return trace.held

    def release(self, keys: Iterable[Key]) -> list[Key]:
        """Forget what the files of `keys` did; those that were held."""
        files = {(key.store, key.path) for key in keys}
        gone = [key for key in self._traces if (key.store, key.path) in files]
        traces = [(key, self._traces.pop(key)) for key in gone]
        return [key for key, trace in traces if trace.held]

    def _swing(self, key: Key, trace: _Trace, digest: Digest, now: float) -> None:
        recent = [when for when in trace.swings if now - when < WINDOW]
        trace.swings = [*recent, now] if digest == trace.former else []
        trace.held = trace.held or len(trace.swings) >= SWINGS
        trace.former, trace.current, trace.touched = trace.current, digest, now
        # The newest change stands last: see _forget.
        self._traces[key] = self._traces.pop(key)

    def _forget(self, now: float) -> None:
        while self._traces:
            key = next(iter(self._traces))
            if now - self._traces[key].touched < WINDOW:
                return
            del self._traces[key]


def _change(decision: Decision) -> tuple[Digest | None, Digest] | None:
    """What gives way to what. A first version takes nobody's place and cannot swing."""
    plan, file = decision.plan, decision.file
    if decision.capture or plan.base is None or plan.base.revision == 0:
        return None
    if isinstance(plan.to_local, Content):
        return (file.digest if file else None), plan.to_local.digest
    if isinstance(plan.to_remote, Content):
        return plan.base.digest, plan.to_remote.digest
    return None
