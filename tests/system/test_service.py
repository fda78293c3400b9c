"""The daemon as a service: what it tells its manager, probes and metrics, and how it is paused."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.files.claim import Claims
from syncd.report.standing import State

from .conftest import World
from .flows import flow
from .machine import Machine
from .waiting import until


class Manager:
    """The end of NOTIFY_SOCKET that a service manager holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.settimeout(15)
        self.lines: list[str] = []

    def hear_until(self, line: str) -> None:
        while line not in self.lines:
            self.lines += self._socket.recv(4096).decode().split("\n")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    yield made
    made.close()


def watched(world: World, manager: Manager, settings: str = "") -> Machine:
    environment = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "1500000"}
    return world.machine(environment=environment, settings=settings)


def test_it_says_that_it_is_up_lives_and_stops(world: World, manager: Manager) -> None:
    machine = watched(world, manager).start()
    manager.hear_until("READY=1")
    machine.until_in_sync()
    manager.lines.clear()
    manager.hear_until("WATCHDOG=1")
    assert manager.lines.count("READY=1") == 0
    until(lambda: _heard(manager, "STATUS=in-sync:"), "the status line")
    machine.stop()
    manager.hear_until("STOPPING=1")


def _heard(manager: Manager, start: str) -> bool:
    manager.lines.clear()
    manager.hear_until("WATCHDOG=1")
    return any(line.startswith(start) for line in manager.lines)


def test_a_turn_that_hangs_ends_the_signs_of_life(world: World, manager: Manager) -> None:
    machine = watched(world, manager)
    hang = (
        "import asyncio, sys, syncd.engine.session as s\n"
        "async def beat(self): await asyncio.Event().wait()\n"
        "s.Session.beat = beat\n"
        "sys.argv[0] = 'syncd'\n"
        "from syncd.cli import main; main()\n"
    )
    machine.program = (sys.executable, "-c", hang)
    machine.start()
    machine.until_in_sync()
    manager._socket.settimeout(2.0)
    with pytest.raises(TimeoutError):
        manager.hear_until("WATCHDOG=1")


def test_a_hang_up_reads_the_configuration_anew(world: World, manager: Manager) -> None:
    machine = watched(world, manager).start()
    manager.hear_until("READY=1")
    machine.until_in_sync()
    (machine.home / "more").mkdir()
    (machine.home / "more" / "b.json").write_text(flow("b"))
    machine.configure("", '\n[[store]]\nname = "more"\nkind = "document"\npath = "more"\n')
    assert machine.daemon is not None
    said = machine.syncd("status").out.splitlines()[0]
    assert said == (
        "degraded: the daemon has not read what config.toml says now of more: "
        f"`kill -HUP {machine.daemon.pid}` has it do so"
    )
    machine.daemon.send_signal(signal.SIGHUP)
    manager.lines.clear()
    manager.hear_until("RELOADING=1")
    manager.hear_until("READY=1")
    until(lambda: len(machine.report().stores) == 2, "two stores")
    machine.until_in_sync()
    assert {store.name: store.files for store in machine.report().stores}["more"] == 1


def test_a_daemon_that_has_hardly_begun_is_not_ended_by_a_reload(world: World) -> None:
    machine = world.machine().start()
    assert machine.daemon is not None
    proc = Path(f"/proc/{machine.daemon.pid}/status")

    def ready_to_stop() -> bool:
        caught = re.search(r"SigCgt:\s+(\w+)", proc.read_text())
        return bool(caught and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)

    until(ready_to_stop, "its first handlers")
    machine.daemon.send_signal(signal.SIGHUP)
    machine.until_in_sync()


def test_a_configuration_that_cannot_be_used_changes_nothing(
    world: World, manager: Manager
) -> None:
    machine = watched(world, manager).start()
    manager.hear_until("READY=1")
    good = machine.config.read_text()
    machine.config.write_text(good + '\nulr = "oops"\n')
    assert machine.daemon is not None
    machine.daemon.send_signal(signal.SIGHUP)
    until(lambda: "reload_refused" in machine.said(), "the refusal")
    machine.config.write_text(good)
    machine.save("a.json", flow("a"))
    until(lambda: machine.mirror().holds("a.json", flow("a")), "the save")


def test_a_store_that_another_daemon_has_is_refused_and_mirroring_goes_on(
    world: World, manager: Manager
) -> None:
    machine = watched(world, manager).start()
    manager.hear_until("READY=1")
    theirs = machine.home / "theirs"
    theirs.mkdir()
    with Claims({"theirs": theirs}):
        machine.configure("", '\n[[store]]\nname = "t"\nkind = "document"\npath = "theirs"\n')
        assert machine.daemon is not None
        machine.daemon.send_signal(signal.SIGHUP)
        until(lambda: "reload_refused" in machine.said(), "the refusal")
        machine.save("a.json", flow("a"))
        until(lambda: machine.mirror().holds("a.json", flow("a")), "the save")
    assert f"process {os.getpid()} already mirrors the folder of store 't'" in machine.said()


def test_probes(world: World) -> None:
    machine = world.machine()
    down = machine.syncd("health", "--live")
    assert down.code == 6
    assert "no daemon owns" in down.err
    machine.start()
    machine.until_in_sync()
    assert machine.syncd("health", "--live").out == "alive\n"
    for probe in (("health",), ("health", "--startup")):
        ran = machine.syncd(*probe)
        assert (ran.code, ran.out) == (0, "ready: in-sync\n")
    assert machine.daemon is not None
    machine.daemon.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, machine.daemon.pid, os.WSTOPPED | os.WNOWAIT)
    stopped, status = machine.syncd("health", "--live"), machine.syncd("status")
    machine.daemon.send_signal(signal.SIGCONT)
    assert stopped.code == status.code == 6
    assert f"process {machine.daemon.pid}, which owns" in stopped.err
    assert "is stopped; nothing was changed" in stopped.err
    assert status.out.startswith(f"halted: process {machine.daemon.pid} is stopped; nothing waits")


