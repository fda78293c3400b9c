"""`python -m tests.bench.payload [--size BYTES] [--json]`: one large payload, machine to machine.

Small edits are saved meanwhile, one after the other: they must not wait for it. Nothing is judged.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.embedded.backend import Backend
from tests.system.deployment import enroll
from tests.system.machine import Machine
from tests.system.proxy import Proxy

from .stage import WORKSPACE, deployment

PATIENCE = 300.0
"""Seconds after which the payload is given up."""


def main() -> None:
    told = _arguments()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        found = measure(Path(folder), told.size)
    if told.json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name}: {value}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.payload", description=__doc__)
    parser.add_argument("--size", type=int, default=200_000_000)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(home: Path, size: int) -> dict[str, Any]:
    """Seconds, bytes and calls of one payload, from the rename here to the file there."""
    with deployment(home / "deployment") as backend:
        proxies = [Proxy(backend.port) for _ in range(2)]
        machines = [_machine(home / f"{n}", backend, proxy.url) for n, proxy in enumerate(proxies)]
        try:
            return _carry(home, backend, machines, proxies, size)
        finally:
            for machine in machines:
                machine.close()
            for proxy in proxies:
                proxy.close()


def _machine(home: Path, backend: Backend, url: str) -> Machine:
    told = {"CONVEX_URL": url, "SYNCD_TOKEN": enroll(backend, WORKSPACE, home.name)}
    machine = Machine(home, WORKSPACE, stores={"things": "file"}, environment=told).start()
    machine.until_in_sync(60)
    return machine


def _carry(
    home: Path, backend: Backend, machines: list[Machine], proxies: list[Proxy], size: int
) -> dict[str, Any]:
    here, there = machines
    body = home / "payload"
    body.write_bytes(random.Random(1).randbytes(size))
    assert here.daemon is not None
    assert there.daemon is not None
    assert backend.process is not None
    pids = {"here": here.daemon.pid, "there": there.daemon.pid, "backend": backend.process.pid}
    before = {name: _resident(pid, "VmRSS") for name, pid in pids.items()}
    calls = sum(proxy.calls for proxy in proxies)
    began = time.perf_counter()
    body.rename(here.folder / "payload.bin")
    edits = list(_edits(here, there, lambda: (there.folder / "payload.bin").exists()))
    seconds = time.perf_counter() - began
    for machine in machines:
        machine.until_in_sync(60)
    stored = [path.stat().st_size for path in (backend.data / "storage").iterdir()]
    return {
        "version": 1,
        "size": size,
        "seconds": seconds,
        "uploaded bytes": sum(stored),
        "downloaded bytes": size * there.said().count('"event": "downloaded"'),
        "calls": sum(proxy.calls for proxy in proxies) - calls,
        "edits": len(edits),
        "edit ms": {"p50": statistics.median(edits), "most": max(edits)},
        "grown bytes": {n: _resident(pid, "VmHWM") - before[n] for n, pid in pids.items()},
    }


def _edits(here: Machine, there: Machine, done: Callable[[], bool]) -> Iterator[float]:
    """Milliseconds from each small save to the file on the other machine, until `done`."""
    number, deadline = 0, time.monotonic() + PATIENCE
    while not number or not done():
        assert time.monotonic() < deadline, "the payload never came"
        saved = time.perf_counter()
        here.save("note.txt", f"edit {number}")
        there.until_reads("note.txt", f"edit {number}", PATIENCE)
        yield (time.perf_counter() - saved) * 1000
        number += 1
        time.sleep(0.1)


def _resident(pid: int, which: str) -> int:
    found = re.search(rf"{which}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) * 1024


if __name__ == "__main__":
    main()
