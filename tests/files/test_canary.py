"""Whether events arrive is proved, not believed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from syncd.files import vigil as vigil_module
from syncd.files.canary import EVERY, PATIENCE, Canary, Proof
from syncd.files.root import Root
from syncd.files.vigil import Vigil
from syncd.files.watch import Watcher
from syncd.stores.layout import Layout

from .person import as_ordinary_user

LAYOUT = Layout(("*.json",), ())


def test_a_touch_changes_nothing_that_anybody_looks_at(tmp_path: Path) -> None:
    tmp_path.chmod(0o2750)
    os.utime(tmp_path, ns=(1, 2))
    before = tmp_path.stat()
    assert Canary(Root.open(tmp_path)).prove(0.0) is Proof.WAITING
    after = tmp_path.stat()
    for field in ("st_mode", "st_uid", "st_gid", "st_atime_ns", "st_mtime_ns", "st_nlink"):
        assert getattr(before, field) == getattr(after, field)
    assert list(tmp_path.iterdir()) == []


def test_silence_is_deafness_until_something_is_heard(tmp_path: Path) -> None:
    canary = Canary(Root.open(tmp_path))
    assert canary.prove(0.0) is Proof.WAITING
    assert canary.prove(PATIENCE - 1) is Proof.WAITING
    assert canary.prove(PATIENCE) is Proof.DEAF
    assert canary.prove(EVERY) is Proof.DEAF
    canary.heard()
    assert canary.prove(EVERY + 1) is Proof.HEARD
    assert canary.prove(2 * EVERY) is Proof.HEARD
    assert canary.prove(2 * EVERY + PATIENCE) is Proof.DEAF


def test_who_does_not_own_the_root_proves_nothing(tmp_path: Path) -> None:
    def test(_: Path) -> None:
        assert Canary(Root.open(Path("/usr"))).prove(0.0) is Proof.REFUSED

    as_ordinary_user(test)


class Story:
    """What a vigil tells."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.scans = 0
        self.told = asyncio.Event()

    def report(self, _part: str, state: str, _detail: str) -> None:
        self.states.append(state)
        self.told.set()

    def rescan(self, _store: str) -> None:
        self.scans += 1
        self.told.set()

    async def until(self, state: str, scans: int = 0) -> None:
        async with asyncio.timeout(20):
            while state not in self.states or self.scans < scans:
                self.told.clear()
                await self.told.wait()


async def kept(path: Path, state: str, scans: int, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setattr(vigil_module, "CHECK", 0.02)
    monkeypatch.setattr(vigil_module, "POLL", 0.05)
    monkeypatch.setattr(vigil_module, "UNPROVEN", 0.05)
    monkeypatch.setattr("syncd.files.canary.PATIENCE", 0.1)
    monkeypatch.setattr("syncd.files.canary.EVERY", 0.3)
    story = Story()
    vigil = Vigil("s", path, LAYOUT, lambda key, settled: None, story.rescan, story.report)
    running = asyncio.create_task(vigil.run())
    try:
        await story.until(state, scans)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return story


async def test_a_folder_whose_events_arrive_is_watched_without_scans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vigil_module, "CHECK", 0.02)
    monkeypatch.setattr("syncd.files.canary.PATIENCE", 0.5)
    heard = asyncio.Event()
    original = Canary.heard

    def hear(self: Canary) -> None:
        heard.set()
        original(self)

    monkeypatch.setattr(Canary, "heard", hear)
    story = Story()
    vigil = Vigil("s", tmp_path, LAYOUT, lambda key, settled: None, story.rescan, story.report)
    running = asyncio.create_task(vigil.run())
    await asyncio.wait_for(heard.wait(), 20)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert story.scans == 0
    assert set(story.states) == {"watching"}


async def test_a_folder_that_could_not_be_watched_is_scanned_once_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What changed since the last poll is no event of the new watch."""
    monkeypatch.setattr(vigil_module, "POLL", 1000.0)
    story = Story()
    folder = tmp_path / "store"
    vigil = Vigil("s", folder, LAYOUT, lambda key, settled: None, story.rescan, story.report)
    vigil.start()
    assert story.states == ["polling"]
    folder.mkdir()
    running = asyncio.create_task(vigil.run())
    try:
        await story.until("watching", 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert story.scans == 1


async def test_a_folder_that_may_no_longer_be_read_is_not_called_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Root.open
    opened: list[Path] = []

    def opens_once(path: Path) -> Root:
        if opened:
            raise PermissionError(13, "Permission denied")
        opened.append(path)
        return original(path)

    monkeypatch.setattr(Root, "open", opens_once)
    monkeypatch.setattr("os.access", lambda place, mode: False)
    story = await kept(tmp_path, "polling", 1, monkeypatch)
    assert story.states[:2] == ["watching", "polling"]


async def test_a_watcher_hears_the_canary(tmp_path: Path) -> None:
    root = Root.open(tmp_path)
    heard = asyncio.Event()
    loop = asyncio.get_running_loop()

    def touched() -> None:
        loop.call_soon_threadsafe(heard.set)

    watcher = Watcher(
        root, LAYOUT, lambda *_: None, lambda _: None,
        touched,
    )  # fmt: skip
    watcher.start()
    try:
        Canary(root).prove(0.0)
        await asyncio.wait_for(heard.wait(), 10)
    finally:
        watcher.stop()


async def test_a_deaf_folder_is_polled_visibly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a network: the watch is taken, and nothing ever arrives."""
    monkeypatch.setattr(Watcher, "touched", lambda self: None)
    story = await kept(tmp_path, "polling", 2, monkeypatch)
    assert story.states[0] == "watching"


async def test_a_folder_that_may_not_be_touched_is_scanned_and_said_to_be_unproven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_fd: int, _owner: int, _group: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    await kept(tmp_path, "unproven", 2, monkeypatch)
