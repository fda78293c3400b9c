"""From a folder with stores to a machine that mirrors them, as a newcomer does it."""

from __future__ import annotations

import json
import socket
import stat
from contextlib import suppress
from pathlib import Path

from syncd.config import EmbeddedConfig, load
from syncd.report.standing import State

from .conftest import World
from .flows import flow
from .machine import Machine


def newcomer(world: World, name: str = "laptop") -> Machine:
    """A project with a store and no configuration, and a deploy key at hand."""
    environment = {
        "CONVEX_URL": world.deployment.url,
        "CONVEX_DEPLOY_KEY": world.deployment.admin_key,
    }
    machine = world.loose_machine(name, environment=environment)
    machine.config.unlink()
    return machine


def init(world: World, machine: Machine, *words: str) -> tuple[int, str, str]:
    ran = machine.syncd("init", "--workspace", world.workspace, *words)
    assert "Traceback" not in ran.err
    return ran.code, ran.out, ran.err


def test_a_newcomer_is_ready_in_one_command(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    code, out, _ = init(world, machine, "--device", "laptop")
    assert code == 0
    assert "wrote " in out
    assert row(out, "store") == ["only", "here", "only", "there", "same", "differ", "held"]
    assert row(out, "workflows") == ["1", "0", "0", "0", "0"]
    assert "ready: `syncd run` begins" in out
    token = machine.state / "device-token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.state.stat().st_mode) == 0o700
    assert token.read_text().strip() not in out
    del machine.environment["CONVEX_DEPLOY_KEY"]
    machine.start()
    machine.until_in_sync()
    assert world.deployment.admin_key not in _everything_in(machine)


def test_another_machine_hears_what_there_is_for_it(world: World) -> None:
    first, second = world.machine("first"), newcomer(world, "second")
    first.save("a.json", flow("a"))
    assert first.syncd("sync", "--once").code == 0
    second.configure("")
    second.folder.rmdir()
    code, out, err = init(world, second)
    assert code == 0
    assert row(out, "flows") == ["0", "1", "0", "0", "0"]
    assert f"made {second.folder}, the folder of store 'flows', which was missing\n" in out
    assert "folder_made" not in out + err
    assert list(second.folder.iterdir()) == []


def test_a_local_backend_gets_a_port_that_no_other_program_has(world: World) -> None:
    machine = newcomer(world)
    machine.environment = {}
    machine.save("a.json", flow("a"))
    usual = EmbeddedConfig().port
    with socket.socket() as other:
        with suppress(OSError):  # Then somebody has it already.
            other.bind(("127.0.0.1", usual))
            other.listen()
        code, out, err = init(world, machine, "--url", "embedded")
    assert code == 0, err
    port = load(machine.config, {}).embedded.port
    assert f"another program has port {usual}" in out
    assert usual < port < usual + 100


def test_as_json_it_tells_the_first_contact_and_nothing_else(world: World) -> None:
    machine = newcomer(world)
    code, out, err = init(world, machine, "--json")
    told = json.loads(out)
    assert (code, told["ready"], told["stores"]) == (2, False, [])
    assert "no folder here looks like a store" in err
    machine.save("a.json", flow("a"))
    code, out, err = init(world, machine, "--json")
    told = json.loads(out)
    assert (code, told["version"], told["ready"]) == (0, 1, True)
    assert told["source"] == str(machine.config)
    (store,) = told["stores"]
    assert [drift["path"] for drift in store["drifts"]] == ["a.json"]
    assert store["drifts"][0]["remote"] is None
    assert "ready: `syncd run` begins" in err


def row(out: str, name: str) -> list[str]:
    """The cells of a row of the plan."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"  {name} ")]
    return line.split()[1:]


def _everything_in(machine: Machine) -> str:
    files = [path for path in machine.home.rglob("*") if path.is_file()]
    return "".join(path.read_bytes().decode("latin-1") for path in files)


def test_again_changes_nothing(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    init(world, machine)
    before = machine.config.read_text(), (machine.state / "device-token").read_text()
    code, out, _ = init(world, machine)
    assert code == 0
    assert "stays as it is" in out
    assert (machine.config.read_text(), (machine.state / "device-token").read_text()) == before


def test_a_url_that_was_forgotten_is_told_afterwards(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    url = machine.environment.pop("CONVEX_URL")
    code, out, _ = init(world, machine)
    assert (code, "no deployment is configured" in out) == (2, True)
    machine.config.chmod(0o640)
    code, out, _ = init(world, machine, "--url", url)
    assert (code, "added url to " in out, "left aside" in out) == (0, True, False)
    assert load(machine.config, {}).url == url
    assert stat.S_IMODE(machine.config.stat().st_mode) == 0o640
    assert {each.name for each in machine.home.iterdir() if each.name.endswith(".new")} == set()


def test_what_differs_is_asked_about(world: World) -> None:
    first, second = newcomer(world, "first"), newcomer(world, "second")
    for machine, step in ((first, "one"), (second, "two")):
        machine.save("a.json", json.dumps({"steps": [{"id": step}]}))
    assert init(world, first, "--device", "first")[0] == 0
    assert first.syncd("sync", "--once").code == 0
    code, out, _ = init(world, second, "--device", "second")
    assert code == 3
    assert row(out, "workflows") == ["0", "0", "0", "1", "0"]
    assert "differs: workflows:a.json" in out
    assert "say --yes to go on" in out
    assert init(world, second, "--yes")[0] == 0


def test_a_name_that_is_taken_keeps_its_token(world: World) -> None:
    first, second = newcomer(world, "first"), newcomer(world, "second")
    for machine in (first, second):
        machine.save("a.json", flow("a"))
    init(world, first, "--device", "same")
    code, _, err = init(world, second, "--device", "same")
    assert code == 2
    assert "a device called 'same' is enrolled already" in err
    assert first.syncd("sync", "--once").code == 0


def test_a_device_that_was_revoked_is_enrolled_again(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    init(world, machine, "--device", "laptop")
    world.revoke("laptop")
    code, out, err = init(world, machine, "--device", "laptop")
    assert (code, err.count("->")) == (0, 0)
    assert "enrolled as laptop" in out
    assert machine.syncd("sync", "--once").code == 0
    machine.environment["SYNCD_TOKEN"] = "syncd_of-another-time"
    code, _, err = init(world, machine, "--device", "laptop")
    assert code == 2
    assert "unset SYNCD_TOKEN" in err


def test_beside_a_daemon_nobody_is_enrolled(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    init(world, machine, "--device", "laptop")
    machine.start().until_in_sync()
    world.revoke("laptop")
    machine.save("a.json", flow("a", "after"))
    told = machine.until_state(State.AUTH_FAILED)
    code, _, err = init(world, machine, "--device", "laptop")
    assert code == 9
    assert f"process {told.running} runs with the token that is there; nobody was enrolled" in err
    assert "-> stop it, type `syncd init` again, and then start it again" in err
    (device,) = json.loads(machine.syncd("devices", "list", "--json").out)["devices"]
    assert device["revoked"] is True
    machine.stop()
    assert init(world, machine, "--device", "laptop", "--yes")[0] == 0
    machine.start().until_in_sync()


def test_without_a_key_or_with_a_wrong_one(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    key = machine.environment.pop("CONVEX_DEPLOY_KEY")
    code, _, err = init(world, machine)
    assert code == 2
    assert "only with a deploy key or an admin key; nothing was changed there" in err
    machine.environment["CONVEX_DEPLOY_KEY"] = key[:-1] + ("0" if key[-1] != "0" else "1")
    code, _, err = init(world, machine)
    assert code in (5, 8)
    assert "->" in err


def test_a_folder_without_stores(world: World) -> None:
    machine = newcomer(world)
    code, out, _ = init(world, machine)
    assert code == 2
    assert "no folder here looks like a store" in out
    assert load(machine.config, {}).stores == ()
    machine.save("a.json", flow("a"))
    (machine.home / "perf").mkdir()
    (machine.home / "perf/a.jsonl").write_text('{"type": "t", "name": "n", "value": 1}\n')
    before = machine.config.read_text()
    code, out, _ = init(world, machine, "--url", "https://elsewhere.example")
    assert code == 0
    assert "added to " in out
    assert machine.config.read_text().startswith(before)
    assert [store.name for store in load(machine.config, {}).stores] == ["workflows", "metrics"]
    assert f", and url is {world.deployment.url}; write it there" in out
    assert row(out, "workflows") == ["1", "0", "0", "0", "0"]
    assert "  metrics: files of lines; " in out


def test_devices_are_listed_and_revoked(world: World) -> None:
    machine = newcomer(world)
    machine.save("a.json", flow("a"))
    init(world, machine, "--device", "laptop")
    assert machine.syncd("sync", "--once").code == 0
    listed = json.loads(machine.syncd("devices", "list", "--json").out)["devices"]
    assert [(each["name"], each["revoked"]) for each in listed] == [("laptop", False)]
    assert listed[0]["seen_at"] is not None
    assert f"\n  {listed[0]['device']}\n" in machine.syncd("devices", "list").out
    assert machine.syncd("devices", "revoke", "laptop").code == 0
    assert machine.syncd("sync", "--once").code == 5
    assert "seen" not in machine.syncd("devices", "list").out
    nobody = machine.syncd("devices", "revoke", "nobody")
    assert nobody.code == 2
    assert "'nobody'; nothing was changed\n  -> `syncd devices list`" in nobody.err
    nobody = machine.syncd("devices", "revoke", "nobody", "--json")
    told = {"version": 1, "name": "nobody", "revoked": False}
    assert (nobody.code, json.loads(nobody.out)) == (2, told)
    assert len(machine.syncd("devices", "enroll", "laptop").out.split()) == 1
    assert machine.syncd("devices", "enroll", "dashboard", "--read-only").code == 0
    listed = json.loads(machine.syncd("devices", "list", "--json").out)["devices"]
    scopes = {each["name"]: each["scopes"] for each in listed}
    assert scopes == {"laptop": ["read", "write"], "dashboard": ["read"]}
    revoked = json.loads(machine.syncd("devices", "revoke", "laptop", "--json").out)
    assert (revoked["name"], revoked["revoked"]) == ("laptop", True)
    enrolled = json.loads(machine.syncd("devices", "enroll", "laptop", "--json").out)
    assert (enrolled["version"], enrolled["name"]) == (1, "laptop")
    token = enrolled["token"]
    assert "not seen since enrolled" in machine.syncd("devices", "list").out
    (machine.state / "device-token").write_text(token)
    (machine.folder / "bad.json").write_bytes(b"\xff")
    ran = machine.syncd("sync", "--once", "--json")
    told = json.loads(ran.out)
    assert (ran.code, told["version"], told["files"], told["unwell"]) == (4, 1, 1, 1)
    assert [each["reason"] for each in told["problems"]] == ["not-text"]
    assert told["stores"][0]["held"] == 1


def test_doctor_tells_what_is_wrong_and_what_to_type(world: World, tmp_path: Path) -> None:
    machine = world.machine()
    machine.save("a.json", flow("a"))
    machine.start()
    machine.until_in_sync()
    well = machine.syncd("doctor")
    assert well.code == 0, well.out
    assert "0 to mend" in well.out
    told = json.loads(machine.syncd("doctor", "--json").out)
    assert {f["level"] for f in told["findings"]} <= {"ok", "warn"}
    assert any(f["check"] == "functions" for f in told["findings"])
    assert machine.tree().keys() == {"flows/a.json"}

    machine.stop()
    machine.environment["SYNCD_TOKEN"] = "syncd_wrong"
    (machine.home / ".env.local").write_text("SYNCD_TOKEN=syncd_other\n")
    (machine.home / ".env.local").chmod(0o644)
    machine.folder.rename(machine.home / "elsewhere")
    ill = machine.syncd("doctor")
    assert ill.code == 1
    assert f"FAIL  store:flows: {machine.folder} is not a folder" in ill.out
    assert "warn  daemon: no daemon runs" in ill.out
    assert f"chmod 600 {machine.home / '.env.local'}" in ill.out
    assert "FAIL  functions: sync:head was refused" in ill.out
    assert "syncd_" not in ill.out


def test_doctor_where_the_deployment_is_away(world: World) -> None:
    machine = world.machine(url="http://127.0.0.1:9")
    ran = machine.syncd("doctor")
    assert ran.code == 1
    assert "FAIL  deployment: http://127.0.0.1:9 does not answer" in ran.out
    assert "saves wait in the outbox meanwhile" in ran.out


def test_explain_tells_both_sides_and_what_is_next(world: World) -> None:
    machine = world.machine()
    machine.save("a.json", flow("a"))
    (machine.folder / "bad.json").write_text("{")
    machine.save("notes.txt", "x")
    machine.syncd("sync", "--once")
    same = json.loads(machine.syncd("explain", "flows/a.json", "--json").out)
    assert same["mirrored"] is True
    assert same["base"]["digest"] == same["local"]["digest"] == same["remote"]["digest"]
    assert same["base"]["revision"] == 1
    assert same["next"] == "nothing"
    machine.save("a.json", flow("a", "more"))
    changed = json.loads(machine.syncd("explain", "flows/a.json", "--json").out)
    assert changed["next"] == "push"
    held = machine.syncd("explain", "flows/bad.json")
    assert held.code == 4
    assert "held    not-json:" in held.out
    other = machine.syncd("explain", "flows/notes.txt")
    assert other.code == 0
    assert "not mirrored: no include matches" in other.out


def test_config_shows_what_is_in_force_and_no_token(world: World) -> None:
    machine = world.machine()
    ran = machine.syncd("config", "--json")
    told = json.loads(ran.out)
    assert told["url"] == world.deployment.url
    assert told["token"] == "set"
    assert machine.environment["SYNCD_TOKEN"] not in ran.out + machine.syncd("config").out


def test_explain_knows_the_direction_of_its_store(world: World) -> None:
    machine = world.machine()
    machine.configure("", 'direction = "pull"\n')
    machine.syncd("sync", "--once")
    machine.save("a.json", flow("a"))
    told = json.loads(machine.syncd("explain", "flows/a.json", "--json").out)
    assert told["next"] == "held"
    assert told["advice"]
