"""Many payloads: which travels next, how often is asked for them, and what a lost tie leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from syncd.core.decision import RACY_NS, Heard
from syncd.core.model import INLINE_LIMIT, Content, Digest, Hold, Key, Snapshot
from syncd.core.reading import Reading
from syncd.engine.exchange.bodies import DAMAGED
from syncd.engine.health import Health
from syncd.engine.naming.audit import Audit
from syncd.engine.naming.intake import Intake
from syncd.engine.payloads import downloads as downloads_module
from syncd.engine.payloads import uploads as uploads_module
from syncd.engine.payloads.downloads import Downloads
from syncd.engine.payloads.transfers import Transfers
from syncd.engine.payloads.uploads import Uploads
from syncd.errors import Unavailable
from syncd.files import payloads as payloads_module
from syncd.files import transit
from syncd.files.folder import write_all
from syncd.files.read import Large, measure
from syncd.ledger import uploads as wanted_module

from .fakes import STORE, Desk, RunningClock, digest
from .test_epoch import until


def content(body: str) -> Content:
    return Content(digest(body.encode()), len(body))


class Storage:
    """File storage in memory. Downloads wait while `held`."""

    def __init__(self) -> None:
        self.there: dict[Digest, int] = {}
        self.questions = 0
        self.downloaded: list[str] = []
        self.held = asyncio.Event()
        self.held.set()

    async def missing(self, digests: Sequence[Digest]) -> set[Digest]:
        self.questions += 1
        return {digest for digest in digests if digest not in self.there}

    async def upload(self, told: Content, parts: AsyncIterator[bytes], name: str) -> None:
        self.there[told.digest] = sum([len(part) async for part in parts])

    async def download(self, url: str) -> AsyncIterator[bytes]:
        self.downloaded.append(url)
        await self.held.wait()
        yield url.encode()


class Yard(Desk):
    """A desk, and what carries its payloads."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, RunningClock())
        self.storage = Storage()
        intake, stores = Intake(self.reconciler, self.clock), {STORE: self.replica}
        transfers = Transfers("payloads", Health(self.ledger, self.clock), self.clock)
        self.uploads = Uploads(
            self.ledger, self.storage, stores, intake, self.clock, lambda: (), transfers
        )
        self.downloads = Downloads(
            self.ledger, self.storage, stores, intake, self.clock, transfers, DAMAGED
        )

    def here(self, body: str) -> bool:
        return self.replica.transit.payloads.has(content(body).digest)

    def comes(self, body: str) -> None:
        """A payload is told that is served at an address that says what it is."""
        key = Key(STORE, f"{body}.txt")
        self.ledger.hear([Heard(key, Snapshot(1, content(body), 1), "phone", None)], None)
        self.downloads.receive(key, content(body), body)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path / "yard")


@asynccontextmanager
async def running(
    run: Callable[[], Coroutine[Any, Any, None]],
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_smallest_payload_comes_next(yard: Yard) -> None:
    yard.storage.held.clear()
    bodies = ["x" * size for size in range(1, 9)]
    for body in reversed(bodies):
        yard.comes(body)
    async with running(yard.downloads.run):
        await until(lambda: len(yard.storage.downloaded) == 3)
        yard.storage.held.set()
        await until(lambda: all(yard.here(body) for body in bodies))
    assert sorted(yard.storage.downloaded[:3]) == bodies[:3]
    assert sorted(yard.storage.downloaded) == bodies


async def test_the_smallest_of_what_is_told_meanwhile_comes_next(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads_module, "IN_FLIGHT", 1)
    yard.storage.held.clear()
    yard.comes("under way")
    async with running(yard.downloads.run):
        await until(lambda: yard.storage.downloaded == ["under way"])
        for body in ("a long one", "one", "longer"):
            yard.comes(body)
        yard.storage.held.set()
        await until(lambda: yard.here("a long one"))
    assert yard.storage.downloaded == ["under way", "one", "longer", "a long one"]


async def test_the_smallest_payload_is_sent_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads_module, "IN_FLIGHT", 1)
    yard = Yard(tmp_path / "yard")  # Which looks once how many go beside one another.
    sizes = {"a": 7, "b": 3, "c": 9, "d": 5}
    for name, size in sizes.items():
        (yard.machine.files / f"{name}.txt").write_bytes(b"\xff" * size)
    await yard.consider(sizes)
    yard.uploads.wake()
    async with running(yard.uploads.run):
        await until(lambda: not yard.ledger.uploads.wanted())
    assert list(yard.storage.there.values()) == sorted(sizes.values())


