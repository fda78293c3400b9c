"""First contact: several calls are on their way while what another brought is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.model import Change, Cursor, Key, Kind, Witness
from syncd.core.news import Page
from syncd.core.portion import ANSWER
from syncd.engine.exchange import bodies, bootstrap
from syncd.engine.registry import Registration, register
from syncd.engine.session import Session
from syncd.errors import Unavailable
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from tests.machine.deployment import Deployment

from .fakes import LAYOUT, STORE, Machine, Remote, StandingClock, deployment
from .test_epoch import until

PAGE = 100
"""Entries of a page of the modelled manifest."""


class Slow(Remote):
    """Answers a fetch when it is let; how many were on their way, and which keys each asked for."""

    def __init__(self, remote: Deployment) -> None:
        super().__init__(remote, "desk")
        self.answers = asyncio.Event()
        self.asked: list[list[Key]] = []
        self.pages: list[Key | None] = []
        self.cursors: list[Cursor | None] = []
        self.flying, self.most = 0, 0
        self.fails: set[int] = set()

    async def manifest(self, store: str, after: Key | None) -> tuple[list[Change], Key | None]:
        self.pages.append(after)
        return await super().manifest(store, after)

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        self.cursors.append(cursor)
        return await super().changes(stores, cursor, witnesses, known, most)

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        self.asked.append(list(keys))
        number = len(self.asked)
        self.flying += 1
        self.most = max(self.most, self.flying)
        try:
            await self.answers.wait()
        finally:
            self.flying -= 1
        if number in self.fails:
            raise Unavailable("the deployment is away", "wait")
        return await super().fetch(keys, most)


@pytest.fixture
async def there(tmp_path: Path) -> Deployment:
    remote = deployment()
    first = Machine(tmp_path / "first", remote)
    first.save(**{f"note-{number:03}": f"text {number}" for number in range(3 * PAGE)})
    await first.sync()
    return remote


@asynccontextmanager
async def contact(folder: Path, slow: Slow) -> AsyncIterator[tuple[Machine, asyncio.Task[None]]]:
    """A second machine meets the deployment, and no call of it outlives that."""
    second = Machine(folder / "second", slow.deployment)
    second.remote = slow
    before = asyncio.all_tasks()
    syncing = asyncio.create_task(second.sync())
    try:
        yield second, syncing
    finally:
        syncing.cancel()
        await asyncio.gather(syncing, return_exceptions=True)
    assert slow.flying == 0
    assert asyncio.all_tasks() == before


async def test_calls_overlap_and_are_bounded(
    tmp_path: Path, there: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "FETCHED", 30)
    slow = Slow(there)
    async with contact(tmp_path, slow) as (second, syncing):
        await until(lambda: slow.flying == bootstrap.IN_FLIGHT + 1)
        await until(lambda: len(slow.pages) == 2)
        slow.answers.set()
        await syncing
    assert slow.most == bootstrap.IN_FLIGHT + 1
    keys = [key for keys in slow.asked for key in keys]
    assert keys == sorted(keys)
    assert len(set(keys)) == 3 * PAGE
    assert max(map(len, slow.asked)) == 30
    assert second.tree() == second.mirror()


async def test_what_is_equal_is_not_fetched(tmp_path: Path, there: Deployment) -> None:
    slow = Slow(there)
    slow.answers.set()
    async with contact(tmp_path, slow) as (second, syncing):
        second.save(**{f"note-{number:03}": f"text {number}" for number in range(2, 3 * PAGE)})
        second.save(**{"note-007": "another text"})
        await syncing
    names = ["note-000.txt", "note-001.txt", "note-007.txt"]
    assert [key.path for keys in slow.asked for key in keys] == names
    assert second.tree() == second.mirror()


async def test_the_feed_is_followed_from_where_it_ended_before(
    tmp_path: Path, there: Deployment
) -> None:
    slow, head = Slow(there), there.head()
    slow.answers.set()
    async with contact(tmp_path, slow) as (_, syncing):
        await syncing
    assert slow.cursors[0] == head


async def test_what_is_new_in_other_stores_is_heard_beside_a_first_contact(
    tmp_path: Path, there: Deployment
) -> None:
    second = Machine(tmp_path / "second", there, "desk")
    await second.sync()
    there.write(Key(STORE, "new.txt"), b"new", "0" * 32)
    (folder := tmp_path / "more").mkdir()
    swapped = Swapped(tmp_path / "swapped", second.history)
    more = FileReplica(folder, Kind.DOCUMENT, LAYOUT, swapped)
    ledger = second.ledger()
    try:
        registrations = dict.fromkeys((STORE, "more"), Registration("1", LAYOUT.matches))
        register(ledger, registrations, second.clock.now())
        stores = {STORE: second.replica(), "more": more}
        await Session(ledger, second.remote, stores, second.clock).once(lambda *_: None)
    finally:
        ledger.close()
    assert second.tree()["new"] == "new"


async def test_large_texts_are_not_held_a_page_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "ANSWER", 1_000)
    remote = deployment()
    first = Machine(tmp_path / "first", remote)
    first.save(a="x" * 600, b="y" * 400, c="z", d="l" * 5_000, e="s")
    await first.sync()
    slow = Slow(remote)
    slow.answers.set()
    async with contact(tmp_path, slow) as (second, syncing):
        await syncing
    names = [[key.path for key in keys] for keys in slow.asked]
    assert names == [["a.txt", "b.txt"], ["c.txt"], ["d.txt"], ["e.txt"]]
    assert second.tree() == first.tree()


async def test_over_a_slow_link_less_is_asked_for_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = deployment()
    first = Machine(tmp_path / "first", remote)
    first.save(**{f"long-{number}": str(number) * 8 * 1024 for number in range(10, 70)})
    await first.sync()
    monkeypatch.setattr(bodies, "ANSWER", 256 * 1024)
    slow = Slow(remote)
    async with contact(tmp_path, slow) as (second, syncing):
        clock = second.clock = StandingClock()
        await until(lambda: slow.flying == bootstrap.IN_FLIGHT + 1)
        clock.seconds += 30
        slow.answers.set()
        await syncing
    assert [len(keys) for keys in slow.asked][:4] == [16, 16, 16, 2]
    assert second.tree() == first.tree()


async def test_a_call_that_fails_ends_the_others_and_the_next_contact_begins_anew(
    tmp_path: Path, there: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "FETCHED", 30)
    slow = Slow(there)
    slow.fails = {3}
    async with contact(tmp_path, slow) as (second, syncing):
        await until(lambda: slow.flying == bootstrap.IN_FLIGHT + 1)
        slow.answers.set()
        with pytest.raises(Unavailable):
            await syncing
    ledger = second.ledger()
    assert not ledger.places.stores()[STORE].bootstrapped
    assert ledger.passing.cursor is None
    assert ledger.entries.get(slow.asked[0][0])[1].digest is not None, "what came before is heard"
    assert ledger.entries.get(slow.asked[2][0])[1].digest is None
    ledger.close()
    slow.fails.clear()
    await second.sync()
    assert second.tree() == second.mirror()


async def test_a_stop_ends_every_call(tmp_path: Path, there: Deployment) -> None:
    slow = Slow(there)
    async with contact(tmp_path, slow):
        await until(lambda: slow.flying == bootstrap.IN_FLIGHT + 1)


async def test_an_empty_store_is_met(tmp_path: Path) -> None:
    slow = Slow(deployment())
    async with contact(tmp_path, slow) as (second, syncing):
        await syncing
    assert slow.pages == [None]
    assert slow.asked == []
    ledger = second.ledger()
    assert ledger.places.stores()[STORE].bootstrapped
    ledger.close()


async def test_a_first_contact_anew_makes_no_other_folder_the_stores_own(
    tmp_path: Path, there: Deployment
) -> None:
    second = Machine(tmp_path / "second", there, "desk")
    await second.sync()
    second.files.rename(tmp_path / "away")
    second.files.mkdir()
    ledger = second.ledger()
    known = ledger.places.stores()[STORE]
    with ledger.transaction():
        ledger.places.record_store(STORE, replace(known, bootstrapped=False))
    ledger.close()
    there.write(Key(STORE, "new.txt"), b"new", "0" * 32)
    await second.sync()
    assert second.tree() == {}
    assert len(second.mirror()) == 3 * PAGE + 1
