"""What a day costs is told, and no more is spent than may be."""

from __future__ import annotations

import signal

from syncd.report.standing import CostReport, State

from .conftest import World
from .flows import flow
from .machine import Machine
from .proxy import Proxy
from .waiting import until

FILES, PADDING = 20, 20_000


def cost(machine: Machine) -> CostReport:
    found = machine.report().cost
    assert found is not None
    return found


def test_what_was_spent_is_told_and_what_is_ours_is_not_downloaded(
    world: World, proxy: Proxy
) -> None:
    machine = world.machine(url=proxy.url)
    for number in range(FILES):
        machine.save(f"{number}.json", flow(f"f{number}", "x" * PADDING))
    machine.start().until_in_sync()
    assert machine.stop() == 0
    today = cost(machine).today
    updates = today.calls - proxy.calls
    assert 0 <= updates <= FILES, "beside what was asked there are updates of the subscription"
    assert today.sent > FILES * PADDING
    assert 0.9 * proxy.sent < today.sent < proxy.sent, "all but headers and the subscription"
    assert today.received < min(PADDING, proxy.received), "not even one of our own files came back"
    assert today == cost(machine).month
    assert f"cost today: {today.calls} function calls" in machine.syncd("status").out


def test_at_the_ceiling_saves_wait_until_it_is_raised(world: World, proxy: Proxy) -> None:
    machine = world.machine(url=proxy.url)
    machine.start().until_in_sync()
    machine.stop()
    machine.configure(f"[cost]\nmost_calls_a_day = {cost(machine).today.calls}")
    spent = proxy.calls
    machine.start().until_state(State.PAUSED)
    machine.save("a.json", flow("a"))
    until(lambda: machine.report().queued == 1, "the save is queued")
    told = machine.report()
    assert told.state is State.PAUSED
    assert machine.daemon is not None
    assert "1 change waits: the ceiling most_calls_a_day is reached" in told.detail
    assert f"raise most_calls_a_day in config.toml, then `kill -HUP {machine.daemon.pid}`" in (
        told.detail
    )
    until(
        lambda: all(
            "the ceiling most_calls_a_day holds it until 20" in machine.report().parts[part].detail
            for part in ("feed", "listener")
        ),
        "what is not heard is not called away",
    )
    assert proxy.calls == spent
    machine.configure("[cost]\nmost_calls_a_day = 10_000")
    machine.daemon.send_signal(signal.SIGHUP)
    machine.until_in_sync()
    assert proxy.calls > spent
    assert machine.mirror().holds("a.json", flow("a"))


def test_a_large_file_that_changed_a_little_does_not_travel_whole(
    world: World, proxy: Proxy
) -> None:
    machine = world.machine(url=proxy.url)
    machine.save("a.json", flow("a", "x" * 500_000))
    machine.start().until_in_sync()
    other = world.machine("server")
    other.start()
    other.until_reads("a.json", flow("a", "x" * 500_000))
    other.until_in_sync()
    received = cost(other).today.received
    assert received > 500_000
    whole = proxy.sent
    changed = flow("a", "x" * 250_000 + "é" + "x" * 250_000)
    machine.save("a.json", changed)
    until(lambda: machine.mirror().holds("a.json", changed), "the change is on the deployment")
    machine.until_in_sync()
    other.until_reads("a.json", changed)
    other.until_in_sync()
    assert other.stop() == 0
    assert cost(other).today.received - received < 10_000, "nor on its way back"
    assert whole > 500_000
    assert proxy.sent - whole < 10_000, "a letter, and the calls around it"