async def test_wrong_bytes_are_asked_for_again_and_the_third_time_the_key_is_held(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads_module, "FIRST_PAUSE", 0.0)
    asked: list[Key] = []

    def again(keys: Iterable[Key]) -> None:
        for key in keys:
            asked.append(key)
            yard.downloads.receive(key, content("right"), "wrong")

    yard.downloads.connect(again)
    yard.comes("right")
    yard.downloads.receive(Key(STORE, "right.txt"), content("right"), "wrong")
    async with running(yard.downloads.run):
        await until(lambda: bool(yard.ledger.attention.held(STORE)))
    assert yard.storage.downloaded == ["wrong"] * 3
    assert asked == [Key(STORE, "right.txt")] * 2
    assert not yard.here("right")


def gone(*_: object) -> object:
    raise Unavailable("the storage is away", "nothing to do")


async def test_a_payload_that_failed_for_days_is_asked_for_within_a_minute_as_ever(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yard.storage, "download", gone)
    yard.downloads._failed.put(content("body").digest, 5000, 1)
    yard.comes("body")
    async with running(yard.downloads.run) as run:
        await until(lambda: bool(yard.downloads._later) or run.done())
        assert not run.done()
    (later,) = yard.downloads._later
    assert 0 < later.when - yard.clock.monotonic() <= downloads_module.LONGEST_PAUSE


async def test_what_is_uploaded_in_vain_is_tried_within_a_minute_as_ever(yard: Yard) -> None:
    for _ in range(5000):
        yard.uploads._delay(content("body").digest)
    (put_off,) = yard.uploads._put_off.values()
    assert put_off.pause == uploads_module.LONGEST_PAUSE


