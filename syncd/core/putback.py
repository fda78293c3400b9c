"""When a records file may be written. Pure: the caller passes the time, in seconds.

What a program saves while it works is often not what the file is to hold, and what is put into
the file then is overwritten by its next save. So the file is left alone for two seconds after a
save, and for twice as long each time that the program undoes what was put back, up to a minute.
A program that never rests does not put it off for more than a minute either.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.model import Key

SHORTEST = 2.0
LONGEST = 60.0


@dataclass(slots=True)
class _Trace:
    saved: float
    pause: float = SHORTEST
    written: bool = False
    wanted: float | None = None


class PutBacks:
    """Remembers the saves of each records file."""

    def __init__(self) -> None:
        self._traces: dict[Key, _Trace] = {}

    def saved(self, file: Key, now: float, *, agrees: bool) -> None:
        """A program saved `file`; `agrees` tells whether it holds what it is to hold."""
        trace = self._traces.setdefault(file, _Trace(now))
        if agrees:
            trace.pause, trace.wanted = SHORTEST, None
        elif trace.written:
            trace.pause = min(LONGEST, 2 * trace.pause)
        trace.saved, trace.written = now, False

    def due(self, file: Key, now: float) -> float:
        """When `file`, which is to hold something else than it does, may be written."""
        trace = self._traces.get(file)
        if trace is None:
            return now
        if trace.wanted is None:
            trace.wanted = now
        return min(trace.saved + trace.pause, trace.wanted + LONGEST)

    def wrote(self, file: Key) -> None:
        """`file` holds what it is to hold."""
        if (trace := self._traces.get(file)) is not None:
            trace.written, trace.wanted = True, None
