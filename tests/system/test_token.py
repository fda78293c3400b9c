"""Tokens: a wrong one, none, one that is revoked; saves are kept until there is a right one."""

from __future__ import annotations

from syncd.report.standing import State

from .conftest import World
from .flows import flow
from .waiting import until


def test_a_wrong_token_is_refused_and_saves_are_kept(world: World) -> None:
    machine = world.machine()
    right = machine.environment["SYNCD_TOKEN"]
    machine.environment["SYNCD_TOKEN"] = wrong = right[:-6] + "oooops"
    machine.save("a.json", flow("a"))
    ran = machine.syncd("sync", "--once")
    assert ran.code == 5
    assert "sync:hello was refused" in ran.err
    assert "-> stop the daemon; `CONVEX_DEPLOY_KEY=... syncd init` enrolls this device" in ran.err
    machine.start().until_state(State.AUTH_FAILED)
    told = machine.syncd("status")
    assert told.code == 5
    assert told.out.startswith("auth-failed: sync:hello was refused")
    assert machine.stop() == 0
    assert wrong not in machine.said() + ran.err + told.out
    machine.environment["SYNCD_TOKEN"] = right
    machine.start().until_in_sync()
    assert machine.mirror().holds("a.json", flow("a"))


def test_a_token_revoked_while_it_runs(world: World) -> None:
    machine = world.machine().start()
    machine.save("a.json", flow("a"))
    machine.until_in_sync()
    world.revoke("laptop")
    machine.save("a.json", flow("a", "after"))
    machine.save("b.json", flow("b"))
    machine.until_state(State.AUTH_FAILED)
    until(lambda: machine.report().queued + machine.report().sent == 2, "two changes kept")
    assert machine.syncd("status").code == 5
    assert machine.stop() == 0
    machine.environment["SYNCD_TOKEN"] = world.enroll("laptop")
    machine.start().until_in_sync()
    assert machine.mirror().revisions() == {"a.json": 2, "b.json": 1}


def test_a_token_of_another_workspace_is_refused(world: World) -> None:
    machine = world.machine()
    machine.workspace = "another"
    machine.configure("")
    ran = machine.syncd("sync", "--once")
    assert ran.code == 5
    assert "workspace" in ran.err


def test_no_token(world: World) -> None:
    machine = world.machine()
    del machine.environment["SYNCD_TOKEN"]
    for command in (("run",), ("sync", "--once"), ("verify",)):
        ran = machine.syncd(*command)
        assert ran.code == 2
        assert f"there is no device token for {world.deployment.url}" in ran.err
        assert "set SYNCD_TOKEN" in ran.err


def test_the_token_from_a_file_and_from_env_local(world: World) -> None:
    machine = world.machine()
    token = machine.environment.pop("SYNCD_TOKEN")
    secret = machine.home / "secret"
    machine.environment["SYNCD_TOKEN_FILE"] = str(secret)
    ran = machine.syncd("sync", "--once")
    assert (ran.code, f"SYNCD_TOKEN_FILE {secret} cannot be read" in ran.err) == (2, True)
    secret.write_text(token + "\n")
    assert machine.syncd("sync", "--once").code == 0
    del machine.environment["SYNCD_TOKEN_FILE"]
    (machine.home / ".env.local").write_text(f"SYNCD_TOKEN={token}\n")
    assert machine.syncd("sync", "--once").code == 0
