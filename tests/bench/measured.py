"""syncd itself, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

from syncd.report.standing import State
from tests.system.machine import Machine

from .meter import Peak, Spent, children, processor, resident, wait, wakeups
from .probes import waking

PATIENCE = 600.0
"""Seconds that a daemon is given to be in sync."""

WAKEUPS = 3
"""A second, of the bare process beside a daemon that is left alone: as many as it has itself."""

AGREED = ("deployment", "files", "feed", "uploads", "downloads")
"""The parts of a daemon that make it in sync."""


def once(machine: Machine) -> Spent:
    """`syncd sync --once`, from the start of its process to its end."""
    command = [sys.executable, "-m", "syncd", "sync", "--once", "--config", str(machine.config)]
    environment = {**os.environ, **machine.environment}
    with (machine.home / "once.log").open("wb") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        process.returncode, spent = wait(process.pid, began, Peak(process.pid))
    assert process.returncode == 0, (machine.home / "once.log").read_text()
    return spent


def loading() -> float:
    """Seconds of a process that loads what `sync --once` does, and ends."""
    began = time.perf_counter()
    code = (
        "from syncd.cli import registered\n"
        "from syncd.cli.importing import uncollected\n"
        "with uncollected():\n"
        "    registered('sync')\n"
        "    import aiohttp, syncd.daemon"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def in_sync(machine: Machine) -> float:
    """Start the daemon: seconds until both sides agreed, by what it says of its parts."""
    began = time.time()
    machine.start()
    deadline = time.monotonic() + PATIENCE
    # Seldom, and counting nothing: a look takes of the processor that the daemon could use.
    while (found := machine.report(counting=False)).state is not State.IN_SYNC:
        assert machine.daemon is not None
        assert machine.daemon.poll() is None, machine.said()
        assert time.monotonic() < deadline, found.model_dump_json()
        time.sleep(0.25)
    parts = [part for name, part in found.parts.items() if name in AGREED]
    return max(part.since for part in parts) - began


@dataclass(frozen=True)
class Rest:
    """A daemon that had nothing to do for `seconds`. `child` is its listener's memory, `bare` the
    seconds of processor of a process beside it that wakes about as often and does nothing.
    """

    seconds: float
    processor: float
    bare: float
    wakeups: int
    resident: int
    peak: int
    child: int


def rest(machine: Machine, seconds: float) -> Rest:
    """Leave the daemon alone."""
    assert machine.daemon is not None
    pid = machine.daemon.pid
    pids = [pid, *children(pid)]
    with waking(WAKEUPS) as bare:
        before = sum(map(processor, pids)), processor(bare), sum(map(wakeups, pids))
        time.sleep(seconds)
        after = sum(map(processor, pids)), processor(bare), sum(map(wakeups, pids))
    assert [pid, *children(pid)] == pids, "the listener was started anew"
    spent, bare_spent, woken = (now - then for now, then in zip(after, before, strict=True))
    return Rest(
        seconds,
        spent,
        bare_spent,
        int(woken),
        resident(pid),
        resident(pid, most=True),
        sum(map(resident, pids[1:])),
    )
