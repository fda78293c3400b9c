"""Many saves at once: a burst, a hot file, a switch of branches."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from syncd.engine.exchange.batch import OPERATIONS
from syncd.engine.exchange.pusher import IN_FLIGHT
from tests.system.machine import Machine

from . import probes
from .bare import Bare
from .meter import processor, resident
from .row import Budget, Cost, Figures, Row
from .saving import Burst, LostSaves, Side, burst, hot
from .scripts import Script
from .stage import Counter, Load
from .trees import files, flow

ROUND_TRIPS = 2
"""Of batches, that the last of a burst may be committed later than the bare loop's last."""


def gusts(
    machine: Machine, counter: Counter, side: Side, bare: Bare, naive: tuple[Bare, Side], load: Load
) -> list[Row]:
    """What a running daemon makes of them, counted; `bare` and `naive` have as many files."""

    def counted(work: Callable[[], Burst]) -> tuple[Burst, Cost]:
        assert machine.daemon is not None
        pid = machine.daemon.pid
        counter.read()
        before = processor(pid)
        done = work()
        machine.until_in_sync(60)
        used, peak = processor(pid) - before, resident(pid, most=True)
        return done, replace(counter.read(), processor=used, peak=peak)

    paths = files(side.root)
    return [
        _burst(counted, side, paths[: load.burst], bare, naive, load),
        _switch(counted, side, paths[: load.branch], bare, naive, load),
        _hot(counted, side, paths[-1], load),
    ]


Counted = Callable[[Callable[[], Burst]], tuple[Burst, Cost]]


def _burst(
    counted: Counted, side: Side, paths: list[Path], bare: Bare, naive: tuple[Bare, Side],
    load: Load,
) -> Row:  # fmt: skip
    limit, script = _limits(bare, naive, len(paths), load, switch=False)
    # One alone says as much of what else the machine did just then.
    runs = [counted(lambda: burst(side, paths, load.size)) for _ in range(load.rounds)]
    found, cost = sorted(runs, key=lambda run: run[0].behind)[len(runs) // 2]
    behind = Figures.of([run.behind for run, _ in runs])
    trip = limit * IN_FLIGHT / math.ceil(len(paths) / OPERATIONS)
    latest = max(0.0, limit - found.saving) + ROUND_TRIPS * trip
    most = len(paths) // 50 + 2
    return Row(
        f"burst of {len(paths):,} saves: last commit", "s", behind, "P3", _one(limit), script, cost,
        (
            Budget.most("2 round trips behind P3", found.behind, latest),
            Budget.most("mutations: n / 50 + 2", cost.mutations or 0, most),
        ),
    )  # fmt: skip


def _switch(
    counted: Counted, side: Side, paths: list[Path], bare: Bare, naive: tuple[Bare, Side],
    load: Load,
) -> Row:  # fmt: skip
    limit, script = _limits(bare, naive, len(paths), load, switch=True)
    found, cost = counted(lambda: burst(side, paths, load.size, switch=True))
    return Row(
        f"branch switch of {len(paths):,} files: last commit", "s", _one(found.behind), "P3",
        _one(limit), script, cost,
    )  # fmt: skip


def _hot(counted: Counted, side: Side, path: Path, load: Load) -> Row:
    times = 0

    def work() -> Burst:
        nonlocal times
        times, done = hot(side, path, load.size, load.hot_seconds)
        return done

    found, cost = counted(work)
    most = Budget.most("mutations: fewer than saves", cost.mutations or 0, times)
    return Row(
        f"hot file, {times} saves at 20 a second: last commit",
        "s",
        _one(found.behind),
        cost=cost,
        budgets=(most,),
    )


def _limits(
    bare: Bare, naive: tuple[Bare, Side], count: int, load: Load, *, switch: bool
) -> tuple[float, Figures | LostSaves]:
    """Seconds that the bare loop takes for as many files, and that the script is behind."""
    loose = files(bare.root)[:count]
    for number, path in enumerate(loose):
        path.write_text(flow(number, load.size, f"again {switch} "))
    limit = probes.bare_loop(bare, loose)
    script, side = naive
    running = Script("naive", script)
    try:
        return limit, _one(burst(side, files(side.root)[:count], load.size, switch=switch).behind)
    except LostSaves as lost:
        return limit, lost
    finally:
        running.end()


def _one(value: float) -> Figures:
    return Figures(value, value, 1)
