"""What commands print: versioned JSON, and plain lines where nobody looks at a terminal."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from typer import Typer
from typer.testing import CliRunner

from syncd.cli import registered

from .conftest import World
from .flows import flow
from .machine import Ran
from .waiting import until

app = registered()

STATUS = {
    "version", "state", "detail", "running", "url", "workspace", "queued", "sent", "parked",
    "conflicts", "held", "guards", "stores", "parts", "problems",
}  # fmt: skip
"""Version 1: fields are added, never taken away."""


def is_plain(ran: Ran) -> None:
    assert "\x1b" not in ran.out + ran.err
    assert "\r" not in ran.out + ran.err


def test_status_as_json(world: World) -> None:
    machine = world.machine()
    machine.save("a.json", flow("a"))
    (machine.folder / "bad.json").write_bytes(b"\xff")
    machine.start()
    machine.until_state(machine.report().state.DEGRADED)
    ran = machine.syncd("status", "--json")
    assert ran.code == 4
    is_plain(ran)
    told = json.loads(ran.out)
    assert told.keys() >= STATUS
    assert (told["version"], told["state"], told["held"]) == (1, "degraded", 1)
    assert machine.daemon is not None
    assert told["running"] == machine.daemon.pid
    (store,) = told["stores"]
    known = {"name": "flows", "path": str(machine.folder), "files": 1, "held": 1,
             "bootstrapped": True, "payloads": 0}  # fmt: skip
    assert {name: store[name] for name in known} == known
    assert told["problems"][0].keys() >= {"sort", "key", "reason", "detail", "advice", "since"}
    assert told["parts"]["deployment"].keys() >= {"state", "detail", "since", "checked"}


def test_status_before_the_first_run(world: World) -> None:
    machine = world.machine()
    ran = machine.syncd("status", "--json")
    assert ran.code == 6
    assert json.loads(ran.out)["state"] == "needs-init"
    assert "start `syncd run`" in machine.syncd("status").out


def test_verify_as_json(world: World) -> None:
    machine = world.machine()
    machine.save("same.json", flow("same"))
    machine.save("drifts.json", flow("drifts"))
    assert machine.syncd("sync", "--once").code == 0
    machine.save("drifts.json", flow("drifts", "not sent yet"))
    machine.save("new.json", flow("new"))
    (machine.folder / "bad.json").write_bytes(b"\xff")
    there = machine.mirror().live()
    ran = machine.syncd("verify", "--json")
    assert ran.code == 7
    is_plain(ran)
    told = json.loads(ran.out)
    assert told.keys() >= {"version", "drift", "stores"}
    assert (told["version"], told["drift"]) == (1, True)
    (store,) = told["stores"]
    assert (store["store"], store["same"], store["held"]) == ("flows", 1, {"bad.json": "not-text"})
    drifts = {drift["path"]: drift["remote"] for drift in store["drifts"]}
    assert drifts == {"drifts.json": there["drifts.json"], "new.json": None}
    said = machine.syncd("verify").out
    assert said.startswith("flows: 1 same, 2 differ, 1 not compared\n")
    assert "\n  not compared bad.json: not-text\n" in said
    assert "-> `syncd explain PATH` tells why a file was not compared, and what to do" in said


def test_verify_asks_again_before_it_says_drift(world: World) -> None:
    machine = world.machine().start()
    machine.until_in_sync()
    for number in range(60):
        machine.save("hot.json", flow("hot", f"step {number}"))
        if number % 30 == 0:
            assert machine.syncd("verify").code == 0


def test_everything_is_plain_when_piped(world: World) -> None:
    machine = world.machine(environment={"TERM": "xterm-256color"})
    machine.save("a.json", flow("a"))
    for command in (("sync", "--once"), ("status",), ("--help",), ("sync",)):
        is_plain(machine.syncd(*command))
    machine.save("a.json", flow("a", "not sent yet"))
    verified = machine.syncd("verify")
    is_plain(verified)
    assert verified.code == 7
    assert verified.out.startswith("flows: 0 same, 1 differ, 0 not compared\n  a.json: here ")
    assert verified.out.endswith("-> `syncd plan` tells what would be done about what differs\n")
    machine.start().until_in_sync()
    assert machine.stop() == 0
    assert "\x1b" not in machine.said()


def commands(group: Typer, before: str = "") -> Iterator[str]:
    """The names of every command there is."""
    for command in group.registered_commands:
        assert command.callback is not None
        yield before + (command.name or command.callback.__name__)
    for below in group.registered_groups:
        assert below.typer_instance is not None
        yield from commands(below.typer_instance, f"{before}{below.name} ")


@pytest.mark.parametrize("command", sorted(commands(app)))
def test_every_command_shows_two_examples(command: str) -> None:
    """In this process: only texts are looked at."""
    said = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "200"})
    assert said.exit_code == 0
    assert "bool" not in said.output, "a flag takes no value"
    (examples,) = [line for line in said.output.splitlines() if "Examples: " in line]
    assert examples.count(f"`syncd {command}") == 2


def test_the_log_is_followed(world: World) -> None:
    machine = world.machine().start()
    machine.until_in_sync()
    following = machine.started("log", "--follow", "--json")
    assert following.stdout is not None
    try:
        machine.save("a.json", flow("a"))
        told = json.loads(following.stdout.readline())
        assert (told["path"], told["what"], told["revision"]) == ("a.json", "pushed", 1)
        machine.save("a.json", flow("a", "again"))
        assert json.loads(following.stdout.readline())["revision"] == 2
    finally:
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 0
        following.stdout.close()


@pytest.mark.parametrize("once", [False, True])
def test_the_log_calls_other_machines_by_their_names(world: World, once: bool) -> None:
    first, second = world.machine("laptop").start(), world.machine("desk")
    first.save("a.json", flow("a"))
    first.until_in_sync()
    if once:
        assert second.syncd("sync", "--once").code == 0
    else:
        second.start().until_in_sync()
    until(lambda: "by laptop" in second.syncd("log").out, "the name of the other machine")
