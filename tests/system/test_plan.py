"""`syncd plan` and `syncd explain`: what a daemon would do, before there is one."""

from __future__ import annotations

import json

from .conftest import World
from .flows import flow
from .machine import Machine
from .waiting import until

LINES = '[[store]]\nname = "perf"\nkind = "metric"\npath = "perf"\nlayout = "lines"\n'
"""A store that no turn decides about."""


def mirrored(world: World) -> Machine:
    """A machine that has a mirrored file and a store of lines."""
    machine = world.machine()
    machine.configure("", LINES)
    (machine.home / "perf").mkdir()
    machine.save("a.json", flow("a"))
    assert machine.syncd("sync", "--once").code == 0
    return machine


def test_plan_says_what_there_is_to_do_and_nothing_else(world: World) -> None:
    machine = mirrored(world)
    ran = machine.syncd("plan", "--exit-code")
    assert (ran.code, ran.out, ran.err) == (0, "nothing to do\n", "")
    machine.save("b.json", flow("b"))
    (machine.folder / "link.json").symlink_to(machine.folder / "a.json")
    ran = machine.syncd("plan", "--exit-code")
    assert (ran.code, ran.err) == (7, "")
    assert "->  send          flows:b.json\n" in ran.out
    assert "??  hold          flows:link.json  (symlink: it is a symbolic link)\n" in ran.out
    assert ran.out.endswith("1 hold, 1 send\n")


def test_a_save_that_is_queued_while_paused_is_told_once(world: World) -> None:
    machine = mirrored(world)
    assert machine.syncd("pause").code == 0
    machine.start()
    machine.save("b.json", flow("b"))
    until(lambda: machine.report().queued == 1, "the save is queued")
    machine.stop()
    assert machine.syncd("plan").out == "->  send          flows:b.json\n1 send\n"


def test_plan_says_that_a_folder_is_missing(world: World) -> None:
    machine = mirrored(world)
    machine.folder.rename(machine.home / "elsewhere")
    ran = machine.syncd("plan", "--exit-code")
    assert ran.code == 7
    assert "??  hold          flows:./  (root-missing: " in ran.out


def test_explain_tells_of_one_record_and_of_what_is_around_their_list(world: World) -> None:
    machine = world.machine(stores={"live": "deployment"})
    records = [{"id": "d-1", "status": "pending"}, {"id": "d-2", "status": "pending"}]

    def save(*kept: dict[str, str]) -> None:
        machine.save("deployments.json", json.dumps({"deployments": kept}))

    save(*records)
    assert machine.syncd("sync", "--once").code == 0
    around = machine.syncd("explain", "live/deployments.json")
    assert around.out.startswith("live:deployments.json\n")
    assert "  around  a list of 2 records: say PATH#ID for one\n" in around.out
    assert "  next    nothing\n" in around.out
    assert "pushed  rev 1  #d-2\n" in around.out

    save({"id": "d-1", "status": "success"})
    changed = machine.syncd("explain", "live/deployments.json#d-1")
    assert changed.out.startswith("live:deployments.json#d-1\n")
    assert "  next    push\n" in changed.out
    left_out = machine.syncd("explain", "live:deployments.json#d-2")
    assert "  here    no record\n" in left_out.out
    assert "  next    is put back into the file: " in left_out.out
    nobody = json.loads(machine.syncd("explain", "live:deployments.json#d-3", "--json").out)
    assert (nobody["record"], nobody["next"]) == ("d-3", "nothing")


def test_explain_of_a_file_that_nobody_has(world: World) -> None:
    machine = world.machine()
    machine.syncd("sync", "--once")
    assert "  next    nothing\n" in machine.syncd("explain", "flows/never.json").out
