"""Two daemons, two programs that hold one deployments file in memory each, and rewrite it whole."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import World
from .machine import Machine
from .waiting import until

FILE = "deployments.json"
STORES = {"deployments": "deployment"}


class Program:
    """Knows its own deployments, and what it read when it started; it never reads again."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.name = name
        self.held: dict[str, dict[str, Any]] = {}

    def put(self, number: int, status: str) -> str:
        deployment = f"deploy-{number:013}-{self.name:a<9}"
        self.held[deployment] = {"id": deployment, "siteId": self.name, "status": status}
        self.save()
        return deployment

    def save(self) -> None:
        queue = [name for name, each in self.held.items() if each["status"] == "queued"]
        body = json.dumps({"deployments": list(self.held.values()), "queue": queue}, indent=2)
        # Truncated, then written in two parts, as plain programs do.
        with self.path.open("w") as file:
            file.write(body[: len(body) // 2])
            file.flush()
            file.write(body[len(body) // 2 :])


def statuses(machine: Machine) -> dict[str, str]:
    try:
        told = json.loads((machine.folder / FILE).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return {each["id"]: each["status"] for each in told["deployments"]}


@pytest.fixture
def pair(world: World) -> tuple[Machine, Machine]:
    first, second = (world.machine(name, stores=STORES).start() for name in ("first", "second"))
    first.until_in_sync()
    second.until_in_sync()
    return first, second


def test_two_programs_that_know_nothing_of_each_other_lose_nothing(
    pair: tuple[Machine, Machine],
) -> None:
    programs = [Program(machine.folder / FILE, machine.home.name) for machine in pair]
    wanted: dict[str, str] = {}
    for number in range(12):
        for program in programs:
            wanted[program.put(number, "queued")] = "queued"
            if number % 3 == 2:
                wanted[program.put(number - 2, "success")] = "success"
        time.sleep(0.15)
    for machine in pair:
        until(lambda m=machine: statuses(m) == wanted, f"all on {machine.home.name}", 90.0)  # type: ignore[misc]
        machine.until_in_sync()
    queues = [json.loads((m.folder / FILE).read_text())["queue"] for m in pair]
    assert sorted(queues[0]) == sorted(queues[1])
    assert set(queues[0]) >= {name for name, status in wanted.items() if status == "queued"}


def test_an_update_of_one_is_one_operation(pair: tuple[Machine, Machine]) -> None:
    first, second = pair
    program = Program(first.folder / FILE, "first")
    program.held = {f"d{n}": {"id": f"d{n}", "siteId": "s", "status": "queued"} for n in range(50)}
    program.save()
    until(lambda: len(statuses(second)) == 50, "all there", 20.0)
    first.until_in_sync()
    program.held["d7"]["status"] = "building"
    program.save()
    until(lambda: statuses(second).get("d7") == "building", "the update there", 10.0)
    page = first.mirror().query("sync:manifest", store="deployments", after=None)
    revisions = {entry["record"]: entry["revision"] for entry in page["entries"]}
    assert revisions.pop("d7") == 2
    assert revisions.pop("") <= 2
    assert set(revisions.values()) == {1}


def test_a_record_is_restored_and_stays(pair: tuple[Machine, Machine]) -> None:
    first, second = pair
    program = Program(first.folder / FILE, "first")
    name = program.put(1, "queued")
    until(lambda: statuses(second) == {name: "queued"}, "there", 20.0)
    program.put(1, "failed")
    until(lambda: statuses(second) == {name: "failed"}, "there too", 20.0)
    first.until_in_sync()
    told = first.syncd("log", f"deployments:{FILE}#{name}")
    assert told.code == 0
    assert told.out.count("pushed") == 2
    assert first.syncd("restore", f"deployments:{FILE}#{name}", "--rev", "1").code == 0
    until(lambda: statuses(second) == {name: "queued"}, "restored there", 20.0)
    until(lambda: statuses(first) == {name: "queued"}, "restored here", 20.0)
    # The program saves what it holds, which it has not changed.
    program.put(2, "queued")
    until(lambda: len(statuses(second)) == 2, "another", 20.0)
    until(lambda: statuses(first).get(name) == "queued", "put back", 20.0)
    assert statuses(second)[name] == "queued"
    assert first.syncd("verify").code == 0
