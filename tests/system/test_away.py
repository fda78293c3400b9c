"""A deployment that is dead, deaf or failing: the daemon answers, ends, and loses nothing."""

from __future__ import annotations

import time

import pytest

from syncd.report.standing import State

from .conftest import LOCAL, World
from .flows import flow
from .machine import Machine
from .proxy import Proxy, Way
from .waiting import until

SPOILT = [Way.DEAD, Way.DEAF, Way.FAILING]
PROMPTLY = 3.0
"""Seconds in which `syncd status` answers, its start on a busy machine included."""


def names(way: Way) -> str:
    return way.name.lower()


def asked(machine: Machine) -> str:
    """What `syncd status` prints; it must not wait for the deployment."""
    began = time.monotonic()
    told = machine.syncd("status")
    assert time.monotonic() - began < PROMPTLY
    assert told.code == 0, told.out
    return told.out


@pytest.mark.parametrize("way", SPOILT, ids=names)
def test_a_daemon_started_without_it_answers_and_ends(world: World, proxy: Proxy, way: Way) -> None:
    proxy.turn(way)
    machine = world.machine(url=proxy.url)
    machine.save("a.json", flow("a"))
    machine.start().until_state(State.OFFLINE)
    assert asked(machine).startswith("offline: ")
    assert machine.stop() == 0


@pytest.mark.parametrize("way", SPOILT, ids=names)
def test_saves_made_meanwhile_arrive_when_it_is_back(world: World, proxy: Proxy, way: Way) -> None:
    machine = world.machine(url=proxy.url).start()
    machine.until_in_sync()
    proxy.turn(way)
    for number in range(20):
        machine.save(f"{number}.json", flow(f"n{number}"))
    until(lambda: waiting(machine) == 20, "twenty changes in the outbox")
    assert asked(machine).startswith(("offline: ", "syncing: "))
    assert "20 changes" in asked(machine)
    proxy.turn(Way.OPEN)
    machine.until_in_sync(40)
    mirror = machine.mirror()
    assert len(mirror.live()) == 20
    assert set(mirror.revisions().values()) == {1}


@pytest.mark.parametrize("way", SPOILT, ids=names)
def test_what_is_queued_at_a_stop_is_sent_after_the_next_start(
    world: World, proxy: Proxy, way: Way
) -> None:
    machine = world.machine(url=proxy.url).start()
    machine.until_in_sync()
    proxy.turn(way)
    machine.save("a.json", flow("a"))
    until(lambda: waiting(machine) == 1, "a change in the outbox")
    assert machine.stop() == 0
    assert waiting(machine) == 1
    assert asked_down(machine).startswith("halted: no daemon runs; 1 change waits")
    proxy.turn(Way.OPEN)
    machine.start().until_in_sync()
    assert machine.mirror().revisions() == {"a.json": 1}


@pytest.mark.parametrize("way", SPOILT, ids=names)
def test_a_daemon_started_again_without_it_does_not_say_in_sync(
    world: World, proxy: Proxy, way: Way
) -> None:
    machine = world.machine(url=proxy.url).start()
    machine.until_in_sync()
    assert machine.stop() == 0
    proxy.turn(way)
    machine.save("a.json", flow("a"))
    machine.start()
    until(lambda: machine.report().running, "the daemon")
    until(lambda: machine.report().state is not State.IN_SYNC and waiting(machine), "the save")
    machine.until_state(State.OFFLINE)
    proxy.turn(Way.OPEN)
    machine.until_in_sync(40)
    assert machine.mirror().revisions() == {"a.json": 1}


def test_connections_that_are_reset_are_made_anew(world: World, proxy: Proxy) -> None:
    first = world.machine("first", url=proxy.url).start()
    second = world.machine("second").start()
    first.until_in_sync()
    second.until_in_sync()
    for number in range(5):
        proxy.cut()
        first.save("a.json", flow("a", f"first {number}"))
        second.until_reads("a.json", flow("a", f"first {number}"))
        proxy.cut()
        second.save("b.json", flow("b", f"second {number}"))
        first.until_reads("b.json", flow("b", f"second {number}"))
    assert second.mirror().revisions() == {"a.json": 5, "b.json": 5}


def test_sync_once_says_that_it_cannot_be_reached(world: World, proxy: Proxy) -> None:
    proxy.turn(Way.DEAD)
    machine = world.machine(url=proxy.url)
    machine.save("a.json", flow("a"))
    ran = machine.syncd("sync", "--once")
    assert ran.code == 1
    assert f"syncd: {proxy.url} cannot be reached" in ran.err
    assert "-> " in ran.err


def test_without_a_deployment_it_says_so_and_runs(world: World) -> None:
    machine = world.loose_machine()
    machine.save("a.json", flow("a"))
    machine.start().until_state(State.OFFLINE)
    assert asked(machine).startswith("offline: nothing waits; no deployment is configured")
    assert "neither CONVEX_URL nor url is set" in machine.said()
    assert machine.stop() == 0
    ran = machine.syncd("sync", "--once")
    assert (ran.code, "set CONVEX_URL" in ran.err) == (2, True)


def test_saves_of_a_machine_without_its_deployment_wait_for_it(world: World) -> None:
    machine = world.machine()
    machine.save("a.json", flow("a"))
    machine.start().until_in_sync()
    assert machine.stop() == 0
    told, machine.environment = machine.environment, {}
    machine.start().until_state(State.OFFLINE)
    machine.save("a.json", flow("a", "offline"))
    machine.save("b.json", flow("b"))
    until(lambda: waiting(machine) == 2, "two changes in the outbox")
    assert "2 changes wait" in asked(machine)
    assert machine.stop() == 0
    machine.environment = told
    machine.start().until_in_sync()
    assert machine.mirror().revisions() == {"a.json": 2, "b.json": 1}


def test_the_port_of_the_embedded_backend_is_taken(world: World) -> None:
    machine = world.loose_machine()
    machine.configure(LOCAL.replace("port = 0", f"port = {world.deployment.port}"))
    machine.save("a.json", flow("a"))
    ran = machine.syncd("run")
    assert ran.code == 1
    assert str(world.deployment.port) in ran.err
    assert "-> choose another port ([embedded] in config.toml, or --port of " in ran.err


def waiting(machine: Machine) -> int:
    found = machine.report()
    return found.queued + found.sent


def asked_down(machine: Machine) -> str:
    told = machine.syncd("status")
    assert told.code == 6
    return told.out
