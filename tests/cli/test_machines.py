"""Conflicts, history and commands end to end: real daemons, a real deployment, real files."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest

from tests.system.conftest import World
from tests.system.machine import Machine
from tests.system.waiting import until

Pair = tuple[Machine, Machine]


def named(name: str) -> str:
    return json.dumps({"id": "a", "name": name}, indent=2)


def conflicted(world: World) -> Pair:
    """Two machines that agreed, then both renamed one workflow; the second's file won."""
    first, second = world.machine("first").start(), world.machine("second").start()
    first.until_in_sync()
    second.until_in_sync()
    first.save("a.json", named("base"))
    second.until_reads("a.json", named("base"))
    assert second.stop() == 0
    first.save("a.json", named("first"))
    until(lambda: first.mirror().holds("a.json", named("first")), "first's save")
    second.save("a.json", named("second"))
    second.start()
    first.until_reads("a.json", named("second"))
    until(lambda: second.report().conflicts == 1, "the conflict listed")
    return first, second


def told(first: Machine, **args: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = first.mirror().query("conflicts:list", **args)["rows"]
    return found


def test_a_conflict_is_decided_and_undone_and_both_machines_follow(world: World) -> None:
    first, second = conflicted(world)
    until(lambda: told(first, mine=True), "its author sees the conflict")
    (row,) = told(first, mine=True)
    assert (row["path"], row["deviceName"], row["authorName"]) == ("a.json", "second", "first")
    assert told(second, mine=True) == []
    whole = first.mirror().query("conflicts:get", conflict=row["_id"])
    assert whole["text"] == named("first")

    listed = second.syncd("conflicts", "list")
    assert listed.code == 4
    assert "1  flows:a.json" in listed.out
    until(lambda: "revision 2 of first" in second.syncd("conflicts", "list").out, "its author")
    assert "base " in second.syncd("conflicts", "show", "1").out
    assert second.syncd("conflicts", "show", "1", "--base").out == named("base")
    assert '-  "name": "first"' in second.syncd("conflicts", "diff", "1").out

    resolved = second.syncd("conflicts", "resolve", "1", "--theirs")
    assert (resolved.code, resolved.err) == (0, "")
    assert second.reads("a.json") == named("first").encode()
    first.until_reads("a.json", named("first"))
    assert second.syncd("conflicts", "list").code == 0
    until(lambda: told(first)[0]["resolution"] == "theirs", "its author sees the decision")

    undone = second.syncd("conflicts", "undo", "1")
    assert (undone.code, second.reads("a.json")) == (0, named("second").encode())
    first.until_reads("a.json", named("second"))
    assert second.syncd("conflicts", "list").code == 4
    until(lambda: told(first)[0]["resolution"] is None, "its author sees that it is open")
    assert second.syncd("conflicts", "resolve", "--all", "--mine").code == 0
    second.until_in_sync()
    first.until_in_sync()
    assert first.tree() == second.tree() == {"flows/a.json": named("second").encode()}


def test_with_the_daemon_down_the_command_does_it_and_the_next_start_sends_it(
    world: World,
) -> None:
    first, second = conflicted(world)
    assert second.stop() == 0
    assert second.syncd("conflicts", "list").code == 4
    assert second.syncd("conflicts", "resolve", "1", "--base").code == 0
    assert second.reads("a.json") == named("base").encode()
    second.start()
    first.until_reads("a.json", named("base"))
    until(lambda: told(first)[0]["resolution"] == "base", "the decision told at the next start")
    events = json.loads(second.syncd("log", "flows:a.json", "--json").out)["events"]
    assert [event["what"] for event in events[:3]] == ["pushed", "decided", "resolved"]


def test_what_a_remote_change_replaced_or_removed_is_restored_on_both(world: World) -> None:
    first, second = world.machine("first").start(), world.machine("second").start()
    first.until_in_sync()
    second.until_in_sync()
    for name in ("one", "two"):
        first.save("a.json", named(name))
        second.until_reads("a.json", named(name))
    (first.folder / "a.json").unlink()
    until(lambda: second.reads("a.json") is None, "a.json gone on second")
    until(lambda: "removed" in second.syncd("log", "flows:a.json").out, "the removal logged")
    second.save("b.json", named("kept"))

    restored = second.syncd("restore", "flows:a.json", "--rev", "1")
    assert (restored.code, restored.err) == (0, "")
    assert second.reads("a.json") == named("one").encode()
    first.until_reads("a.json", named("one"))
    digest = next(
        event["digest"]
        for event in json.loads(second.syncd("log", "flows:a.json", "--json").out)["events"]
        if event["revision"] == 2
    )
    path = str(second.folder / "a.json")
    assert second.syncd("restore", path, "--digest", digest[:10]).code == 0
    first.until_reads("a.json", named("two"))
    second.until_in_sync()


def test_the_socket_is_reached_in_a_state_folder_however_deep(world: World) -> None:
    deep = "/".join(["state" * 10] * 4)
    machine = world.machine(environment={"SYNCD_STATE_DIR": deep}).start()
    until(lambda: list(machine.home.glob(f"{deep}/control.sock")), "the socket")
    assert machine.syncd("retry").out == "nothing is held or parked\n"
    assert machine.stop() == 0
    assert not list(machine.home.glob(f"{deep}/control.sock"))


def test_after_a_kill_the_next_daemon_takes_the_socket_over(world: World) -> None:
    machine = world.machine().start()
    machine.until_in_sync()
    machine.kill()
    assert (machine.state / "control.sock").exists()
    assert machine.syncd("retry").code == 0, "alone"
    machine.start()
    machine.until_in_sync()
    assert machine.syncd("retry").code == 0
    assert "command" in machine.said(), "the daemon did it"


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100_000, b"{}\n"])
def test_rubbish_on_the_socket_leaves_the_daemon_in_sync(world: World, rubbish: bytes) -> None:
    import socket

    from syncd.control.channel import address_in

    machine = world.machine().start()
    machine.until_in_sync()
    for _ in range(40):
        with socket.socket(socket.AF_UNIX) as client, address_in(machine.state) as address:
            client.connect(address)
            # The daemon may have seen enough of it before it came to its end.
            with suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(rubbish)
    machine.save("a.json", named("after"))
    until(lambda: machine.mirror().holds("a.json", named("after")), "a save after the rubbish")
    assert machine.syncd("retry").code == 0
    assert machine.stop() == 0


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_deletions_that_wait_are_decided_while_the_daemon_runs(world: World, decision: str) -> None:
    machine = world.machine().start()
    names = [f"{number:02}.json" for number in range(30)]
    for name in names:
        machine.save(name, named(name))
    until(lambda: len(machine.mirror().live()) == 30, "thirty files mirrored")
    machine.until_in_sync()
    for name in names[:15]:
        (machine.folder / name).unlink()
    until(lambda: machine.report().guards, "the guard")
    decided = machine.syncd(decision, "flows")
    assert (decided.code, decided.err) == (0, "")
    waiting = int(decided.out.split()[0])
    # Up to ten deletions are an everyday thing and may have gone before the rest was stopped.
    assert waiting >= 5
    left = 15 if decision == "approve" else 15 + waiting
    until(lambda: len(machine.mirror().live()) == left, "the deployment follows", 20)
    until(lambda: len(machine.tree()) == left, "the folder follows", 20)
    assert {f"flows/{name}" for name in names[15:]} <= set(machine.tree())
    until(lambda: not machine.report().guards, "the guard lifted")
    assert machine.syncd(decision, "flows").out == "no deletion waits\n"
