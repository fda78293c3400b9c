"""A daemon with nothing to do: its start, its rest, its memory."""

from __future__ import annotations

import time

from tests.system.machine import Machine
from tests.system.waiting import until

from . import measured, probes
from .notices import OPENED, Notices
from .row import Budget, Cost, Figures, Row
from .stage import Counter, Load

MIB = 2**20

RESTART = 0.7
"""Seconds a start may take besides two bare walks."""

CALLS = 3
"""A start calls hello, head, and one page of changes."""

BEGINNING = 16.0
"""Seconds in which a daemon that just began looks at itself more often: `monitoring/pulse.py`."""

CHILD = 40
"""MiB of a listener's process."""


def restart(plain: Machine, through: Machine, counter: Counter, load: Load) -> Row:
    """A start with nothing changed, until in sync. Leaves `through` running."""
    walks, taken, opened = [], [], 0
    for _ in range(load.rounds):
        walks.append(probes.walk(plain.folder))
        with Notices(plain.folder, OPENED) as notices:
            taken.append(measured.in_sync(plain))
            while paths := notices.wait(0):
                opened += len(paths)
        plain.stop()
    counter.read()
    measured.in_sync(through)
    cost = counter.read()
    figures, walk = Figures.of(taken), Figures.of(walks)
    return Row(
        f"start with nothing changed, {load.files:,} files", "s", figures, "P1", walk, cost=cost,
        budgets=(
            Budget.most("2 x P1 + 0.7 s", figures.median, 2 * walk.median + RESTART),
            Budget.most("files opened: none", opened, 0),
            Budget.most("calls: 3", cost.calls or 0, CALLS),
        ),
    )  # fmt: skip


def idle(machine: Machine, counter: Counter, load: Load) -> list[Row]:
    """A daemon left alone, subscribed, once its first seconds are over."""
    until(lambda: _listens(machine), "a listener that is live")
    time.sleep(min(BEGINNING, load.idle_seconds))
    counter.read()
    found = measured.rest(machine, load.idle_seconds)
    cost = counter.read()
    used = 100 * found.processor / found.seconds
    woken = found.wakeups / found.seconds
    rest = Row(
        f"idle for {load.idle_seconds:,.0f} s, {load.files:,} files", "% CPU", _one(used),
        "bare wake-ups", _one(100 * found.bare / found.seconds),
        cost=Cost(cost.calls, cost.mutations, cost.sent, cost.received, found.processor),
        budgets=(
            Budget.most("at most 0.1 %", used, 0.1),
            Budget.most("calls: none", cost.calls or 0, 0),
        ),
    )  # fmt: skip
    return [
        rest,
        Row(f"wake-ups a second, {load.files:,} files", "/s", _one(woken)),
        *_memory(found, load),
    ]


def _listens(machine: Machine) -> bool:
    listener = machine.report().parts.get("listener")
    return listener is not None and listener.state == "live"


def _memory(found: measured.Rest, load: Load) -> list[Row]:
    limit = 80 if load.files <= 10_000 else 120
    daemon, child = found.resident / MIB, found.child / MIB
    return [
        Row(
            f"memory, {load.files:,} files", "MiB", _one(daemon), cost=Cost(peak=found.peak),
            budgets=(Budget.most(f"at most {limit} MiB", daemon, limit),),
        ),
        Row(
            f"memory of the listener, {load.files:,} files", "MiB", _one(child),
            budgets=(Budget.most(f"at most {CHILD} MiB", child, CHILD),),
        ),
    ]  # fmt: skip


def _one(value: float) -> Figures:
    return Figures(value, value, 1)
