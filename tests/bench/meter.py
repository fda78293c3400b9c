"""What processes use, as the kernel counts it."""

from __future__ import annotations

import os
import re
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Spent:
    """What a command took: wall-clock and processor seconds, and most bytes resident."""

    seconds: float
    processor: float
    peak: int


class Peak:
    """Follows how much of a process is resident, from a thread.

    The rusage of a child does not tell: it counts what its parent had before the exec.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def bytes(self) -> int:
        """The most there ever was. Call it when the process has ended."""
        self._thread.join()
        return self._most

    def _follow(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError):
            while found := resident(self._pid, most=True):
                self._most = found
                time.sleep(0.02)


def resident(pid: int, *, most: bool = False) -> int:
    """Bytes of memory in use, or the most there ever were; 0 of a process that has ended."""
    name = "VmHWM" if most else "VmRSS"
    found = re.search(rf"{name}:\s+(\d+) kB", (PROC / str(pid) / "status").read_text())
    return int(found[1]) * 1024 if found else 0


def processor(pid: int) -> float:
    """Seconds of processor of the threads that live, to the nanosecond."""
    return sum(int(each.split()[0]) for each in _of_threads(pid, "schedstat")) / 1e9


def wakeups(pid: int) -> int:
    """How often the threads that live gave the processor up by themselves."""
    told = (re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", s) for s in _of_threads(pid, "status"))
    return sum(int(found[1]) for found in told if found)


def children(pid: int) -> list[int]:
    found = []
    for each in PROC.glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(each.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(each.parent.name))
    return found


def wait(pid: int, began: float, peak: Peak) -> tuple[int, Spent]:
    """Wait for a child of ours to end: its exit code, and what it spent since `began`."""
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - began
    spent = Spent(seconds, usage.ru_utime + usage.ru_stime, peak.bytes())
    return os.waitstatus_to_exitcode(status), spent


def _of_threads(pid: int, name: str) -> list[str]:
    told = []
    for thread in (PROC / str(pid) / "task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            told.append((thread / name).read_text())
    return told