@pytest.mark.parametrize("way", ["uploads", "downloads"])
async def test_who_asks_for_one_pass_is_told_the_first_trouble(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setattr(yard.storage, "missing", gone)
    monkeypatch.setattr(yard.storage, "download", gone)
    (yard.machine.files / "a.txt").write_bytes(b"\xff")
    await yard.consider(["a"])
    yard.comes("body")
    going = yard.uploads if way == "uploads" else yard.downloads
    going.patient = False
    async with asyncio.timeout(20):
        with pytest.raises(Unavailable):
            await going.run()


async def test_what_was_coming_when_the_tie_was_lost_comes_with_the_next(yard: Yard) -> None:
    yard.storage.held.clear()
    for body in ("one", "three", "seven", "eleven"):
        yard.comes(body)
    async with running(yard.downloads.run):
        await until(lambda: len(yard.storage.downloaded) == 3)
    yard.storage.held.set()
    async with running(yard.downloads.run):
        await until(lambda: all(map(yard.here, ("one", "three", "seven", "eleven"))))


async def test_what_is_being_prepared_when_the_tie_is_lost_is_prepared_once(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    prepare, named = yard.replica.transit.prepare, list[Key]()

    def slowly(path: str, digest: Digest, *, move: bool) -> Hold | None:
        begun.set()
        assert go_on.wait(30)
        return prepare(path, digest, move=move)

    monkeypatch.setattr(yard.replica.transit, "prepare", slowly)
    monkeypatch.setattr(yard.downloads._intake, "name", named.extend)
    yard.comes("payload")
    run = asyncio.create_task(yard.downloads.run())
    key = Key(STORE, "payload.txt")
    await until(lambda: named == [key])
    named.clear()
    yard.downloads.prepare([(key, content("payload").digest)])
    await until(begun.is_set)
    run.cancel()
    go_on.set()
    await asyncio.gather(run, return_exceptions=True)
    assert named == [key]
    assert yard.replica.transit.prepared(key.path, content("payload").digest)


async def test_what_lies_ready_and_is_not_to_be_written_after_all_is_put_away(yard: Yard) -> None:
    ready, wanted = Key(STORE, "ready.txt"), Key(STORE, "wanted.txt")
    for body in ("ready", "wanted"):
        yard.comes(body)
    transit, beside = yard.replica.transit, yard.machine.files.glob
    async with running(yard.downloads.run):
        await until(lambda: yard.here("ready") and yard.here("wanted"))
        yard.downloads.prepare([(key, content(key.path[:-4]).digest) for key in (ready, wanted)])
        await until(lambda: len(list(beside(".syncd-*"))) == 2)
        # The file was saved meanwhile, and won.
        yard.ledger.entries.agree([(ready, Snapshot(1, content("ready"), 1))])
        await until(lambda: len(list(beside(".syncd-*"))) == 1)
    assert not transit.prepared(ready.path, content("ready").digest)
    assert transit.prepared(wanted.path, content("wanted").digest)
    assert [path.read_text() for path in beside(".syncd-*")] == ["wanted"]


async def test_what_is_written_when_the_tie_is_lost_is_written_nowhere_else(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slowly(fd: int, body: bytes) -> None:
        begun.set()
        try:
            assert go_on.wait(30)
            write_all(fd, body)
        finally:
            ended.set()

    monkeypatch.setattr(payloads_module, "write_all", slowly)
    yard.comes("payload")
    run = asyncio.create_task(yard.downloads.run())
    await until(begun.is_set)
    run.cancel()
    await asyncio.wait([run], timeout=0.2)
    files = [(tmp_path / name).open("wb") for name in "abcdefgh"]  # One has its number by now.
    go_on.set()
    await until(ended.is_set)
    await asyncio.gather(run, return_exceptions=True)
    for file in files:
        file.close()
    assert not any((tmp_path / name).stat().st_size for name in "abcdefgh")


@pytest.mark.parametrize("pulled", [False, True])
async def test_what_had_no_room_is_asked_for_again_unless_it_is_in_its_file_by_then(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, *, pulled: bool
) -> None:
    asked: list[Key] = []
    monkeypatch.setattr(downloads_module, "LONGEST_PAUSE", 0.3)
    monkeypatch.setattr(yard.replica.transit, "prepare", lambda *_, **__: Hold("disk-full", "", ""))
    yard.downloads.connect(asked.extend)
    yard.comes("payload")
    key, told = Key(STORE, "payload.txt"), content("payload")
    async with running(yard.downloads.run):
        yard.downloads.prepare([(key, told.digest)])
        await until(lambda: bool(yard.downloads._later))
        if pulled:
            with yard.ledger.transaction():
                yard.ledger.entries.agree([(key, Snapshot(1, told, 1))])
        await until(lambda: not yard.downloads._later)
    assert asked == ([] if pulled else [key])


async def test_it_is_not_asked_anew_for_each_payload_what_is_there(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wanted_module, "MOST", 12)
    monkeypatch.setattr(uploads_module, "ASKED", 3600.0)
    for number in range(36):
        (yard.machine.files / f"{number}.txt").write_bytes(b"\xff" + bytes([number]))
    await yard.consider([str(number) for number in range(36)])
    assert len(yard.ledger.uploads.wanted()) == 12
    yard.uploads.wake()
    async with running(yard.uploads.run):
        await until(lambda: not yard.ledger.uploads.wanted())
    assert len(yard.storage.there) == 36
    assert yard.storage.questions < 10


async def test_an_audit_reads_payloads_although_their_digests_are_known_for_their_stats(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transit, "racy", lambda *_: False)
    (yard.machine.files / "one.txt").write_bytes(b"\xff" * (INLINE_LIMIT + 1))
    await yard.consider(["one"])
    measured: list[int] = []

    def counting(large: Large) -> Reading:
        measured.append(large.stat.size)
        return measure(large)

    monkeypatch.setattr(transit, "measure", counting)
    yard.replica.read("one.txt")
    assert not measured
    intake, health = Intake(yard.reconciler, yard.clock), Health(yard.ledger, yard.clock)
    intake.idle.set()
    audit = Audit(yard.ledger, {STORE: yard.replica}, intake, health, yard.clock)
    assert await audit.round() == 0
    assert measured == [INLINE_LIMIT + 1]


async def test_a_payload_that_was_just_saved_is_measured_again_however_long_it_took(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = yard.machine.files / "one.txt"
    file.write_bytes(b"\xff" * (INLINE_LIMIT + 1))
    saved, measured = file.stat().st_ctime_ns, list[int]()

    def lasting(large: Large) -> Reading:
        measured.append(large.stat.size)
        return measure(large)

    def now() -> int:
        return saved + 1 + len(measured) * 10 * RACY_NS

    monkeypatch.setattr(transit, "measure", lasting)
    monkeypatch.setattr(transit, "time", SimpleNamespace(time_ns=now))
    yard.replica.read("one.txt")
    yard.replica.read("one.txt")
    assert len(measured) == 2
    yard.replica.read("one.txt")
    assert len(measured) == 2, "by then it was old enough to be trusted"
