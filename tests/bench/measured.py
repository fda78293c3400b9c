"""syncd itself, as a process, on files made for the purpose."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.system.machine import Machine
from tests.system.waiting import until

FOLDER = 100
"""Files a folder."""


@dataclass(frozen=True)
class Spent:
    """What a command took: wall-clock and processor seconds, and most bytes resident."""

    seconds: float
    processor: float
    peak: int


def make(root: Path, files: int, size: int) -> None:
    """Make workflow files of about `size` bytes."""
    for number in range(files):
        path = root / f"{number // FOLDER:04}" / f"flow-{number:06}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(flow(number, size))


def flow(number: int, size: int, note: str = "") -> str:
    steps = [{"id": f"step-{n}", "agent": "worker", "dependsOn": []} for n in range(3)]
    told = {"id": f"flow-{number}", "name": f"Flow {number}", "steps": steps, "description": note}
    missing = max(0, size - len(json.dumps(told, indent=2)))
    return json.dumps({**told, "description": note + "words " * (missing // 6)}, indent=2)


def once(machine: Machine) -> Spent:
    """`syncd sync --once`, from the start of its process to its end."""
    command = [sys.executable, "-m", "syncd", "sync", "--once", "--config", str(machine.config)]
    environment = {**os.environ, **machine.environment}
    with (machine.home / "once.log").open("wb") as said:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        peak = _Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        spent = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, (machine.home / "once.log").read_text()
    return Spent(spent, usage.ru_utime + usage.ru_stime, peak.bytes())


class _Peak:
    """Follows how much of a process is resident, from a thread.

    The rusage of a child does not tell: it counts what its parent had before the exec.
    """

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._most = 0
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def bytes(self) -> int:
        """The most there ever was. Call it when the process has ended."""
        self._thread.join()
        return self._most

    def _follow(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            while found := re.search(r"VmHWM:\s+(\d+) kB", self._status.read_text()):
                self._most = int(found[1]) * 1024
                time.sleep(0.02)


def start_up() -> float:
    """Seconds of a process that imports the same and does nothing."""
    began = time.perf_counter()
    code = "import syncd.cli, syncd.cli.run, syncd.daemon"
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def saves(
    machine: Machine, paths: list[Path], size: int, sent: Callable[[Path, int, str], None]
) -> list[float]:
    """Milliseconds from each save to its commit, by the deployment's clock (whole milliseconds).

    The files are mirrored at revision 1; `sent` is told each file, its revision and digest right
    after it was saved, and the next save waits for the commit.
    """
    mirror = machine.mirror()
    before = mirror.entries()
    taken: list[float] = []
    for number, path in enumerate(paths):
        name = path.relative_to(machine.folder).as_posix()
        entry = before[name]
        body = flow(number, size, f"saved at {time.time_ns()} ")
        saved = time.time_ns()
        machine.save(name, body)
        sent(path, int(entry["revision"]), entry["digest"])
        keys = [{"store": "flows", "path": name, "record": ""}]

        def committed(keys: object = keys, known: float = entry["revision"]) -> int:
            now = mirror.query("sync:fetch", keys=keys)["entries"][0]
            return int(now["at"].value) if now["revision"] > known else 0

        # Half a millisecond: the clock that stamps commits is cut to whole ones.
        taken.append((until(committed, f"the commit of {name}") - saved) / 1e6 + 0.5)
    return taken
