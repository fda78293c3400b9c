"""Settings that cannot be used: what, where, what to do, and nothing is started."""

from __future__ import annotations

import pytest

from syncd.report.standing import State

from .conftest import World
from .machine import STORE


def refused(world: World, settings: str, more: str = "") -> str:
    machine = world.loose_machine()
    machine.configure(settings, more)
    ran = machine.syncd("run")
    assert ran.code == 2, ran.err
    assert ran.err.startswith("syncd: ")
    assert "nothing was started\n  -> " in ran.err
    assert not machine.state.exists()
    assert "Traceback" not in ran.err
    return ran.err


@pytest.mark.parametrize(
    ("settings", "more", "said"),
    [
        ('ulr = "embedded"', "", "unknown key 'ulr'; did you mean 'url'?"),
        ("", 'incude = ["*.json"]', "store 'flows': unknown key 'incude'; did you mean 'include'?"),
        ("[embedded]\nprot = 1", "", "embedded: unknown key 'prot'; did you mean 'port'?"),
        ("", 'direction = "up"', "store 'flows'.direction: it should be 'both'"),
        ("[embedded]\nport = 70000", "", "embedded.port: it should be less than"),
        ("", STORE.format(name="flows", kind="asset"), "two stores are named 'flows'"),
        ("", STORE.format(name="flows/inner", kind="asset").replace('"flows/inner"', '"inner"', 1),
         "stores 'flows' and 'inner' lie in one another"),
        ("", STORE.format(name="sorts", kind="workflow").replace("workflow", "wrokflow"),
         "store 'sorts'.kind"),
        ("", STORE.format(name="all", kind="file").replace('path = "all"', 'path = ".syncd/x"'),
         "lies inside the state folder"),
        ('url = "localhost:3210"', "", "is none: http:// or https:// and a host"),
        ('url = "unfinished', "", "cannot be read"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used(world: World, settings: str, more: str, said: str) -> None:
    assert said in refused(world, settings, more)


def test_there_is_no_configuration(world: World) -> None:
    machine = world.loose_machine()
    machine.config.unlink()
    for command in (("run",), ("sync", "--once"), ("status",), ("verify",)):
        ran = machine.syncd(*command)
        assert ran.code == 2
        assert f"there is no configuration at {machine.config}" in ran.err
        assert "-> `syncd init` finds stores and writes one; or name another" in ran.err


def test_no_store(world: World) -> None:
    machine = world.loose_machine(stores={})
    ran = machine.syncd("run")
    assert (ran.code, "names no store" in ran.err) == (2, True)


def test_a_second_daemon_on_one_state_folder(world: World) -> None:
    machine = world.loose_machine().start()
    machine.until_state(State.OFFLINE)
    assert machine.daemon is not None
    ran = machine.syncd("run")
    assert ran.code == 9
    assert f"process {machine.daemon.pid} already owns {machine.state}" in ran.err
    assert "-> use that one (`syncd status`), or stop it first" in ran.err
    assert machine.stop() == 0


def test_a_state_folder_that_cannot_be_used(world: World) -> None:
    machine = world.loose_machine()
    machine.state.write_text("a file is in the way")
    ran = machine.syncd("run")
    assert ran.code == 1
    assert f"the state folder {machine.state} cannot be used" in ran.err
    assert "SYNCD_STATE_DIR" in ran.err


def test_sync_without_once(world: World) -> None:
    ran = world.loose_machine().syncd("sync")
    assert (ran.code, "needs --once" in ran.err) == (2, True)
