"""A copy of the ledger that was taken after its last hello is put back, and undoes nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

from syncd.core.epoch import End
from syncd.engine.session import Session

from .fakes import STORE, Machine, digest
from .test_epoch import conflicts, review, synced, until


async def outlived(folder: Path) -> Machine:
    """A machine whose ledger is what it was before "first" became "second", said hello and all."""
    machine = await synced(folder)
    machine.tidemark = folder / "tidemark"
    ledger = machine.ledger()
    session = machine.session(ledger)
    running = asyncio.create_task(session.run(lambda _: None))
    await until(lambda: session.guards.confirmed and session.gauge().named == 0)
    copy = copied(machine.ledger_path)
    machine.save(a="second")
    session.rescan.request(STORE)
    await until(lambda: machine.mirror()["a"] == "second" and session.gauge().sent == 0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    ledger.close()
    machine.ledger_path.write_bytes(copy)
    return machine


def copied(path: Path) -> bytes:
    """The ledger as it is now, while a daemon writes it."""
    source, copy = sqlite3.connect(path), sqlite3.connect(":memory:")
    source.backup(copy)
    source.close()
    found = copy.serialize()
    copy.close()
    return found


async def test_a_save_that_looks_like_what_the_copy_knew_is_not_undone(tmp_path: Path) -> None:
    machine = await outlived(tmp_path)
    machine.save(a="first")
    await machine.sync()
    assert machine.tree() == machine.mirror() == {"a": "first", "b": "other"}
    assert conflicts(machine) == 1, "what it cannot know to be older is listed"
    found = review(machine)
    assert found is not None
    assert found.why == End.OLD_COPY.value


async def test_where_nothing_was_saved_since_an_old_copy_leads_to_nothing(tmp_path: Path) -> None:
    machine = await outlived(tmp_path)
    await machine.sync()
    assert machine.tree() == machine.mirror() == {"a": "second", "b": "other"}
    assert conflicts(machine) == 0


async def test_offline_nothing_is_decided_on_the_word_of_an_old_copy(tmp_path: Path) -> None:
    machine = await outlived(tmp_path)
    ledger = machine.ledger()
    session = Session(ledger, None, {STORE: machine.replica()}, machine.clock)
    running = asyncio.create_task(session.run(lambda _: None))
    await until(session.intake.idle.is_set)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert ledger.outbox.count() == {}, "by the copy's word the file was changed"
    assert not ledger.epochs.is_old_copy
    ledger.close()
    await machine.sync()
    assert machine.tree() == machine.mirror() == {"a": "second", "b": "other"}


async def test_a_save_that_a_write_of_the_copy_met_gets_its_name_back(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    other = Machine(tmp_path / "other", machine.deployment, "other")
    await other.sync()
    other.save(a="theirs")
    await other.sync()
    # A copy of the whole machine, made when "theirs" had just taken the place of a save.
    machine.save(a="theirs")
    temporary = machine.files / ".syncd-00000000000000aa"
    temporary.write_text("met")
    inode = (machine.files / "a.txt").stat().st_ino
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        connection.execute(
            "INSERT INTO notes VALUES ('notes', 'a.txt', ?, ?, ?, ?, 2, ?, 6, NULL)",
            (temporary.name, inode, digest(b"first"), digest(b"theirs"), digest(b"theirs")),
        )
        ledger.epochs.suspect()
    ledger.close()
    await machine.sync()
    assert machine.tree()["a"] == machine.mirror()["a"] == "met"
    assert conflicts(machine) == 1, "what it did not know is listed"
