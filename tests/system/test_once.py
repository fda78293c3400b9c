"""`syncd sync --once`: real files there and, on a second machine, back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from .conftest import World
from .flows import fill, flow


def test_real_files_are_mirrored_and_verified(world: World) -> None:
    machine = world.machine()
    files = fill(machine.folder)
    ran = machine.syncd("sync", "--once")
    assert ran.code == 0, ran.err
    assert f"{files} files mirrored in 1 store; 0 need a look" in ran.out
    verified = machine.syncd("verify")
    assert verified.code == 0, verified.out
    assert verified.out == f"flows: {files} same, no drift, 0 not compared\n"
    assert len(machine.mirror().live()) == files


def test_a_second_machine_starts_empty_and_ends_byte_identical(world: World) -> None:
    first, second = world.machine("first"), world.machine("second")
    fill(first.folder)
    assert first.syncd("sync", "--once").code == 0
    before = first.mirror().revisions()
    ran = second.syncd("sync", "--once")
    assert ran.code == 0, ran.err
    assert second.tree() == first.tree()
    assert second.syncd("verify").code == 0
    assert first.mirror().revisions() == before


def test_names_are_the_same_on_a_machine_whose_locale_has_them_otherwise(world: World) -> None:
    first = world.machine("first")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    second = world.machine("second", environment=plain)
    first.save("ünï-漢.json", flow("a"))
    assert first.syncd("sync", "--once").code == 0
    second.save("é.json", flow("b"))
    ran = second.syncd("sync", "--once")
    assert ran.code == 0, ran.err
    assert first.syncd("sync", "--once").code == 0
    assert first.tree().keys() == second.tree().keys() == {"flows/ünï-漢.json", "flows/é.json"}
    assert second.syncd("explain", "flows/é.json").code == 0


def test_who_never_runs_a_daemon_forgets_too(world: World) -> None:
    machine = world.machine()
    machine.save("a.json", flow("a"))
    assert machine.syncd("sync", "--once").code == 0
    (ledger,) = (machine.state / "ledger").glob("*.db")
    with closing(sqlite3.connect(ledger)) as connection:
        long_ago = (
            "INSERT INTO events (store, path, what, at) VALUES ('flows', 'z.json', 'held', 1)"
        )
        connection.execute(long_ago)
        connection.execute("UPDATE meta SET value = '1' WHERE name = 'thinned'")
        connection.commit()
    assert "z.json" in machine.syncd("log").out
    for _ in range(2):  # The first goes by the time of the last, see LEAP.
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("UPDATE meta SET value = value - 86400 WHERE name = 'thinned'")
            connection.commit()
        assert machine.syncd("sync", "--once").code == 0
    assert "z.json" not in machine.syncd("log").out


def test_a_second_machine_enrolls_on_the_embedded_backend(world: World) -> None:
    first = world.local_machine("first")
    first.save("a.json", flow("a"))
    first.start().until_in_sync()
    enrolled = first.syncd("devices", "enroll", "second")
    assert enrolled.code == 0, enrolled.err
    url = (first.state / "backend-url").read_text()
    second = world.loose_machine("second")
    second.environment = {"CONVEX_URL": url, "SYNCD_TOKEN": enrolled.out.strip()}
    assert second.syncd("sync", "--once").code == 0
    assert second.tree() == first.tree()
    assert first.stop() == 0


def test_rows_are_queryable_through_the_official_client(world: World) -> None:
    machine = world.machine()
    machine.save("deep/ship.json", flow("ship"))
    assert machine.syncd("sync", "--once").code == 0
    row = machine.mirror().query("workflows:get", id="ship")
    assert (row["name"], row["path"]) == ("ship", "deep/ship.json")
    assert row["text"] == flow("ship")
    assert row["value"] == json.loads(flow("ship"))


def test_a_second_run_changes_nothing(world: World) -> None:
    machine = world.machine()
    fill(machine.folder)
    assert machine.syncd("sync", "--once").code == 0
    mirror = machine.mirror()
    before = mirror.entries()
    assert machine.syncd("sync", "--once").code == 0
    assert mirror.entries() == before


def test_what_changed_meanwhile_goes_both_ways(world: World) -> None:
    first, second = world.machine("first"), world.machine("second")
    for name in ("edited", "renamed", "deleted", "kept"):
        first.save(f"{name}.json", flow(name))
    assert first.syncd("sync", "--once").code == 0
    assert second.syncd("sync", "--once").code == 0
    second.save("edited.json", flow("edited", "changed"))
    (second.folder / "renamed.json").rename(second.folder / "new name.json")
    (first.folder / "deleted.json").unlink()
    for machine in (first, second, first):
        assert machine.syncd("sync", "--once").code == 0
    assert sorted(first.tree()) == [
        "flows/edited.json", "flows/kept.json", "flows/new name.json"
    ]  # fmt: skip
    assert first.tree() == second.tree()
    assert first.reads("edited.json") == flow("edited", "changed").encode()
