"""Deletions stop while a store's folder is missing, replaced or emptied; edits go on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.report.standing import State

from .conftest import World
from .flows import flow
from .machine import Machine
from .waiting import until

FILES = {f"flows/{name}.json": flow(name).encode() for name in "abcde"}


def renamed(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def replaced(folder: Path) -> None:
    renamed(folder)
    folder.mkdir()


def emptied(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("elsewhere"))
    for path in folder.iterdir():
        path.unlink()


def put_back(folder: Path, how: Callable[[Path], None]) -> None:
    away = folder.with_name("elsewhere")
    if how is emptied:
        shutil.copytree(away, folder, dirs_exist_ok=True)
        return
    if folder.exists():
        shutil.copytree(folder, away, dirs_exist_ok=True)
        shutil.rmtree(folder)
    away.rename(folder)


MEANWHILE = {
    "its folder is missing": "its 5 files stay on the deployment; nothing of the store is sent, "
    "written or deleted\n  -> mount the folder",
    "its folder is replaced": "5 deletions wait and nothing is lost; edits wait too: nothing is "
    "sent from the folder",
    "every file in its folder is gone": "5 deletions wait and nothing is lost; edits go on",
}

WAYS = pytest.mark.parametrize(
    ("how", "reason"),
    [
        (renamed, "its folder is missing"),
        (replaced, "its folder is replaced"),
        (emptied, "every file in its folder is gone"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)


@pytest.fixture
def machine(world: World) -> Machine:
    """A machine with files in sync, and a store beside that nothing happens to."""
    made = world.machine(stores={"flows": "workflow", "notes": "document"})
    for name in "abcde":
        made.save(f"{name}.json", flow(name))
    made.start().until_in_sync()
    assert len(made.mirror().live()) == 5
    return made


def stands(machine: Machine, reason: str) -> None:
    """Wait until the guard is told, and check what is said."""
    until(lambda: machine.report().guards, "a guard", 15)
    told = machine.syncd("status")
    assert told.code == 3, told.out
    assert told.out.startswith("degraded: ")
    assert f"guard flows: {reason}\n  {MEANWHILE[reason]}" in told.out
    assert "`syncd approve flows`" in told.out
    assert "`syncd reject flows`" in told.out
    explained = machine.syncd("explain", "flows/a.json").out
    assert "next    waits for a person" in explained
    assert f"guard: {reason}" in explained
    # Into a folder that is not the known one nothing goes, and nothing out of it.
    assert ("edits go on" in told.out) == ("every file" in reason)


def edits_go_on(machine: Machine, how: Callable[[Path], None]) -> dict[str, bytes]:
    """Saves made under a guard arrive; whatever was deleted would be so by then."""
    note = machine.home / "notes/note.json"
    note.write_text('{"say": "still here"}')
    mirror = machine.mirror()
    until(lambda: mirror.live("notes"), "a save in the other store", 5)
    if how is not emptied:
        # Into a folder that is not the store's nobody writes, and nothing of it is sent.
        return FILES
    machine.save("new.json", flow("new"))
    until(lambda: mirror.holds("new.json", flow("new")), "a save in the guarded store", 5)
    return {**FILES, "flows/new.json": flow("new").encode()}


@WAYS
def test_while_it_runs(
    world: World, machine: Machine, how: Callable[[Path], None], reason: str
) -> None:
    other = world.machine("other").start()
    other.until_in_sync()
    how(machine.folder)
    stands(machine, reason)
    expected = edits_go_on(machine, how)
    until(lambda: other.tree() == expected, "edits, and no deletion, on the other machine", 5)
    assert len(machine.mirror().live()) == len(expected)
    put_back(machine.folder, how)
    until(lambda: machine.report().guards == 0, "the guard lifted", 15)
    machine.until_in_sync()
    assert {p: b for p, b in machine.tree().items() if p.startswith("flows/")} == expected
    (machine.folder / "a.json").unlink()
    until(lambda: other.reads("a.json") is None, "an everyday deletion", 5)


@WAYS
def test_while_it_does_not_run(machine: Machine, how: Callable[[Path], None], reason: str) -> None:
    assert machine.stop() == 0
    how(machine.folder)
    machine.start()
    stands(machine, reason)
    expected = edits_go_on(machine, how)
    assert len(machine.mirror().live()) == len(expected)
    assert machine.stop() == 0
    put_back(machine.folder, how)
    machine.start().until_in_sync()
    assert machine.report().guards == 0
    assert len(machine.mirror().live()) == len(expected)


@WAYS
def test_approved_deletions_are_sent(
    machine: Machine, how: Callable[[Path], None], reason: str
) -> None:
    assert machine.stop() == 0
    how(machine.folder)
    stopped = machine.syncd("sync", "--once")
    assert stopped.code == 3
    assert reason in stopped.out
    listed = [f"\n    flows:{name}.json\n" in stopped.out for name in "abcde"]
    assert all(listed) if how is not renamed else not any(listed)
    assert len(machine.mirror().live()) == 5
    if how is renamed:
        # A missing folder proves nothing about its files: there is nothing to approve.
        return
    approved = machine.syncd("sync", "--once", "--approve-deletions", "flows")
    assert approved.code == 0, approved.out + approved.err
    assert machine.mirror().live() == {}
    assert machine.syncd("verify").code == 0
    machine.save("a.json", flow("a"))
    machine.start().until_state(State.IN_SYNC)
    assert list(machine.mirror().live()) == ["a.json"]


def test_remote_changes_wait_for_a_missing_folder(world: World, machine: Machine) -> None:
    other = world.machine("other").start()
    other.until_in_sync()
    renamed(machine.folder)
    stands(machine, "its folder is missing")
    (other.folder / "a.json").unlink()
    other.save("b.json", flow("b", "changed"))
    until(lambda: other.mirror().entries()["a.json"]["deleted"], "the deletion in Convex", 5)
    other.until_in_sync()
    assert not machine.folder.exists()
    put_back(machine.folder, renamed)
    expected = {**FILES, "flows/b.json": flow("b", "changed").encode()}
    del expected["flows/a.json"]
    until(lambda: machine.tree() == expected, "what the other machine did", 15)
    machine.until_in_sync()
    assert machine.report().guards == 0


def test_a_folder_of_one_file_may_lose_it(world: World) -> None:
    machine = world.machine()
    machine.save("a.json", flow("a"))
    machine.start().until_in_sync()
    (machine.folder / "a.json").unlink()
    until(lambda: machine.mirror().live() == {}, "the deletion", 5)
    assert machine.report().guards == 0
