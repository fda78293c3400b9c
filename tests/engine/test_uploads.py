"""Payloads that are written to all the time: how often they travel, and what in vain costs."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import pytest

import syncd.core.rest as rest_module
import syncd.engine.payloads.uploads as uploads_module
from syncd.core.model import Content, Digest, Key
from syncd.core.rest import FIRST_VAIN
from syncd.engine.health import Health
from syncd.engine.naming.intake import Intake
from syncd.engine.payloads.outgoing import Outgoing
from syncd.engine.payloads.transfers import Transfers
from syncd.engine.payloads.uploads import FIRST_PAUSE, IN_FLIGHT, Uploads
from syncd.errors import Unavailable

from .fakes import STORE, Desk
from .test_epoch import until

KEY = Key(STORE, "film.txt")
ROUNDS = 5
MANY = 40


class Shelf:
    """File storage that takes what it is given and counts what it is asked."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.asked = 0
        self.begun = 0
        self.taken: list[bytes] = []
        self.flying = 0
        self.lost: Callable[[], bool] = lambda: False
        """Whether the next upload that ends was in vain."""

    async def missing(self, digests: Sequence[Digest]) -> set[Digest]:
        self.asked += 1
        return set(digests)

    async def upload(self, content: Content, parts: AsyncIterator[bytes], name: str) -> None:
        self.begun += 1
        self.flying += 1
        try:
            await self.open.wait()
        finally:
            self.flying -= 1
        if self.lost():
            raise Unavailable("an upload was cut short", "wait")
        self.taken.append(b"".join([part async for part in parts]))

    def download(self, url: str) -> AsyncIterator[bytes]:
        raise NotImplementedError


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


async def save(desk: Desk, body: bytes) -> None:
    """A program saves bytes that are no text, and a turn queues them."""
    (desk.machine.files / KEY.path).write_bytes(b"\xff" + body)
    await desk.reconciler.consider([KEY])


def uploads(desk: Desk, shelf: Shelf, waiting: Sequence[str] = ()) -> Uploads:
    transfers = Transfers("uploads", Health(desk.ledger, desk.clock), desk.clock)
    stores, intake = {STORE: desk.replica}, Intake(desk.reconciler, desk.clock)
    return Uploads(desk.ledger, shelf, stores, intake, desk.clock, lambda: waiting, transfers)


async def rounds(made: Uploads, shelf: Shelf) -> None:
    """Long enough for whoever would ask in a tight loop to have done so."""
    made.wake()
    asked = shelf.asked
    for _ in range(ROUNDS * 20):
        await asyncio.sleep(0)
        made.wake()
    assert shelf.asked - asked <= 1


async def test_a_file_that_grows_is_tried_after_a_rest_and_costs_no_upload(desk: Desk) -> None:
    shelf = Shelf()
    made = uploads(desk, shelf)
    await save(desk, b"a")
    with (desk.machine.files / KEY.path).open("ab") as growing:
        growing.write(b"b")
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: shelf.asked == 1 and bool(made._rests.left(KEY, desk.clock.seconds)))
        await rounds(made, shelf)
        await save(desk, b"a whole film")
        await rounds(made, shelf)
        assert (shelf.asked, shelf.begun) == (1, 0)
        desk.clock.seconds += FIRST_VAIN
        made.wake()
        await until(lambda: shelf.taken == [b"\xffa whole film"])
        await until(made.idle.is_set)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_file_that_was_uploaded_often_rests_and_the_last_save_is_not_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_module, "BURST", 10)
    monkeypatch.setattr(rest_module, "RATE", 1)
    shelf = Shelf()
    made = uploads(desk, shelf)
    running = asyncio.create_task(made.run())
    try:
        for count in (1, 2, 3):
            await save(desk, b"%4d" % count)
            made.wake()
            await until(lambda count=count: len(shelf.taken) == count)  # type: ignore[misc]
            desk.send()
        await save(desk, b"   4")
        await rounds(made, shelf)
        await save(desk, b"   5")
        await rounds(made, shelf)
        assert len(shelf.taken) == 3
        assert not made.idle.is_set()
        desk.clock.seconds += made._rests.left(KEY, desk.clock.seconds)
        made.wake()
        await until(lambda: shelf.taken[3:] == [b"\xff   5"])
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def queued(desk: Desk, count: int) -> list[Key]:
    """Files of bytes that are no text, which wait to be uploaded."""
    keys = [Key(STORE, f"{number:02}.txt") for number in range(count)]
    for key in keys:
        (desk.machine.files / key.path).write_bytes(b"\xff" + key.path.encode())
    await desk.reconciler.consider(keys)
    return keys


