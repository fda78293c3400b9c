"""Rows of executions keep their start across versions that omit it, sent or not."""

from __future__ import annotations

import json

from .conftest import World
from .machine import Machine
from .proxy import Proxy, Way
from .waiting import until

NAME = "exec-1719000000000-abcdefghi"
BEGAN = "2024-06-21T20:00:07.123Z"
BEGAN_MS = 1719000007123
FIRST = {"workflowId": "w", "plan": {}, "startTime": BEGAN, "savedAt": BEGAN}
LATER = {"workflowId": "w", "plan": {}, "completedSteps": ["a"], "savedAt": BEGAN}
LAST = {"workflowId": "w", "results": [], "endTime": BEGAN, "status": "completed"}


def row(machine: Machine) -> dict[str, object] | None:
    found: dict[str, object] | None = machine.mirror().query(
        "workflows:getExecution", executionId=NAME
    )
    return found


def rewrite(machine: Machine, value: object) -> None:
    machine.rewrite(f"{NAME}.json", json.dumps(value, indent=2))


def test_a_start_that_was_sent_stays(world: World) -> None:
    machine = world.machine(stores={"states": "execution"}).start()
    machine.until_in_sync()
    rewrite(machine, FIRST)
    until(lambda: (row(machine) or {}).get("startTime") == BEGAN_MS, "the start")
    for value in (LATER, LAST):
        rewrite(machine, value)
        status = value.get("status", "running")
        until(lambda: (row(machine) or {}).get("status") == status, "the next version")  # noqa: B023
        assert (row(machine) or {})["startTime"] == BEGAN_MS


def test_a_start_that_was_never_sent_stays_too(world: World, proxy: Proxy) -> None:
    machine = world.machine(url=proxy.url, stores={"states": "execution"}).start()
    machine.until_in_sync()
    proxy.turn(Way.DEAD)
    rewrite(machine, FIRST)
    until(lambda: machine.report().queued + machine.report().sent == 1, "the first version")
    rewrite(machine, LATER)
    machine.kill()
    rewrite(machine, LAST)
    machine.start()
    proxy.turn(Way.OPEN)
    machine.until_in_sync(40)
    until(lambda: (row(machine) or {}).get("status") == "completed", "the last version")
    assert (row(machine) or {})["startTime"] == BEGAN_MS


def test_another_execution_of_that_name_begins_anew(world: World) -> None:
    machine = world.machine(stores={"states": "execution"}).start()
    machine.until_in_sync()
    rewrite(machine, FIRST)
    until(lambda: row(machine) is not None, "the first")
    (machine.folder / f"{NAME}.json").unlink()
    until(lambda: row(machine) is None, "its end")
    rewrite(machine, LATER)
    until(lambda: row(machine) is not None, "the second")
    assert (row(machine) or {})["startTime"] == 1719000000000
