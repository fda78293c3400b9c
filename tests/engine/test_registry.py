"""What becomes of a store when its configuration changes: forgotten or met anew, never deleted."""

from __future__ import annotations

import shutil
from pathlib import Path

from syncd.engine.registry import Registration, register
from syncd.engine.session import Session
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.stores.layout import Layout

from .fakes import LAYOUT, STORE, Desk, Machine, deployment, digest

WIDE, NARROW = LAYOUT, Layout(("a*.txt",), ())


async def sync(machine: Machine, layout: Layout = WIDE, files: Path | None = None) -> list[str]:
    """Run once under a configuration; the stores whose folder is not known."""
    files = files or machine.files
    ledger = machine.ledger()
    replica = FileReplica(
        files, machine.replica().kind, layout,
        Swapped(machine.ledger_path.with_name("swapped"), machine.history),
    )  # fmt: skip
    told = Registration(str(layout is WIDE), layout.matches, str(files), replica.identity())
    try:
        fresh = register(ledger, {STORE: told}, machine.clock.now(), machine.history.put)
        await Session(ledger, machine.remote, {STORE: replica}, machine.clock).once(lambda *_: None)
        return fresh
    finally:
        ledger.close()


async def made(folder: Path) -> Machine:
    machine = Machine(folder / "laptop", deployment())
    machine.save(a="one", b="two")
    assert await sync(machine) == [STORE]
    assert await sync(machine) == []
    return machine


async def test_a_narrowed_store_forgets_and_a_widened_one_meets_anew(tmp_path: Path) -> None:
    machine = await made(tmp_path)
    await sync(machine, NARROW)
    machine.delete("b")
    machine.save(a="edited")
    await sync(machine, NARROW)
    assert machine.mirror() == {"a": "edited", "b": "two"}
    await sync(machine, WIDE)
    assert machine.mirror() == machine.tree() == {"a": "edited", "b": "two"}


async def test_an_edit_made_while_the_store_was_narrow_is_not_lost(tmp_path: Path) -> None:
    machine = await made(tmp_path)
    await sync(machine, NARROW)
    machine.save(b="edited meanwhile")
    await sync(machine, WIDE)
    assert machine.mirror()["b"] == "edited meanwhile"


async def test_a_removed_store_is_forgotten_and_nothing_is_deleted(tmp_path: Path) -> None:
    machine = await made(tmp_path)
    ledger = machine.ledger()
    register(ledger, {}, 0.0)
    assert ledger.places.stores() == {}
    assert ledger.entries.count_live(STORE) == 0
    ledger.close()
    machine.delete("b")
    await sync(machine)
    assert machine.mirror() == machine.tree() == {"a": "one", "b": "two"}


async def test_a_store_moved_to_an_empty_folder_is_filled(tmp_path: Path) -> None:
    machine = await made(tmp_path)
    moved = tmp_path / "moved"
    moved.mkdir()
    assert await sync(machine, files=moved) == [STORE]
    assert {path.stem for path in moved.iterdir()} == {"a", "b"}
    assert machine.mirror() == {"a": "one", "b": "two"}


async def test_a_folder_that_was_itself_moved_keeps_what_is_agreed(tmp_path: Path) -> None:
    machine = await made(tmp_path)
    moved = tmp_path / "moved"
    machine.files.rename(moved)
    (moved / "b.txt").unlink()
    assert await sync(machine, files=moved) == []
    assert machine.mirror() == {"a": "one"}


async def test_a_copied_folder_is_compared_and_nothing_is_deleted(tmp_path: Path) -> None:
    machine = await made(tmp_path)
    moved = tmp_path / "moved"
    shutil.copytree(machine.files, moved)
    (moved / "b.txt").unlink()
    (moved / "a.txt").write_text("edited")
    await sync(machine, files=moved)
    assert machine.mirror() == {"a": "edited", "b": "two"}


async def test_bytes_that_are_only_queued_are_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.machine.save(a="queued only")
    await desk.consider(["a"])
    with desk.ledger.transaction() as connection:
        connection.execute("DELETE FROM files")
    register(desk.ledger, {}, 7.0, desk.machine.history.put)
    assert desk.machine.kept() == {"queued only"}
    (row,) = desk.ledger.past.page(0, 9)
    assert (row.store, row.path, row.digest, row.since) == (
        STORE, "a.txt", digest(b"queued only"), 7.0
    ), "nobody could find it"  # fmt: skip
    desk.ledger.close()
