"""`python -m tests.bench.lines [--lines N] [--seconds S] [--names N] [--json]`.

A program that keeps a file open appends samples evenly; syncd follows it into a backend of its
own. Bytes and calls are counted by a proxy between the two.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.system.deployment import enroll
from tests.system.machine import Machine
from tests.system.mirror import Mirror
from tests.system.proxy import Proxy
from tests.system.waiting import until

from .stage import WORKSPACE, deployment

TICK = 0.05
"""Seconds between two writes of the program."""

QUESTIONS = 20
"""How often the aggregate of everything is asked for."""


def main() -> None:
    told = _arguments()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as folder:
        found = {"version": 1} | measure(Path(folder), told.lines, told.seconds, told.names)
    print(json.dumps(found, indent=2) if told.json else _table(found))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.lines", description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--names", type=int, default=20, help="metrics that take turns")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def measure(home: Path, lines: int, seconds: float, names: int) -> dict[str, Any]:
    """What following one file costs, from its first line to the last one's commit."""
    with deployment(home / "data") as backend:
        proxy = Proxy(backend.port)
        told = {"CONVEX_URL": proxy.url, "SYNCD_TOKEN": enroll(backend, WORKSPACE, "laptop")}
        machine = Machine(
            home / "laptop", WORKSPACE, stores={"perf": "metric"}, environment=told
        )  # fmt: skip
        try:
            machine.start().until_in_sync()
            assert machine.daemon is not None
            assert backend.process is not None
            daemon, server = machine.daemon.pid, backend.process.pid
            before = {pid: _processor(pid) for pid in (daemon, server)}
            proxy.forget()
            size, late = _append(machine.folder / "run.jsonl", lines, seconds, names)
            ended = time.perf_counter()
            mirror = Mirror(backend.url, told["SYNCD_TOKEN"], WORKSPACE)
            until(lambda: _lines(mirror) == lines, f"{lines} rows", 10 * seconds + 60)
            return {
                "lines": lines,
                "file bytes": size,
                "seconds behind the last line": time.perf_counter() - ended,
                "seconds the program was late": late,
                "calls": proxy.calls,
                "bytes sent": proxy.sent,
                "processor seconds": {
                    "daemon": _processor(daemon) - before[daemon],
                    "backend": _processor(server) - before[server],
                },
                "peak bytes": {"daemon": _peak(daemon), "backend": _peak(server)},
                "aggregate": _asked(mirror, lines),
            }
        finally:
            machine.close()
            proxy.close()


def _append(path: Path, lines: int, seconds: float, names: int) -> tuple[int, float]:
    """Bytes written, and how late the last of them was."""
    ticks = max(1, round(seconds / TICK))
    began, start = time.perf_counter(), round(time.time() * 1000)
    with path.open("a") as file:
        for tick in range(ticks):
            for number in range(lines * tick // ticks, lines * (tick + 1) // ticks):
                file.write(_sample(number, start + 1000 * seconds * number / lines, names))
            file.flush()
            time.sleep(max(0.0, began + TICK * (tick + 1) - time.perf_counter()))
    return path.stat().st_size, time.perf_counter() - began - seconds


def _sample(number: int, timestamp: float, names: int) -> str:
    told = {
        "type": "request", "name": f"route-{number % names}", "unit": "ms",
        "value": round(20 + (number * 7919 % 1000) ** 1.4 / 40, 3), "timestamp": round(timestamp),
        "labels": {"host": "build-1", "status": 200},
    }  # fmt: skip
    return json.dumps(told) + "\n"


def _lines(mirror: Mirror) -> int:
    time.sleep(0.1)  # The question costs the backend something, too.
    return sum(int(log["lines"]) for log in mirror.query("logs:list", store="perf")["rows"])


def _asked(mirror: Mirror, lines: int) -> dict[str, float]:
    taken = []
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        answer = mirror.query("metrics:aggregate", type="request", bucket=60_000)
        taken.append(1000 * (time.perf_counter() - began))
        assert (answer["count"], answer["partial"]) == (lines, False)
    return {"samples": lines, "median ms": statistics.median(taken)}


def _processor(pid: int) -> float:
    """Seconds of processor that a process used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def _table(found: dict[str, Any]) -> str:
    used, peak = found["processor seconds"], found["peak bytes"]
    per_byte = found["bytes sent"] / found["file bytes"]
    return "\n".join([
        f"{found['lines']:,} lines, {found['file bytes']:,} bytes: {found['calls']} calls, "
        f"{found['bytes sent']:,} bytes sent ({per_byte:.2f} x)",
        f"the last line was committed {found['seconds behind the last line']:.1f} s after it "
        f"was written (the program was {found['seconds the program was late']:.1f} s late)",
        *(f"{name}: {used[name]:.1f} s of processor, {peak[name] / 2**20:.0f} MiB at most"
          for name in used),
        f"aggregate of {found['aggregate']['samples']:,} samples: "
        f"{found['aggregate']['median ms']:.1f} ms",
    ])  # fmt: skip


if __name__ == "__main__":
    main()
