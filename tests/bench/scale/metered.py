"""Calls functions on a metered backend: what each read and wrote is counted, nothing is timed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.embedded.backend import FUNCTIONS, bundle, node

METER = Path(__file__).parent / "meter/meter.mts"

Range = tuple[str, bytes, bytes]
"""An index, the first key that was read and the first beyond."""

Written = tuple[str, bytes]
"""An index, and a key in it whose document was written."""


@dataclass(frozen=True)
class Spent:
    """What one call used, in the platform's sizes, and which keys it depends on and touches."""

    documents_read: int
    bytes_read: int
    ranges: int
    documents_written: int
    bytes_written: int
    reads: tuple[Range, ...]
    written: tuple[Written, ...]

    def depends_on(self, other: Spent) -> bool:
        """Whether `other`, committed meanwhile, makes this run again: a conflict, or a wake-up."""
        return any(
            index == name and low <= key < high
            for index, low, high in self.reads
            for name, key in other.written
        )


class Metered:
    """One deployment, with its functions called as an administrator may."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def query(self, path: str, **args: object) -> tuple[Any, Spent]:
        """Call a query: its value, and what it used."""
        return self._call("query", path, args, keep=True)

    def mutation(self, path: str, **args: object) -> tuple[Any, Spent]:
        """Call a mutation: its value, and what it used."""
        return self._call("mutation", path, args, keep=True)

    def attempt(self, path: str, **args: object) -> Spent:
        """What a mutation would use; it is undone."""
        return self._call("mutation", path, args, keep=False)[1]

    def _call(
        self, kind: Literal["query", "mutation"], path: str, args: object, *, keep: bool
    ) -> tuple[Any, Spent]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"kind": kind, "path": path, "args": args, "keep": keep}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        assert "failed" not in told, f"{path}: {told['failed']}"
        return told["value"], _spent(told)


def _spent(told: dict[str, Any]) -> Spent:
    used = told["used"]
    return Spent(
        used["documentsRead"], used["bytesRead"], used["indexRanges"],
        used["documentsWritten"], used["bytesWritten"],
        tuple((name, bytes.fromhex(low), bytes.fromhex(high)) for name, low, high in told["reads"]),
        tuple((name, bytes.fromhex(key)) for name, key in told["written"]),
    )  # fmt: skip


@contextmanager
def metered(folder: Path, functions: Path | None = None) -> Iterator[Metered]:
    """A metered backend on an empty folder; `functions` is a bundle of ours."""
    built = functions or bundle("functions", FUNCTIONS, folder / "functions.mjs")
    command: Sequence[str | Path] = [
        node(), "--disable-warning=ExperimentalWarning", METER,
        "--data", folder / "data", "--functions", built,
    ]  # fmt: skip
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield Metered(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0
