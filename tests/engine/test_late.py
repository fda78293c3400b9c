"""Programs that have a file open while news of it is written: nothing they write is lost."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import syncd.engine.naming.late as late_module
from syncd.core.doubt import PATIENCE
from syncd.core.model import Key, Kind
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.late import Late
from syncd.files.folder import Folder
from syncd.files.replica import FileReplica
from syncd.files.swapped import FIRST_LOOK, LAST_LOOK, Swapped
from syncd.files.transit import SLOW_BYTES
from syncd.ledger.claimable import Claim
from syncd.stores.layout import Layout

from .test_turn import KEY, Desk, content, flow, sends_in_the_middle

BASE = flow(name="one", tags=["a"], note="x")


class Unleased(Folder):
    """So that a file may be swapped out while a program has it open."""

    def lease(self, fd: int) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


class Office(Desk):
    """A desk whose file system refuses leases, and what looks after late saves."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.replica = FileReplica(
            self.files, Kind.WORKFLOW, Layout(("*.json",), ()), self.swapped, Unleased
        )
        self.stores["flows"] = self.replica
        self.open = -1
        self.slow: list[Key] = []
        """Files that were to be read apart."""
        self.restart()

    def restart(self) -> None:
        """A new run of the daemon: what the former one had in memory is gone."""
        self.swapped.close()
        self.swapped = self.replica.swapped = Swapped(self.swapped.folder, self.history)
        intake = Intake(self.reconciler, self.clock)
        intake.connect_payloads(lambda _: None, self.slow.extend)
        self.late = Late(self.ledger, self.stores, self.reconciler, intake, self.clock)

    async def replaced_while_open(self, news: bytes | None) -> None:
        """A program has the agreed file open when `news` of it comes and is carried out."""
        await self.agreed(BASE)
        self.open = os.open(self.path, os.O_RDWR)
        self.told(news)
        await self.turn()
        assert (self.path.read_bytes() if self.path.exists() else None) == news
        await self.late.look()

    def written_late(self, body: bytes) -> None:
        os.ftruncate(self.open, 0)
        os.pwrite(self.open, body, 0)

    async def looked(self, *seconds: float) -> None:
        for each in seconds:
            self.clock.seconds += each
            await self.late.look()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    os.close(made.open)
    made.ledger.close()


async def test_a_late_save_is_merged_and_listed(office: Office) -> None:
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    office.written_late(flow(name="one", tags=["a", "b"], note="x"))
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    both = flow(name="two", tags=["a", "b"], note="x")
    assert office.path.read_bytes() == both
    assert office.sent() == both
    assert office.conflicts() == 1


async def test_a_late_save_after_the_first_look_is_merged_too(office: Office) -> None:
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    await office.looked(FIRST_LOOK)
    office.written_late(flow(name="one", tags=["a", "b"], note="x"))
    await office.looked(LAST_LOOK, FIRST_LOOK)
    assert office.path.read_bytes() == flow(name="two", tags=["a", "b"], note="x")


async def test_a_late_save_that_clashes_leaves_the_file_and_is_listed(office: Office) -> None:
    two, late = flow(name="two", tags=["a"], note="x"), flow(name="late", tags=["a"], note="x")
    await office.replaced_while_open(two)
    office.written_late(late)
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    assert office.path.read_bytes() == two
    (listed,) = office.ledger.conflicts.unresolved()
    assert listed.remote is not None
    assert office.ledger.contents.get(listed.remote) == late
    assert office.history.get(listed.remote) == late


async def test_a_late_save_brings_a_removed_file_back(office: Office) -> None:
    late = flow(name="late", tags=["a"], note="x")
    await office.replaced_while_open(None)
    office.written_late(late)
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    assert office.path.read_bytes() == late
    assert office.sent() == late
    await office.looked(60, 60)
    assert office.path.read_bytes() == late


async def test_a_late_save_into_what_a_person_deleted_since_is_listed(office: Office) -> None:
    late = flow(name="late", tags=["a"], note="x")
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    office.path.unlink()
    office.written_late(late)
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    assert not office.path.exists()
    assert office.conflicts() == 1


@pytest.mark.parametrize("news", [flow(name="two", tags=["a"], note="x"), None])
async def test_a_late_save_into_what_a_folder_took_the_place_of_is_listed(
    office: Office, news: bytes | None
) -> None:
    late = flow(name="late", tags=["a"], note="x")
    await office.replaced_while_open(news)
    office.path.unlink(missing_ok=True)
    office.path.mkdir()
    (office.path / "below.tmp").touch()
    office.written_late(late)
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    assert office.conflicts() == 1
    await office.looked(60, 60)
    assert office.conflicts() == 1