def test_ready_without_a_deployment(world: World) -> None:
    machine = world.machine(url="http://127.0.0.1:9")
    machine.start()
    until(lambda: machine.syncd("health").code == 0, "ready though offline")
    assert machine.syncd("health").out == "ready: offline\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_health_and_metrics_over_http(world: World) -> None:
    port = free_port()
    machine = world.machine(settings=f"[http]\nport = {port}")
    machine.save("a.json", flow("a"))
    machine.start()
    machine.until_in_sync()
    assert get(port, "/healthz") == (200, "alive\n")
    assert get(port, "/readyz") == (200, "ready: in-sync\n")
    status, body = get(port, "/metrics")
    assert status == 200
    lines = dict(line.rsplit(" ", 1) for line in body.splitlines() if line[0] != "#")
    assert lines['syncd_state{state="in-sync"}'] == "1.0"
    assert lines['syncd_state{state="halted"}'] == "0.0"
    assert float(lines['syncd_events_total{event="pushed"}']) == 1.0
    assert lines['syncd_events_total{event="conflict"}'] == "0.0"
    assert float(lines['syncd_month_cost{what="calls"}']) >= 1.0
    assert lines['syncd_month_projected{what="calls"}'] == "NaN", "too early to tell"
    assert "a.json" not in body
    assert get(port, "/healthz", host="evil.example") == (
        403, "this answers on loopback names only\n",
    )  # fmt: skip
    assert _listening(machine) <= {"127.0.0.1", "::1"}


def get(port: int, path: str, host: str = "localhost") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Host", f"{host}:{port}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def _listening(machine: Machine) -> set[str]:
    """The addresses on which the daemon listens, by its own descriptors."""
    assert machine.daemon is not None
    fds = Path(f"/proc/{machine.daemon.pid}/fd")
    inodes: set[str] = set()
    for each in fds.iterdir():
        with suppress(FileNotFoundError):  # RACE: the daemon opens and closes files all the time.
            inodes.update(re.findall(r"^socket:\[(\d+)\]$", str(each.readlink())))
    found: set[str] = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[3] == "0A" and words[9] in inodes:
            address = bytes.fromhex(words[1].split(":")[0])
            found.add(socket.inet_ntoa(address[::-1]))
    assert found, "nothing listens"
    return found


def test_a_pause_keeps_saves_and_sends_them_afterwards(world: World) -> None:
    machine, other = world.machine(), world.machine("server")
    machine.start()
    other.start()
    machine.until_in_sync()
    other.until_in_sync()
    assert "paused mirroring" in machine.syncd("pause", "--for", "1h").out
    machine.until_state(State.PAUSED)
    machine.save("a.json", flow("a"))
    other.save("b.json", flow("b"))
    other.until_in_sync()
    until(lambda: machine.report().queued == 1, "the save is queued")
    assert machine.reads("b.json") is None
    machine.stop()
    machine.start()
    report = machine.until_state(State.PAUSED)
    assert report.paused_until is not None
    assert 3000 < report.paused_until - time.time() <= 3600
    assert machine.syncd("sync", "--once").code == 9
    assert "resumed mirroring" in machine.syncd("resume").out
    machine.until_in_sync()
    machine.until_reads("b.json", flow("b"))
    other.until_reads("a.json", flow("a"))
    assert machine.syncd("resume").out == "nothing is paused\n"


def test_a_pause_is_kept_while_no_daemon_runs(world: World) -> None:
    machine = world.machine()
    machine.start()
    machine.until_in_sync()
    machine.stop()
    assert machine.syncd("pause").code == 0
    once = machine.syncd("sync", "--once")
    assert once.code == 1
    assert "mirroring is paused; nothing was sent or written\n  -> `syncd resume`" in once.err
    assert json.loads(machine.syncd("status", "--json").out)["paused"] is True
    assert machine.syncd("resume").code == 0
    assert machine.syncd("sync", "--once").code == 0


def test_a_hook_is_run_when_things_went_wrong_and_well_again(world: World) -> None:
    machine = world.machine()
    record = machine.home / "told"
    hook = ["sh", "-c", f"cat >> '{record}'; echo >> '{record}'"]
    machine.configure(f"[notify]\nexec = {json.dumps(hook)}")
    quick = (
        "import sys, syncd.core.notice as n, syncd.monitoring.pulse as p\n"
        "n.LASTS = 0.5; n.LEAST = 0.5; p.EVERY = 0.2\n"
        "sys.argv[0] = 'syncd'\n"
        "from syncd.cli import main; main()\n"
    )
    machine.program = (sys.executable, "-c", quick)
    machine.start()
    machine.until_in_sync()
    bad = machine.folder / "bad.json"
    bad.write_bytes(b"\xff")
    until(lambda: record.exists() and record.read_text().count("\n") == 1, "the first notice")
    bad.unlink()
    until(lambda: record.read_text().count("\n") == 2, "the second notice")
    first, second = (json.loads(line) for line in record.read_text().splitlines())
    assert (first["former"], first["state"]) == ("ok", "degraded")
    assert first["problems"][0]["key"] == "flows:bad.json"
    assert (second["former"], second["state"]) == ("degraded", "ok")
