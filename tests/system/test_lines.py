"""Files of lines, end to end: bursts, rotations, kills, bad lines, an absent deployment."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import World
from .machine import Machine
from .mirror import Mirror
from .waiting import until

METRICS = {"perf": "metric"}


def sample(number: int) -> str:
    told = {"type": "load", "name": f"n{number % 3}", "value": number, "timestamp": 1000 * number}
    return json.dumps(told | {"labels": {"host": "a"}})


class Program:
    """Appends samples 0, 1, 2, ... to perf/run.jsonl, which it keeps open."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "run.jsonl"
        self._file = self._path.open("a")
        self.written = 0

    def append(self, many: int) -> None:
        for _ in range(many):
            self._file.write(sample(self.written) + "\n")
            self.written += 1
        self._file.flush()

    def rotate(self) -> None:
        """As loggers do: run.jsonl.1 becomes .2, run.jsonl becomes .1."""
        self._file.close()
        for number in (2, 1):
            older = self._path.with_name(f"run.jsonl.{number - 1}") if number > 1 else self._path
            if older.exists():
                older.rename(self._path.with_name(f"run.jsonl.{number}"))
        self._file = self._path.open("a")

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def machine(world: World) -> Machine:
    return world.machine("first", stores=METRICS)


@pytest.fixture
def program(machine: Machine) -> Iterator[Program]:
    made = Program(machine.folder)
    yield made
    made.close()


def values(mirror: Mirror) -> list[float]:
    """The values of all samples, in the order of their times."""
    found: list[float] = []
    cursor: Any = None
    while True:
        page = mirror.query("metrics:getByType", type="load", order="asc", limit=200, cursor=cursor)
        found += [row["value"] for row in page["rows"]]
        cursor = page["cursor"]
        if cursor is None:
            return found


def test_bursts_rotations_and_kills_lose_and_double_nothing(
    machine: Machine, program: Program
) -> None:
    chance = random.Random(5)
    machine.start()
    for round_ in range(10):
        for _ in range(4):
            program.append(500)
            time.sleep(chance.random() * 0.05)  # the point of the kill, not a wait for anything
        if round_ in (3, 6):
            program.rotate()
        if round_ in (2, 4, 7):
            machine.kill()
            program.append(1)
            machine.start()
    machine.until_in_sync(60)
    assert program.written == 20_003
    mirror = machine.mirror()
    assert values(mirror) == [float(number) for number in range(program.written)]
    whole = mirror.query("metrics:aggregate", type="load")
    assert (whole["count"], whole["sum"]) == (20_003, sum(range(20_003)))
    logs = mirror.query("logs:list", store="perf")["rows"]
    assert len(logs) == 3
    assert sum(log["lines"] for log in logs) == program.written
    explained = machine.syncd("explain", "perf:run.jsonl.2", "--json")
    assert json.loads(explained.out)["next"] == "nothing", explained
    verified = machine.syncd("verify")
    assert (verified.code, "3 same, no drift" in verified.out) == (0, True), verified.out


def test_a_line_is_there_as_soon_as_it_ends(machine: Machine, program: Program) -> None:
    machine.start().until_in_sync()
    mirror = machine.mirror()
    program.append(1)
    until(lambda: values(mirror) == [0.0], "the first line")
    half, rest = sample(1)[:20], sample(1)[20:] + "\n"
    path = machine.folder / "run.jsonl"
    with path.open("a") as file:
        file.write(half)
    machine.until_in_sync()
    with path.open("a") as file:
        file.write(rest)
    until(lambda: values(mirror) == [0.0, 1.0], "the line that was half written")
    assert mirror.query("logs:list", store="perf")["rows"][0]["length"] == path.stat().st_size


def test_lines_that_are_no_samples_stop_nothing(machine: Machine, program: Program) -> None:
    lines = [
        b"\xef\xbb\xbf" + sample(0).encode() + b"\r\n", b"\n", b"  \r\n", b"{not json}\n",
        b"\xff\xfe\n", b'"' + b"x" * 3_000_000 + b'"\n', b"[1]\n", sample(1).encode() + b"\n",
    ]  # fmt: skip
    (machine.folder / "bad.jsonl").write_bytes(b"".join(lines))
    program.append(3)
    assert machine.syncd("sync", "--once").code == 0
    mirror = machine.mirror()
    assert sorted(values(mirror)) == [0.0, 0.0, 1.0, 1.0, 2.0]
    (log,) = (
        row for row in mirror.query("logs:list", store="perf")["rows"] if row["path"] == "bad.jsonl"
    )
    found = mirror.query("logs:lines", log=log["_id"])["rows"]
    flags = [(row["number"], row["flags"], len(row["text"])) for row in found]
    assert flags == [
        (1, ["invalid"], 10), (2, ["not-text"], 2), (3, ["cut"], 65536), (4, ["not-an-object"], 3)
    ]  # fmt: skip


def test_a_file_that_was_emptied_is_there(machine: Machine, program: Program) -> None:
    program.append(2)
    assert machine.syncd("sync", "--once").code == 0
    path = machine.folder / "run.jsonl"
    path.with_name("run.jsonl.1").write_bytes(path.read_bytes())
    path.write_bytes(b"")
    assert machine.syncd("sync", "--once").code == 0
    explained = machine.syncd("explain", "perf:run.jsonl").out
    for side in ("agreed", "here  ", "there "):
        assert f"  {side}  e3b0c44298fc, 0 B\n" in explained
    verified = machine.syncd("verify")
    assert (verified.code, "2 same, no drift" in verified.out) == (0, True), verified.out
    assert [store.files for store in machine.report().stores] == [2]


def test_away_the_file_is_the_queue_and_a_deletion_loses_nothing(world: World) -> None:
    machine = world.machine("first", stores=METRICS)
    token = machine.environment["SYNCD_TOKEN"]
    machine.environment["SYNCD_TOKEN"] = "syncd_none"
    machine.start()
    program = Program(machine.folder)
    program.append(1000)
    size = (machine.folder / "run.jsonl").stat().st_size
    until(lambda: [s.unsent for s in machine.report().stores] == [size], "all of it is seen")
    program.close()
    (machine.folder / "run.jsonl").unlink()
    machine.kill()
    machine.environment["SYNCD_TOKEN"] = token
    machine.start().until_in_sync()
    assert values(machine.mirror()) == [float(number) for number in range(1000)]


def test_a_lost_state_folder_doubles_nothing(machine: Machine, program: Program) -> None:
    program.append(700)
    program.rotate()
    program.append(300)
    assert machine.syncd("sync", "--once").code == 0
    machine.state.rename(machine.home / "lost")
    program.append(5)
    assert machine.syncd("sync", "--once").code == 0
    assert values(machine.mirror()) == [float(number) for number in range(1005)]


def test_a_document_store_of_lines(world: World) -> None:
    machine = world.machine("first", stores={"events": "document"})
    machine.configure(machine.settings, 'layout = "lines"\n')
    (machine.folder / "audit.jsonl").write_text('{"who": "me"}\n{"value": 3}\n')
    assert machine.syncd("sync", "--once").code == 0
    mirror = machine.mirror()
    (log,) = mirror.query("logs:list", store="events")["rows"]
    rows = mirror.query("logs:lines", log=log["_id"])["rows"]
    assert [(row["text"], row["flags"]) for row in rows] == [
        ('{"who": "me"}', []), ('{"value": 3}', [])
    ]  # fmt: skip