async def test_a_write_is_looked_at_without_waiting_for_the_next_question(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_module, "EVERY", 0.0)
    monkeypatch.setattr(late_module, "SELDOM", 3600.0)
    await office.late.look()
    running = asyncio.create_task(office.late.run())
    try:
        async with asyncio.timeout(20):
            await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
            office.written_late(flow(name="one", tags=["a", "b"], note="x"))
            while not office.conflicts():
                office.clock.seconds += FIRST_LOOK
                await asyncio.sleep(0)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert office.path.read_bytes() == flow(name="two", tags=["a", "b"], note="x")


async def test_a_late_save_into_what_an_earlier_run_left(office: Office) -> None:
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    office.restart()
    office.written_late(flow(name="one", tags=["a", "b"], note="x"))
    await office.looked(0)
    assert office.path.read_bytes() == flow(name="two", tags=["a", "b"], note="x")
    office.restart()
    await office.looked(0, 60, 1)
    assert office.conflicts() == 1


async def test_the_same_late_save_into_another_version_is_another_save(office: Office) -> None:
    late = flow(name="late", tags=["a"], note="x")
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    office.written_late(late)
    await office.looked(FIRST_LOOK, FIRST_LOOK, LAST_LOOK, LAST_LOOK)
    assert office.conflicts() == 1
    os.close(office.open)
    office.open = os.open(office.path, os.O_RDWR)
    three = flow(name="two", tags=["a", "c"], note="x")
    office.told(three)
    await office.turn()
    await office.late.look()
    office.written_late(late)
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    assert office.path.read_bytes() == flow(name="late", tags=["a", "c"], note="x")


async def test_a_late_save_waits_for_an_answer(office: Office) -> None:
    two = flow(name="two", tags=["a"], note="x")
    await office.replaced_while_open(two)
    office.path.write_bytes(flow(name="three", tags=["a"], note="x"))
    await office.turn()
    (intent,) = office.ledger.claim(Claim(10, 1 << 20, []))
    office.written_late(flow(name="one", tags=["a", "b"], note="x"))
    await office.looked(FIRST_LOOK, FIRST_LOOK, FIRST_LOOK)
    assert office.path.read_bytes() == intent.body
    office.answer(intent)
    await office.looked(FIRST_LOOK)
    assert office.path.read_bytes() == flow(name="three", tags=["a", "b"], note="x")


async def test_a_late_save_beside_one_that_is_answered_meanwhile_follows_that(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    saved = flow(name="two", tags=["a"], note="x", count=1)
    office.path.write_bytes(saved)
    await office.turn()
    office.written_late(flow(name="one", tags=["a", "b"], note="x"))
    sends_in_the_middle(office, monkeypatch)
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    both = flow(name="two", tags=["a", "b"], note="x", count=1)
    assert office.path.read_bytes() == both
    base = office.ledger.view(KEY).base
    assert base is not None
    assert base.version == content(saved), "it never goes back"
    assert office.sent() == both


async def test_a_file_open_for_writing_is_tried_again_held_and_written_at_last(
    desk: Desk,
) -> None:
    two = flow(name="two")
    await desk.agreed(flow(name="one"))
    desk.told(two)
    with desk.path.open("r+b"):
        for wait in PATIENCE:
            turn = await desk.turn()
            assert turn.again == [(KEY, desk.clock.seconds + wait)]
            desk.clock.seconds += wait
        assert desk.ledger.attention.reason(KEY) is None
        await desk.turn()
        assert desk.ledger.attention.held("flows")[KEY.path].reason == "open-for-writing"
    assert desk.path.read_bytes() == flow(name="one")
    await desk.turn()
    assert desk.path.read_bytes() == two
    assert desk.ledger.attention.reason(KEY) is None


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


async def test_a_file_that_takes_long_to_read_is_read_apart_for_a_late_save(office: Office) -> None:
    await office.replaced_while_open(flow(name="two", tags=["a"], note="x"))
    office.path.write_bytes(flow(name="long", note="x" * SLOW_BYTES))
    office.written_late(flow(name="late", tags=["a"], note="x"))
    await office.looked(FIRST_LOOK, FIRST_LOOK)
    assert office.slow == [KEY]
