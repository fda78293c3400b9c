"""Power cuts: of the backend, of the daemon, of both; the end is as if there had been none."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import World
from .flows import flow
from .machine import Machine
from .waiting import until

ROUNDS = 4


def ends_agreed(*machines: Machine) -> None:
    """Wait until every machine is in sync with the same files, and verify finds no drift."""
    for machine in machines:
        machine.until_in_sync(30)
    until(lambda: all(m.tree() == machines[0].tree() for m in machines), "equal trees", 15)
    for machine in machines:
        verified = machine.syncd("verify")
        assert (verified.code, "no drift" in verified.out) == (0, True), verified.out


def save_some(machine: Machine, round_: int, chance: random.Random) -> None:
    """Creations, rewrites and a deletion, in both ways of saving."""
    for number in range(12):
        save = machine.save if chance.random() < 0.5 else machine.rewrite
        save(f"{number % 4}/{number}.json", flow(f"n{number}", f"round {round_}"))
    gone = machine.folder / f"{round_ % 4}/{round_ % 12}.json"
    gone.unlink()


def last_saves(machine: Machine) -> dict[str, bytes]:
    tree = machine.tree()
    assert len(tree) == 11, "twelve files are saved in every round, and one deleted"
    return tree


def test_the_backend_is_killed_between_saves(mortal: World) -> None:
    chance = random.Random(1)
    first, second = mortal.machine("first").start(), mortal.machine("second").start()
    first.until_in_sync()
    for round_ in range(ROUNDS):
        save_some(first, round_, chance)
        time.sleep(chance.random() * 0.3)  # the point of the kill, not a wait for anything
        mortal.deployment.kill()
        save_some(first, round_, chance)
        mortal.deployment.start()
    tree = last_saves(first)
    ends_agreed(first, second)
    assert first.tree() == tree


@pytest.mark.parametrize("seed", range(2))
def test_the_daemon_is_killed_between_saves(world: World, seed: int) -> None:
    chance = random.Random(seed)
    first, second = world.machine("first").start(), world.machine("second").start()
    for round_ in range(ROUNDS):
        save_some(first, round_, chance)
        time.sleep(chance.random() * 0.6)
        first.kill()
        save_some(first, round_, chance)
        first.start()
    tree = last_saves(first)
    ends_agreed(first, second)
    assert first.tree() == tree


def test_the_daemon_that_is_written_to_is_killed(world: World) -> None:
    chance = random.Random(3)
    first, second = world.machine("first").start(), world.machine("second").start()
    for round_ in range(ROUNDS):
        save_some(first, round_, chance)
        time.sleep(chance.random() * 0.6)
        second.kill()
        second.start()
    tree = last_saves(first)
    ends_agreed(first, second)
    assert first.tree() == tree
    assert temporaries(second.folder) == []


def test_the_embedded_backend_is_started_again_by_its_daemon(world: World) -> None:
    machine = world.local_machine().start()
    machine.until_in_sync()
    killed = {0}
    for round_ in range(3):
        running = backend_of(machine)
        machine.save("a.json", flow("a", f"round {round_}"))
        os.kill(running, signal.SIGKILL)
        killed.add(running)
        until(lambda: backend_of(machine) not in killed, "another backend")
    ends_agreed(machine)
    assert machine.mirror().holds("a.json", flow("a", "round 2"))
    assert "backend_restarted" in machine.said()


def test_a_killed_daemon_takes_its_backend_and_listener_along(world: World) -> None:
    machine = world.local_machine().start()
    machine.until_in_sync()
    assert machine.daemon is not None
    children = children_of(machine.daemon.pid)
    assert len(children) == 2
    machine.kill()
    until(lambda: not any(map(is_alive, children)), f"the end of {children}")


def temporaries(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".syncd-*") if path.is_file()]


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # A thread that has just ended.
            found += map(int, (task / "children").read_text().split())
    return found


def backend_of(machine: Machine) -> int:
    """The process of the embedded backend, 0 while there is none."""
    assert machine.daemon is not None
    for child in children_of(machine.daemon.pid):
        with suppress(FileNotFoundError):
            if b"server.mjs" in Path(f"/proc/{child}/cmdline").read_bytes():
                return child
    return 0


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
