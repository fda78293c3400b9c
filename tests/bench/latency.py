"""Single saves: into the deployment, and from the deployment into another machine's file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.system.machine import Machine

from . import probes
from .bare import Bare, Connection
from .notices import ARRIVED, Notices
from .row import Budget, Cost, Figures, Row
from .saving import CUT, PACE, Side, singles
from .scripts import Script
from .stage import Load
from .trees import files, flow

OUT = (5, 25)
"""Milliseconds above P2 that half of the saves may take, and all but one in a hundred."""

IN = (10, 40)
"""The same above a bare subscription and a durable write."""

TEXT = 1024
"""Bytes on the wire that one edit may cost besides its text."""

PATIENCE = 30.0
"""Seconds after which an edit never came."""


def scripted(which: str, bare: Bare, side: Side, load: Load) -> Figures:
    """Milliseconds from a save to its commit by a script, `bare` or `naive`."""
    script = Script(which, bare)
    try:
        return Figures.of(singles(side, files(bare.root)[: load.saves], load.size))
    finally:
        script.end()


def outward(side: Side, limit: Figures, naive: Figures, cost: Cost, load: Load) -> Row:
    """Saves on an idle daemon. `cost` is that of one save, counted apart."""
    found = Figures.of(singles(side, files(side.root)[: load.saves], load.size))
    wire = (cost.sent or 0) + (cost.received or 0)
    return Row(
        f"save to commit, {load.files:,} files", "ms", found, "P2", limit, naive, cost,
        (
            *_above(found, limit, "P2", OUT),
            Budget.most("bytes: at most its text + 1 KiB", wire, load.size + TEXT),
        ),
    )  # fmt: skip


def inward(home: Path, machine: Machine, device: Bare, watched: Bare, load: Load) -> Row:
    """Commits by `device`, in the workspace of the machine, and how soon they are in its files.

    `watched` is a workspace that nobody but a bare subscriber follows.
    """
    woken = _woken(watched, load)
    written = [probes.durable_write(home, flow(0, load.size).encode()) for _ in woken]
    limit = Figures.of([wake + write for wake, write in zip(woken, written, strict=True)])
    found = Figures.of(_arrived(machine.folder, device, load))
    name = f"commit to another machine's file, {load.files:,} files"
    above = _above(found, limit, "a bare wake-up and P4", IN)
    return Row(name, "ms", found, "wake-up + P4", limit, budgets=above)


def _above(found: Figures, limit: Figures, what: str, most: tuple[int, int]) -> tuple[Budget, ...]:
    return (
        Budget.most(f"p50 at most {what} + {most[0]}", found.median, limit.median + most[0]),
        Budget.most(f"p99 at most {what} + {most[1]}", found.p99, limit.p99 + most[1]),
    )


def _woken(bare: Bare, load: Load) -> list[float]:
    """Milliseconds from a commit to the line that a bare subscriber prints."""
    who = {"token": bare.target.token, "workspace": bare.target.workspace}
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.embedded.subscriber",
            bare.target.url,
            "sync:head",
            json.dumps(who),
        ],
        stdout=subprocess.PIPE,
    )
    connection = Connection(bare)
    taken = []
    try:
        assert child.stdout is not None
        child.stdout.readline()
        for number, path in enumerate(files(bare.root)[: load.saves]):
            time.sleep(PACE)
            path.write_text(flow(number, load.size, f"woken at {time.time_ns()} "))
            at = connection.send(path)
            child.stdout.readline()
            taken.append(_since(at))
    finally:
        connection.close()
        child.kill()
        child.communicate()
    return taken


def _arrived(folder: Path, device: Bare, load: Load) -> list[float]:
    """Milliseconds from a commit to the bytes in the machine's file."""
    connection = Connection(device)
    taken = []
    with Notices(folder, ARRIVED) as notices:
        for number, path in enumerate(files(device.root)[: load.saves]):
            time.sleep(PACE)
            body = flow(number, load.size, f"edited at {time.time_ns()} ")
            path.write_text(body)
            mirrored = folder / path.relative_to(device.root)
            at = connection.send(path)
            deadline = time.monotonic() + PATIENCE
            while mirrored.read_text() != body:
                assert time.monotonic() < deadline, f"{path} never came"
                notices.wait(1.0)
            taken.append(_since(at))
    connection.close()
    return taken


def _since(at: int) -> float:
    return max(0.0, (time.time_ns() - at) / 1e6 - CUT)
