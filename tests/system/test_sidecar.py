"""The sidecar's contract without a container engine: an unprivileged user on a read-only root.

A mount namespace stands for the container: everything is read-only but the data and the state.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from syncd.cli import registered
from syncd.config import load
from syncd.monitoring.metrics import exposition
from syncd.report.standing import State, StatusReport
from tests.system.test_reports import commands

from .conftest import World
from .flows import flow
from .machine import Machine
from .proxy import Proxy, Way
from .waiting import until

CHECKOUT = Path(__file__).parents[2]
SIDECAR = CHECKOUT / "examples/sidecar"
UID = 10001

FILES = 1500
"""So many that what SQLite keeps of a statement and of a sorted answer is beyond its buffers."""

in_a_namespace = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="making a mount namespace takes root and util-linux",
)


def contained(home: Path) -> Sequence[str]:
    """Words before a command that run it as in a container which may write `home` only.

    What the unprivileged user could not reach (checkouts and interpreters below private folders)
    is mounted where it is, on top of an empty folder that hides the rest.
    """
    python = Path(sys.executable).resolve().parents[1]
    script = f"""
        set -e
        nobody="setpriv --reuid {UID} --regid {UID} --clear-groups"
        mount -t tmpfs tmpfs /mnt
        number=0
        for place in {python} {CHECKOUT} {home}; do
            number=$((number + 1))
            mkdir /mnt/$number
            mount --bind "$place" /mnt/$number
        done
        for place in {python} {CHECKOUT} {home}; do
            $nobody test -r "$place/." ||
                mount -t tmpfs -o mode=755 tmpfs "/$(echo "$place" | cut -d/ -f2)"
        done
        number=0
        for place in {python} {CHECKOUT} {home}; do
            number=$((number + 1))
            mkdir -p "$place"
            mount --bind /mnt/$number "$place"
        done
        mount -o remount,ro,bind /
        cd /
        exec $nobody --bounding-set=-all --no-new-privs "$@"
    """
    return ("unshare", "--mount", "sh", "-c", script, "sh")


def sidecar(world: World, url: str | None = None) -> Machine:
    machine = world.machine(url=url, environment={"PYTHONDONTWRITEBYTECODE": "1"})
    for place in [machine.home, *machine.home.rglob("*")]:
        os.chown(place, UID, UID)
    machine.prefix = contained(machine.home)
    return machine


def saved(machine: Machine, path: str, body: str) -> None:
    machine.save(path, body)
    os.chown(machine.folder / path, UID, UID)


@in_a_namespace
def test_it_mirrors_as_nobody_in_particular_on_a_root_that_cannot_be_written(
    world: World,
) -> None:
    machine, other = sidecar(world), world.machine("server")
    saved(machine, "a.json", flow("a"))
    machine.start()
    machine.until_in_sync()
    assert machine.syncd("health", "--startup").code == 0
    assert machine.syncd("health", "--live").code == 0
    assert json.loads(machine.syncd("health", "--json").out)["readiness"] == "ready"
    other.save("b.json", flow("b"))
    assert other.syncd("sync", "--once").code == 0
    machine.until_reads("b.json", flow("b"))
    assert (machine.folder / "b.json").stat().st_uid == UID
    assert machine.daemon is not None
    status = Path(f"/proc/{machine.daemon.pid}/status").read_text()
    assert re.search(rf"^Uid:\t{UID}\t{UID}", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    assert machine.stop() == 0


@in_a_namespace
def test_a_first_mirror_of_many_files_writes_nothing_but_the_state_and_the_data(
    world: World,
) -> None:
    machine = sidecar(world)
    for number in range(FILES):
        saved(machine, f"{number}.json", flow(str(number)))
    ran = machine.syncd("sync", "--once")
    assert (ran.code, f"{FILES:,}" in ran.out) == (0, True), ran
    for command in ("plan", "verify"):
        assert machine.syncd(command).code == 0


@in_a_namespace
def test_what_cannot_be_sent_before_the_end_is_sent_after_the_next_start(
    world: World, proxy: Proxy
) -> None:
    machine = sidecar(world, url=proxy.url)
    machine.start()
    machine.until_in_sync()
    proxy.turn(Way.DEAD)
    saved(machine, "a.json", flow("a"))
    until(lambda: machine.report().queued + machine.report().sent == 1, "the save is queued")
    assert machine.stop() == 0
    proxy.turn(Way.OPEN)
    machine.start()
    machine.until_in_sync()
    saved(machine, "b.json", flow("b"))
    machine.kill()
    machine.start()
    machine.until_in_sync()
    assert machine.mirror().holds("a.json", flow("a"))
    assert machine.mirror().holds("b.json", flow("b"))


def test_the_examples_call_commands_that_there_are() -> None:
    known = {command.split()[0] for command in commands(registered())}
    pod = yaml.safe_load((SIDECAR / "kubernetes.yaml").read_text())
    (container,) = pod["spec"]["initContainers"]
    probes = [container[f"{name}Probe"]["exec"]["command"]
              for name in ("startup", "liveness", "readiness")]  # fmt: skip
    assert {words[1] for words in probes} == {"health"} <= known
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    config = load(SIDECAR / "config.toml", {})
    assert all(any(str(s.path).startswith(m) for m in mounted) for s in config.stores)
    compose = yaml.safe_load((SIDECAR / "compose.yaml").read_text())
    assert compose["services"]["syncd"]["read_only"] is True
    words = json.loads(re.findall(r"^CMD (\[.*\])$", (CHECKOUT / "Containerfile").read_text(),
                                  re.MULTILINE)[0])  # fmt: skip
    assert words[0] in known


def test_alerts_and_dashboard_ask_for_series_that_there_are() -> None:
    told = exposition(StatusReport(state=State.IN_SYNC, detail="", running=1, url=None,
                                   workspace="w")).decode()  # fmt: skip
    series = set(re.findall(r"^(syncd_\w+)", told, re.MULTILINE))
    folder = CHECKOUT / "examples/monitoring"
    asked = set(re.findall(r"syncd_\w+", (folder / "alerts.yaml").read_text()))
    asked |= set(re.findall(r"syncd_\w+", (folder / "dashboard.json").read_text()))
    assert asked
    assert asked <= series | {"syncd_files"}
    rules = yaml.safe_load((folder / "alerts.yaml").read_text())["groups"][0]["rules"]
    assert all(rule["annotations"]["summary"] for rule in rules)
