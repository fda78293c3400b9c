"""Every change is hinted, or a rescan is asked for. A hint too many is harmless."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.observers.inotify_c import (
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchDescriptor,
)

from syncd.files import watch
from syncd.files.folder import Folder
from syncd.files.root import Root
from syncd.files.watch import Watcher, WatchFailed
from syncd.stores.layout import Layout
from tests.files.person import as_ordinary_user

QUEUE = Path("/proc/sys/fs/inotify/max_queued_events")
PATIENCE = 20.0
"""Seconds until something awaited counts as never; nothing is measured by it."""


class Hints:
    """What a watcher said, and waiting for it."""

    def __init__(self, store: Path, layout: Layout) -> None:
        self.paths: list[tuple[str, bool]] = []
        self.rescans: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()
        self._news = threading.Condition()
        self.watcher = Watcher(Root.open(store), layout, self._on_path, self._on_rescan)

    def _on_path(self, path: str, settled: bool) -> None:
        self.go_on.wait()
        with self._news:
            self.paths.append((path, settled))
            self._news.notify_all()

    def _on_rescan(self, why: str) -> None:
        with self._news:
            self.rescans.append(why)
            self._news.notify_all()

    def named(self) -> set[str]:
        return {path for path, _ in self.paths}

    def until(self, met: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(met, PATIENCE), (self.paths[-20:], self.rescans)

    def until_named(self, *paths: str) -> None:
        self.until(lambda: set(paths) <= self.named())

    def clear(self) -> None:
        with self._news:
            self.paths.clear()
            self.rescans.clear()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store/there").mkdir(parents=True)
    return tmp_path / "store"


@pytest.fixture
def hints(store: Path) -> Iterator[Hints]:
    made = Hints(store, Layout(("*.json",), ("private/",)))
    made.watcher.start()
    yield made
    made.go_on.set()
    made.watcher.stop()


def replace(path: Path, body: str = "{}") -> None:
    aside = path.with_name(path.name + ".tmp")
    aside.write_text(body)
    aside.rename(path)


def test_a_save_by_rename_is_settled(hints: Hints, store: Path) -> None:
    replace(store / "there/x.json")
    hints.until_named("there/x.json")
    assert hints.paths == [("there/x.json", True)]


def test_a_save_in_place_settles_when_it_is_closed(hints: Hints, store: Path) -> None:
    with (store / "x.json").open("w") as file:
        file.write("{")
        file.flush()
        hints.until_named("x.json")
        assert ("x.json", True) not in hints.paths
        file.write("}")
    hints.until(lambda: ("x.json", True) in hints.paths)


def test_a_removal_is_named_and_not_settled(hints: Hints, store: Path) -> None:
    replace(store / "x.json")
    replace(store / "y.json")
    hints.until_named("x.json", "y.json")
    hints.clear()
    (store / "x.json").unlink()
    (store / "y.json").rename(store.parent / "y.json")
    hints.until_named("x.json", "y.json")
    assert hints.paths == [("x.json", False), ("y.json", False)]


def test_what_does_not_belong_to_the_store_is_not_named(hints: Hints, store: Path) -> None:
    for name in ("private", "node_modules", ".git"):
        (store / name).mkdir()
        replace(store / name / "x.json")
    for name in ("x.txt", ".syncd-0123", "x.json~", os.fsdecode(b"\xff.txt")):
        replace(store / name)
    replace(store / "last.json")
    hints.until_named("last.json")
    assert hints.named() == {"last.json"}
    assert hints.rescans == []


def test_a_symlinked_folder_is_not_followed(hints: Hints, store: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (store / "link").symlink_to(tmp_path / "outside")
    replace(tmp_path / "outside/x.json")
    replace(store / "last.json")
    hints.until_named("last.json")
    assert hints.named() == {"last.json"}


def test_names_are_spelled_as_on_disk(hints: Hints, store: Path) -> None:
    replace(store / "cafe\u0301.json")
    hints.until_named("cafe\u0301.json")


def test_new_folders_are_watched_with_what_is_in_them(hints: Hints, store: Path) -> None:
    (store / "a/b/c").mkdir(parents=True)
    replace(store / "a/b/c/x.json")
    hints.until_named("a/b/c/x.json")
    hints.clear()
    replace(store / "a/b/c/x.json")
    hints.until(lambda: ("a/b/c/x.json", True) in hints.paths)


@pytest.mark.parametrize("round", range(3))
def test_a_burst_in_new_folders_is_named_whole(hints: Hints, store: Path, round: int) -> None:
    saved = set()
    for n in range(2_000):
        folder = store / f"new {n % 50}" / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        replace(folder / f"{n}.json")
        saved.add(f"new {n % 50}/deep/{n}.json")
    hints.until(lambda: saved <= hints.named() or bool(hints.rescans))
    assert hints.watcher.alive


def test_a_renamed_folder_is_followed(hints: Hints, store: Path) -> None:
    (store / "one/in").mkdir(parents=True)
    replace(store / "one/in/x.json")
    hints.until_named("one/in/x.json")
    hints.clear()
    (store / "one").rename(store / "two")
    hints.until_named("two/in/x.json")
    hints.until(lambda: len(hints.rescans) == 1)
    assert "'one'" in hints.rescans[0]
    hints.clear()
    replace(store / "two/in/y.json")
    hints.until_named("two/in/y.json")
    assert not any(path.startswith("one/") for path in hints.named())


def test_a_folder_moved_out_is_let_go_and_moved_in_is_taken(
    hints: Hints, store: Path, tmp_path: Path
) -> None:
    replace(store / "there/x.json")
    hints.until_named("there/x.json")
    (store / "there").rename(tmp_path / "out")
    hints.until(lambda: bool(hints.rescans))
    hints.clear()
    replace(tmp_path / "out/y.json")
    (tmp_path / "out").rename(store / "back")
    hints.until_named("back/x.json", "back/y.json")
    assert not any(path.startswith("there") for path in hints.named())


def test_a_removed_tree_names_every_file(hints: Hints, store: Path) -> None:
    paths = [f"tree/{n % 5}/{n}.json" for n in range(50)]
    for path in paths:
        (store / path).parent.mkdir(parents=True, exist_ok=True)
        replace(store / path)
    replace(store / "last.json")
    hints.until_named(*paths, "last.json")
    hints.clear()
    shutil.rmtree(store / "tree")
    hints.until_named(*paths)
    assert hints.watcher.alive


def test_a_folder_that_had_a_file_s_name_names_it_as_it_goes(hints: Hints, store: Path) -> None:
    for name in ("gone.json", "moved.json", "plain"):
        (store / name / "in").mkdir(parents=True)
    shutil.rmtree(store / "plain")
    (store / "gone.json/in").rmdir()
    (store / "gone.json").rmdir()
    (store / "moved.json").rename(store.parent / "moved.json")
    hints.until_named("gone.json", "moved.json")
    assert not any(settled or "plain" in path for path, settled in hints.paths)


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_root_that_goes_away_is_told(hints: Hints, store: Path, how: str) -> None:
    if how == "removed":
        shutil.rmtree(store)
    else:
        store.rename(store.with_name("elsewhere"))
    hints.until(lambda: any("folder was moved" in why for why in hints.rescans))
    assert not hints.watcher.alive


def test_a_real_overflow_asks_for_a_rescan_and_watches_what_was_made_in_it(
    hints: Hints, store: Path
) -> None:
    hints.go_on.clear()
    here, there = store / "there/x.json", store / "there/y.json"
    here.write_bytes(b"{}")
    for _ in range(int(QUEUE.read_text())):
        here.rename(there)
        here, there = there, here
    (store / "made in the flood").mkdir()
    (store / "there").rename(store / "renamed in the flood")
    hints.go_on.set()
    hints.until(lambda: any("queue" in why for why in hints.rescans))
    hints.clear()
    for folder in ("made in the flood", "renamed in the flood"):
        replace(store / folder / "later.json")
        hints.until_named(f"{folder}/later.json")
    assert not any(path.startswith("there/") for path in hints.named())
    assert hints.watcher.alive


def test_the_hook_for_an_overflow_is_one_that_watchdog_calls(hints: Hints) -> None:
    inotify = hints.watcher._inotify
    assert inotify is not None
    overflow = Mask(InotifyConstants.IN_Q_OVERFLOW)
    inotify.handle_event(InotifyEvent(WatchDescriptor(-1), overflow, 0, b""))
    hints.until(lambda: len(hints.rescans) == 1)
    assert "queue" in hints.rescans[0]


class Full(InotifyFD):
    """A kernel that watches `room` folders."""

    room = 0

    def add_callback(self, *args: object, **kwargs: object) -> WatchDescriptor:
        if len(self._watch_for_wd) >= type(self).room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().add_callback(*args, **kwargs)  # type: ignore[arg-type]


def test_too_few_watches_are_told_with_the_limit_to_raise(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "InotifyFD", Full)
    monkeypatch.setattr(Full, "room", 1)
    hints = Hints(store, Layout(("*.json",), ()))
    threads = threading.active_count()
    with pytest.raises(WatchFailed, match=r"fs\.inotify\.max_user_watches") as raised:
        hints.watcher.start()
    assert "No space left" not in str(raised.value)
    assert not hints.watcher.alive
    assert threading.active_count() == threads


def test_watches_that_run_out_later_are_told_too(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "InotifyFD", Full)
    monkeypatch.setattr(Full, "room", 2)
    hints = Hints(store, Layout(("*.json",), ()))
    hints.watcher.start()
    assert hints.watcher.alive
    (store / "one too many").mkdir()
    hints.until(lambda: any("max_user_watches" in why for why in hints.rescans))
    assert not hints.watcher.alive
    hints.watcher.stop()


def test_a_folder_that_cannot_be_listed_for_want_of_descriptors_is_not_passed_over(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hints = Hints(store, Layout(("*.json",), ()))
    hints.watcher.start()
    look = Root.folder

    def short(self: Root, path: str = "", *, create: bool = False) -> Folder:
        if path == "new":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return look(self, path, create=create)

    monkeypatch.setattr(Root, "folder", short)
    (store / "aside/below").mkdir(parents=True)
    (store / "aside").rename(store / "new")
    hints.until(lambda: any("Too many open files" in why for why in hints.rescans))
    assert not hints.watcher.alive
    hints.watcher.stop()


def test_too_few_instances_are_told(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> InotifyFD:
        raise OSError(errno.EMFILE, "inotify instance limit reached")

    monkeypatch.setattr(watch, "InotifyFD", refuse)
    with pytest.raises(WatchFailed, match=r"fs\.inotify\.max_user_instances"):
        Hints(store, Layout(("*.json",), ())).watcher.start()


def test_a_root_that_is_not_there_cannot_be_watched(store: Path) -> None:
    hints = Hints(store, Layout(("*.json",), ()))
    shutil.rmtree(store)
    with pytest.raises(WatchFailed, match="cannot be watched"):
        hints.watcher.start()


def test_a_root_that_is_closed_cannot_be_watched() -> None:
    as_ordinary_user(_closed_root)


def _closed_root(base: Path) -> None:
    store = base / "store"
    store.mkdir()
    watcher = Hints(store, Layout(("*.json",), ())).watcher
    store.chmod(0)
    with pytest.raises(WatchFailed, match="let the user that runs syncd read it"):
        watcher.start()
    assert not watcher.alive


def test_a_folder_that_was_closed_is_watched_once_it_is_open() -> None:
    as_ordinary_user(_opened_folder)


def _opened_folder(base: Path) -> None:
    folder = base / "store/closed"
    folder.mkdir(parents=True)
    folder.joinpath("before.json").write_text("{}")
    folder.chmod(0)
    hints = Hints(base / "store", Layout(("*.json",), ()))
    hints.watcher.start()
    try:
        folder.chmod(0o700)
        hints.until_named("closed/before.json")
        hints.clear()
        replace(folder / "after.json")
        hints.until_named("closed/after.json")
    finally:
        hints.watcher.stop()


def test_nothing_is_said_after_stop_and_nothing_leaks(store: Path) -> None:
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        hints = Hints(store, Layout(("*.json",), ()))
        hints.watcher.start()
        replace(store / "x.json")
        hints.until_named("x.json")
        hints.watcher.stop()
        hints.clear()
        replace(store / "x.json")
        shutil.rmtree(store / "there")
        (store / "there").mkdir()
        assert hints.paths == []
        assert hints.rescans == []
        assert not hints.watcher.alive
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_what_one_folder_costs_does_not_grow_with_the_others(hints: Hints, store: Path) -> None:
    passed_over = 0

    class Counted(dict[str, Any]):
        def __iter__(self) -> Iterator[str]:
            nonlocal passed_over
            for each in super().__iter__():
                passed_over += 1
                yield each

    watcher = hints.watcher
    watcher._folders = Counted(watcher._folders)
    for at in range(300):
        (store / f"{at % 10}/{at}").mkdir(parents=True)
        replace(store / f"{at % 10}/{at}/x.json")
    hints.until_named(*(f"{at % 10}/{at}/x.json" for at in range(300)))
    for at in range(300):
        (store / f"{at % 10}/{at}").rename(store / f"{at % 10}/new-{at}")
    hints.until_named(*(f"{at % 10}/new-{at}/x.json" for at in range(300)))
    assert set(watcher._folders) == {
        "", "there", *map(str, range(10)), *(f"{at % 10}/new-{at}" for at in range(300))
    }  # fmt: skip
    assert passed_over < 10 * 300
