"""What programs beside the daemon spent: each leaves slips, in a file a day. Does IO.

Only the daemon writes the ledger. So a command, or a program that uses `syncd.storage`, appends
what its calls cost to the day's file, in one write, and whoever asks what was spent adds that to
what the ledger says. Nothing is moved into the ledger: no crash can count a slip twice, or never.

Slips are of a configured deployment and workspace, like ledgers. A folder that is not there or
cannot be written fails nobody: then nothing is counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from syncd.config import Config
from syncd.core.cost import KEPT, NOTHING, Cost, Costs, Spending, day_of

FOLDER: Final = "spent"
"""In the state folder: `NAME.DAY` for a day, `NAME.past` for those that are over."""


class Slips:
    """The slips of one deployment and workspace."""

    def __init__(self, config: Config) -> None:
        self._state = config.state
        whose = hashlib.sha256(f"{config.url} {config.workspace}".encode()).hexdigest()
        self._name = whose[:16]
        self._folder = config.state / FOLDER

    def leave(self, spending: Spending) -> None:
        """Write what `spending` counted and is not written, as of today."""
        costs = spending.unwritten
        cost = sum(costs.values(), NOTHING)
        if cost != NOTHING:
            with suppress(OSError):
                self._append(cost)
        spending.written(costs)

    @contextmanager
    def left(self, spending: Spending) -> Iterator[None]:
        """Write at the end, however that comes, what `spending` counted."""
        try:
            yield
        finally:
            self.leave(spending)

    def days(self) -> Costs:
        """What the slips come to."""
        # RACE: a day is in both for a moment while it is put with the past, which is read last.
        days = self._open_days()
        return days | _past(self._path("past"))

    def gather(self, now: float) -> Costs:
        """What the slips come to; those of days that are over are put together, and those of long
        ago are forgotten. For the owner of the state folder alone.
        """
        self._put_together(now)
        return self.days()

    def _put_together(self, now: float) -> None:
        today = day_of(now)
        # RACE: who looked at the clock just before midnight may write just after it.
        over = {day: cost for day, cost in self._open_days().items() if day < today - 1}
        if not over:
            return
        # A day that was gathered by one whom a crash kept from removing its file stays as it is.
        past = over | _past(self._path("past"))
        with suppress(OSError):
            # Not by the clock, as in the ledger.
            _write(self._path("past"), {day: past[day] for day in sorted(past)[-KEPT:]})
            for day in over:
                self._path(str(day)).unlink()

    def _append(self, cost: Cost) -> None:
        if not self._state.is_dir():
            return  # Where no daemon ever ran there is nothing to add this to.
        self._folder.mkdir(exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path(str(day_of(time.time()))), flags, 0o600)
        try:
            # Appended in one write, whole lines never mix.
            os.write(descriptor, json.dumps(_numbers(cost)).encode() + b"\n")
        finally:
            os.close(descriptor)

    def _open_days(self) -> dict[int, Cost]:
        prefix = f"{self._name}."
        with suppress(OSError):
            names = [each.name for each in self._folder.glob(f"{prefix}*")]
            days = [int(end) for name in names if (end := name.removeprefix(prefix)).isdigit()]
            return {day: sum(_slips(self._path(str(day))), NOTHING) for day in days}
        return {}

    def _path(self, end: str) -> Path:
        return self._folder / f"{self._name}.{end}"


class Gathering:
    """The daemon's look at what others spent: `tell` hears of it with each pulse."""

    def __init__(self, config: Config, tell: Callable[[Costs], None]) -> None:
        self._slips = Slips(config)
        self._tell = tell

    async def told(self, _: object) -> None:
        """How things are was told."""
        self._tell(await asyncio.to_thread(self._slips.gather, time.time()))


def _slips(path: Path) -> Iterator[Cost]:
    """The slips at `path`; a line that a full disk cut, and the one behind it, are none."""
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                yield _cost(json.loads(line))


def _past(path: Path) -> dict[int, Cost]:
    with suppress(OSError, ValueError):
        return {int(day): _cost(numbers) for day, *numbers in json.loads(path.read_bytes())}
    return {}


def _cost(numbers: object) -> Cost:
    """Raises ValueError."""
    if not isinstance(numbers, list) or not all(isinstance(each, int) for each in numbers):
        raise ValueError(numbers)
    calls, sent, received, uploaded, downloaded = numbers
    return Cost(calls, sent, received, uploaded, downloaded)


def _write(path: Path, days: Costs) -> None:
    temporary = path.with_name(f"{path.name}.new")
    with temporary.open("w", encoding="ascii") as file:
        json.dump([[day, *_numbers(cost)] for day, cost in days.items()], file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def _numbers(cost: Cost) -> list[int]:
    return [cost.calls, cost.sent, cost.received, cost.uploaded, cost.downloaded]