async def test_what_is_queued_is_not_read_anew_for_each_upload(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(desk, MANY)
    looks, wanted = 0, desk.ledger.uploads.wanted

    def look() -> list[tuple[Key, Content]]:
        nonlocal looks
        looks += 1
        return wanted()

    monkeypatch.setattr(desk.ledger.uploads, "wanted", look)
    shelf = Shelf()
    made = uploads(desk, shelf)
    running = asyncio.create_task(made.run())
    try:
        await until(made.idle.is_set)
        assert len(shelf.taken) == MANY
        assert looks < MANY / 4
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_was_taken_back_since_the_last_look_is_not_uploaded(desk: Desk) -> None:
    keys = await queued(desk, MANY)
    shelf = Shelf()
    shelf.open.clear()
    made = uploads(desk, shelf)
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: shelf.begun > 0)
        with desk.ledger.transaction():
            for key in keys[10:]:
                desk.ledger.outbox.drop([key])
        shelf.open.set()
        await until(made.idle.is_set)
        assert len(shelf.taken) <= 10 + IN_FLIGHT
        made.wake()
        await until(made.idle.is_set)
        assert not made._lacking, "versions that are gone are not remembered"
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("begun", [0, IN_FLIGHT])
async def test_of_a_store_that_waits_nothing_is_uploaded_until_it_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, begun: int
) -> None:
    monkeypatch.setattr(uploads_module, "PAUSED", 0.0)
    await queued(desk, MANY)
    shelf, waiting = Shelf(), [] if begun else [STORE]
    if begun:
        shelf.open.clear()
    made = uploads(desk, shelf, waiting)
    looks = 0
    wanted = desk.ledger.uploads.wanted

    def look() -> list[tuple[Key, Content]]:
        nonlocal looks
        looks += 1
        return wanted()

    monkeypatch.setattr(desk.ledger.uploads, "wanted", look)
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: shelf.begun == begun and looks > 0)
        waiting[:] = [STORE]
        shelf.open.set()
        again = looks
        await until(lambda: looks > again + 1)
        assert len(shelf.taken) == shelf.begun == begun
        assert shelf.asked == (1 if begun else 0)
        assert not made.idle.is_set()
        waiting.clear()
        await until(made.idle.is_set)
        assert len(shelf.taken) == MANY
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_over_a_link_that_loses_them_uploads_go_one_after_the_other(desk: Desk) -> None:
    """Each of three takes three times as long, and the platform ends what takes two minutes."""
    await queued(desk, 2 * IN_FLIGHT)
    shelf, left = Shelf(), IN_FLIGHT

    def lost() -> bool:
        nonlocal left
        left -= 1
        if left == 0:
            shelf.open.clear()
        return left >= 0

    shelf.open.clear()
    made = uploads(desk, shelf)
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: shelf.flying == IN_FLIGHT)
        shelf.lost = lost
        desk.clock.seconds += 120
        shelf.open.set()
        await until(lambda: left == 0 and shelf.flying == 1)
        await rounds(made, shelf)
        assert shelf.flying == 1
        shelf.open.set()
        await until(lambda: len(shelf.taken) == IN_FLIGHT)
        desk.clock.seconds += 119
        await rounds(made, shelf)
        assert len(shelf.taken) == IN_FLIGHT, "what was lost waits as long as it took"
        desk.clock.seconds += 1
        made.wake()
        await until(lambda: len(shelf.taken) == 2 * IN_FLIGHT)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_was_lost_once_is_not_in_the_way_of_what_was_not(desk: Desk) -> None:
    """It may be too long for this link, and be lost after two minutes each time."""
    await queued(desk, 1)
    shelf = Shelf()
    shelf.lost = lambda: shelf.begun == 1
    made = uploads(desk, shelf)
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: bool(made._put_off))
        shelf.open.clear()
        desk.clock.seconds += FIRST_PAUSE
        made.wake()
        await until(lambda: shelf.flying == 1)
        await save(desk, b"one")
        made.wake()
        await until(lambda: shelf.flying == 2)
        await queued(desk, 4)
        await rounds(made, shelf)
        assert shelf.flying == 2
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_disk_that_fails_is_for_the_turn_to_tell(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: Outgoing) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    await save(desk, b"a")
    monkeypatch.setattr(Outgoing, "next", failing)
    shelf = Shelf()
    made = uploads(desk, shelf)
    running = asyncio.create_task(made.run())
    try:
        await until(lambda: bool(made._rests.left(KEY, desk.clock.seconds)))
        assert not running.done()
        assert shelf.begun == 0
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
