"""Random kills: two daemons, programs that save all the time, and a backend that dies as well.

    python -m tests.crash.storm [--kills 200] [--seed 1] [--home FOLDER]

prints what was exercised and what is wrong at the end; ends with 1 where anything is.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from tests.embedded.backend import Backend
from tests.system.deployment import enroll, started
from tests.system.machine import Machine
from tests.system.waiting import until

from . import invariants
from .device import Device
from .programs import KEYS, Program, is_whole

NAMES = "first", "second"
KINDS = {"flows": "workflow", "texts": "file"}
BACKEND_DIES = 0.12
AIMED = 0.5
"""Chances: that it is the backend's turn, and that a daemon is killed while it writes a file."""

LONGEST_AIM = 2.0
"""Seconds that such a kill waits for a write."""

STARTING = 1.0
"""Seconds after its start within which a daemon's death counts as one in its start."""


class Witness(threading.Thread):
    """Reads the careful files of all devices all the time: each is one version at any instant."""

    def __init__(self, devices: Sequence[Device]) -> None:
        super().__init__(daemon=True)
        self.looks = 0
        self.torn: list[str] = []
        self._devices = devices
        self._stopping = threading.Event()

    def run(self) -> None:
        careful = [key for key in KEYS if "careful" in key]
        while not self._stopping.wait(0.01):
            for device in self._devices:
                for key in careful:
                    body = device.reads(key)
                    self.looks += 1
                    if body is not None and not is_whole(key, body):
                        self.torn.append(f"{key} was neither old nor new: {body[:80]!r}")

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@dataclass
class Storm:
    """One run. `met` counts what the killed were in the middle of."""

    backend: Backend
    devices: list[Device]
    chance: random.Random
    met: Counter[str] = field(default_factory=Counter)
    started: dict[str, float] = field(default_factory=dict)

    def kill_some(self, kills: int) -> None:
        for _ in range(kills):
            time.sleep(0.05 + self.chance.random() * 1.4)  # the moment of the kill
            if self.chance.random() < BACKEND_DIES:
                self.met["the backend"] += 1
                self.backend.kill()
                time.sleep(self.chance.random())
                self.backend.start()
            else:
                self._kill(self.chance.choice(self.devices))

    def start(self, device: Device) -> None:
        device.machine.start()
        self.started[device.machine.home.name] = time.monotonic()

    def _kill(self, device: Device) -> None:
        name = device.machine.home.name
        daemon = device.machine.daemon
        assert daemon is not None
        if self.chance.random() < AIMED:
            _until_it_writes(device)
            time.sleep(self.chance.random() * 0.006)  # before, in or after the write
        assert daemon.poll() is None, f"{name} ended by itself: {device.machine.said()[-3000:]}"
        device.machine.kill()
        self.met["a daemon"] += 1
        self.met["... in its start"] += time.monotonic() - self.started[name] < STARTING
        for what, count in self._left(device).items():
            self.met[f"... with {what}"] += count > 0
        time.sleep(self.chance.random() * 0.3)
        self.start(device)

    def _left(self, device: Device) -> dict[str, int]:
        stores = [device.machine.home / store for store in KINDS]
        left = {"temporary names": sum(len(list(s.rglob(".syncd-*"))) for s in stores)}
        for ledger in device.ledgers():
            with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection:
                for what, question in (
                    ("notes", "SELECT count(*) FROM notes"),
                    ("sent rows", "SELECT count(*) FROM outbox WHERE state = 'sent'"),
                    ("queued rows", "SELECT count(*) FROM outbox WHERE state = 'queued'"),
                    ("conflicts", "SELECT count(*) FROM conflicts"),
                ):
                    with suppress(sqlite3.OperationalError):
                        left[what] = connection.execute(question).fetchone()[0]
        return left


def run(home: Path, kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    """One storm: what it exercised, and what is wrong at its end."""
    backend = started(home / "deployment")
    workspace = "storm"
    devices = [_device(home / name, backend, workspace) for name in NAMES]
    storm = Storm(backend, devices, random.Random(seed))
    try:
        return _run(storm, kills, seed)
    finally:
        for device in devices:
            device.machine.close()
        backend.close()


def _run(storm: Storm, kills: int, seed: int) -> tuple[Counter[str], list[str]]:
    programs = [Program(device, seed + n) for n, device in enumerate(storm.devices)]
    witness = Witness(storm.devices)
    for device in storm.devices:
        storm.start(device)
    for thread in (*programs, witness):
        thread.start()
    storm.kill_some(kills)
    for program in programs:
        program.stop()
        storm.met.update({f"program: {what}": n for what, n in program.did.items()})
    for device in storm.devices:
        device.machine.until_in_sync(60)
    until(lambda: _agree(storm.devices), "equal files", 60)
    witness.stop()
    storm.met["looks at careful files"] = witness.looks
    return storm.met, [*witness.torn, *_wrong_at_the_end(storm)]


def _until_it_writes(device: Device) -> None:
    """Wait for a temporary name of syncd's, which stands for a millisecond or two."""
    deadline = time.monotonic() + LONGEST_AIM
    while time.monotonic() < deadline:
        for store in KINDS:
            with os.scandir(device.machine.home / store) as names:
                if any(name.name.startswith(".syncd-") for name in names):
                    return
        time.sleep(0.0005)


def _agree(devices: Sequence[Device]) -> bool:
    try:
        return invariants.tree(devices[0]) == invariants.tree(devices[1])
    except FileNotFoundError:
        return False  # A file went while they were read.


def _wrong_at_the_end(storm: Storm) -> list[str]:
    wrong = [
        f"{device.machine.home.name} stopped with {code}"
        for device in storm.devices
        if (code := device.machine.stop())
    ]
    if invariants.quiescent(storm.devices) is None:
        wrong.append(f"after {invariants.ROUNDS} rounds there still is something to do")
    return wrong + list(invariants.problems(storm.devices))


def _device(home: Path, backend: Backend, workspace: str) -> Device:
    environment = {
        "CONVEX_URL": backend.url, "SYNCD_TOKEN": enroll(backend, workspace, home.name)
    }  # fmt: skip
    return Device(Machine(home, workspace, stores=KINDS, environment=environment))


def main(words: list[str]) -> int:
    """Run one storm and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.storm")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, default=None)
    told = parser.parse_args(words)
    home = told.home or Path(tempfile.mkdtemp(prefix="syncd-storm-"))
    home.mkdir(exist_ok=True)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    began = time.monotonic()
    met, wrong = run(home, told.kills, told.seed)
    for what, count in met.items():
        print(f"{count:8} {what}")
    for each in wrong:
        print(f"WRONG: {each}")
    spent = time.monotonic() - began
    print(f"seed {told.seed}: {told.kills} kills, {len(wrong)} wrong, {spent:.0f} s; {home}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
