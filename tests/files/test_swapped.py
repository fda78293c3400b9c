"""A program goes on writing to a file that was taken out of the tree. Its save is told."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from syncd.core.writing import Contested, LateSave, Note, NotWritten, Written
from syncd.files.folder import Folder
from syncd.files.root import Root
from syncd.files.staging import stage_removal
from syncd.files.swapped import FIRST_LOOK, LAST_LOOK, MOST_OPEN, PATIENCE, Swapped
from syncd.files.write import discard, perform, retire
from syncd.stores.layout import TEMPORARY_PREFIX

from .world import OLD, OURS, PATH, World, digest, stage, world

LATE, LATER = b'{"is": "late"}', b'{"is": "later still"}'
MEMORY = Path("/dev/shm")
START = 1000.0
LAST = START + FIRST_LOOK + LAST_LOOK


@pytest.fixture
def at() -> Iterator[World]:
    with world(OLD) as made:
        yield made


def swap(at: World, kind: str = "replacement", root: Root | None = None) -> int:
    """Somebody has the file open and syncd, which could not tell, swaps it out."""
    fd = os.open(at.file, os.O_RDWR)
    unleased = root or Root.open(at.store, folders=Unleased)
    note = (
        stage(unleased, PATH, OURS, digest(OLD))
        if kind == "replacement"
        else stage_removal(unleased, PATH, digest(OLD))
    )
    assert isinstance(note, Note)
    answer = perform(unleased, note, at.swapped)
    assert isinstance(answer, Written)
    assert answer.replaced == digest(OLD)
    assert at.history.get(digest(OLD)) == OLD, "before anything is written late"
    assert at.swapped.due(START) == []
    return fd


def write(fd: int, body: bytes) -> None:
    os.ftruncate(fd, 0)
    os.pwrite(fd, body, 0)


def bodies(saves: list[LateSave]) -> list[bytes | None]:
    return [save.body for save in saves]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


rename = os.rename


def elsewhere(source: str, target: str, *, src_dir_fd: int | None = None) -> None:
    if src_dir_fd is not None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
    rename(source, target)


class Unleased(Folder):
    def lease(self, fd: int) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


class Plain(Unleased):
    def exchange(self, one: str, other: str) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.mark.parametrize("kind", ["replacement", "removal"])
def test_a_late_save_is_told_with_what_it_was_based_on(at: World, kind: str) -> None:
    fd = swap(at, kind)
    write(fd, LATE)
    assert at.swapped.due(START + FIRST_LOOK) == [], "it may be in the middle of a write"
    (save,) = at.swapped.due(START + 2 * FIRST_LOOK)
    assert save == LateSave(PATH, digest(OLD), OLD, digest(LATE), LATE, save.mark)
    assert at.history.get(digest(LATE)) == LATE
    os.close(fd)


def test_a_late_save_after_the_first_look_is_told_by_the_last(at: World) -> None:
    fd = swap(at)
    assert at.swapped.due(START + FIRST_LOOK) == []
    write(fd, LATE)
    assert at.swapped.due(LAST - 1) == []
    assert at.swapped.due(LAST) == []
    assert bodies(at.swapped.due(LAST + FIRST_LOOK)) == [LATE]
    os.close(fd)


def test_after_the_last_look_it_is_in_history_alone(at: World) -> None:
    os.close(swap(at))
    inode = next(p for p in (at.base / "swapped").iterdir() if not p.suffix).stat().st_ino
    at.swapped.due(START + FIRST_LOOK)
    at.swapped.due(LAST)
    assert list((at.base / "swapped").iterdir()) == []
    assert [p.stat().st_ino for p in (at.base / "history").rglob(digest(OLD))] == [inode]
    assert at.swapped.due(LAST + LAST_LOOK) == []


def test_a_save_is_told_until_released_and_the_next_is_based_on_it(at: World) -> None:
    fd = swap(at)
    write(fd, LATE)
    at.swapped.due(START + FIRST_LOOK)
    (save,) = at.swapped.due(START + 10)
    assert at.swapped.due(START + 20) == [save]
    at.swapped.release(save)
    assert at.swapped.due(START + 30) == []
    write(fd, LATER)
    at.swapped.due(START + 31)
    (second,) = at.swapped.due(START + 32)
    assert (second.base, second.before, second.body) == (digest(LATE), LATE, LATER)
    at.swapped.release(second)
    for now in (40, 50, 120):
        assert at.swapped.due(START + now) == []
    assert list((at.base / "swapped").iterdir()) == []
    assert at.history.get(digest(LATER)) == LATER
    os.close(fd)


def test_a_file_that_never_rests_is_told_all_the_same(at: World) -> None:
    fd = swap(at)
    told: list[LateSave] = []
    for second in range(int(PATIENCE) + 3):
        write(fd, b"%d" % second)
        told = at.swapped.due(START + 1 + second)
        if told:
            break
    assert bodies(told) == [b"%d" % PATIENCE]
    os.close(fd)


@pytest.mark.parametrize("written", ["before the end", "after the end"])
def test_what_an_earlier_run_left_is_looked_at_first(at: World, written: str) -> None:
    fd = swap(at)
    if written == "before the end":
        write(fd, LATE)
    again = Swapped(at.base / "swapped", at.history)
    if written == "after the end":
        write(fd, LATE)
    (save,) = again.due(0.5)
    assert (save.path, save.base, save.before, save.body) == (PATH, digest(OLD), OLD, LATE)
    again.release(save)
    assert Swapped(at.base / "swapped", at.history).due(0.5) == []
    os.close(fd)


def test_what_an_earlier_run_left_is_looked_at_again(at: World) -> None:
    fd = swap(at)
    again = Swapped(at.base / "swapped", at.history)
    assert again.due(0.5) == []
    write(fd, LATE)
    again.due(0.5 + LAST_LOOK)
    assert bodies(again.due(0.5 + LAST_LOOK + FIRST_LOOK)) == [LATE]
    os.close(fd)


@pytest.mark.parametrize("written", [True, False])
def test_what_an_earlier_run_left_long_ago_is_looked_at_once(at: World, written: bool) -> None:
    """So that runs that never last a minute (`sync --once`) leave nothing behind for ever."""
    fd = swap(at)
    if written:
        write(fd, LATE)
    (label,) = (at.base / "swapped").glob("*.label")
    os.utime(label, (1, 1))
    again = Swapped(at.base / "swapped", at.history)
    assert bodies(again.due(0.5)) == ([LATE] if written else [])
    assert (list((at.base / "swapped").iterdir()) == []) == (not written)
    os.close(fd)


def test_what_the_power_left_without_a_label_goes_to_history(at: World) -> None:
    fd = swap(at)
    write(fd, LATE)
    for label in (at.base / "swapped").glob("*.label"):
        label.write_bytes(b"")
    assert Swapped(at.base / "swapped", at.history).due(0.5) == []
    assert at.history.get(digest(LATE)) == LATE
    assert list((at.base / "swapped").iterdir()) == []
    os.close(fd)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no tmpfs at /dev/shm")
@pytest.mark.parametrize("folders", [Unleased, Plain])
def test_on_another_file_system_a_descriptor_stands_for_the_file(folders: type[Folder]) -> None:
    """Likewise where names cannot be exchanged: the rename drops the old file's name."""
    with world(OLD) as at:
        if folders is Unleased:
            at.swapped = Swapped(MEMORY / f"syncd-test-{os.getpid()}", at.history)
        fd = swap(at, root=Root.open(at.store, folders=folders))
        assert os.fstat(fd).st_nlink == 0
        write(fd, LATE)
        at.swapped.due(START + FIRST_LOOK)
        (save,) = at.swapped.due(START + 2 * FIRST_LOOK)
        assert (save.before, save.body) == (OLD, LATE)
        at.swapped.release(save)
        held = descriptors()
        for now in (10, 20, 90):
            at.swapped.due(START + now)
        assert descriptors() == held - 1, "the descriptor is closed at last"
        os.close(fd)
        if folders is Unleased:
            (MEMORY / f"syncd-test-{os.getpid()}").rmdir()


def test_descriptors_are_not_used_up(at: World) -> None:
    for _ in range(MOST_OPEN + 2):
        at.swapped.watch(os.open(at.file, os.O_RDONLY), PATH, digest(OLD))
    held = descriptors()
    at.swapped.close()
    assert descriptors() == held - MOST_OPEN


@pytest.mark.parametrize("full", ["label", "copy", "copy of another file system"])
def test_what_a_full_disk_refuses_leaves_nothing_behind(
    at: World, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    rename = os.rename

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def cross(source: Path, target: Path, **folders: int) -> None:
        if target.parent != at.swapped.folder or target.suffix == ".label":
            return rename(source, target, **folders)
        monkeypatch.setattr(at.history, "copy", refuse)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    if full == "label":
        monkeypatch.setattr("syncd.files.swapped.write_all", refuse)
    elif full == "copy":
        monkeypatch.setattr(at.history, "copy", refuse)
    else:
        monkeypatch.setattr(os, "rename", cross)
    with Root.open(at.store).folder("folder") as folder:
        held = descriptors()
        with pytest.raises(OSError, match="No space"):
            at.swapped.take(folder, "file.json", PATH, digest(OLD))
        assert descriptors() == held
    assert at.file.read_bytes() == OLD
    assert not list(at.swapped.folder.iterdir())


def test_what_had_the_name_for_a_moment_only_is_looked_at_again(at: World) -> None:
    """A save comes first, so syncd's own file has the name between two swaps, and is opened."""
    note = stage(at.root, PATH, OURS, digest(OLD))
    opened: list[int] = []
    at.save(b'{"is": "saved first"}')
    at.at(3, lambda: opened.append(os.open(at.file, os.O_RDWR)))
    assert at.perform(note) == NotWritten()
    (fd,) = opened
    discard(at.root, note, at.swapped)
    at.swapped.due(START)
    write(fd, LATE)
    at.swapped.due(START + FIRST_LOOK)
    (save,) = at.swapped.due(START + 2 * FIRST_LOOK)
    assert (save.path, save.before, save.body) == (PATH, OURS, LATE)
    os.close(fd)


def test_a_contested_save_is_looked_at_again(at: World) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))
    at.save(b'{"is": "met"}')
    fd = os.open(at.file, os.O_RDWR)
    root = Root.open(at.store, folders=Unleased)
    second = b'{"is": "second"}'
    original = Unleased.look
    saved = False

    def look(self: Unleased, name: str) -> object:
        nonlocal saved
        if not saved:
            saved = True
            at.save(second)
        return original(self, name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Unleased, "look", look)
        assert isinstance(perform(root, note, at.swapped), Contested)
    discard(at.root, note, at.swapped)
    at.swapped.due(START)
    write(fd, LATE)
    at.swapped.due(START + FIRST_LOOK)
    assert bodies(at.swapped.due(START + 2 * FIRST_LOOK)) == [LATE]
    assert at.holds() == second
    os.close(fd)


def looked_over(at: World) -> None:
    for look in range(10):
        at.swapped.due(START + look * (FIRST_LOOK + LAST_LOOK))
    assert at.swapped.empty


@pytest.mark.parametrize("when", ["never", "before", "after"])
@pytest.mark.parametrize("way", ["moved", "copied", "checked"])
def test_of_records_only_what_nobody_else_keeps_leaves_history(
    at: World, when: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.swapped = Swapped(at.base / "swapped", at.history, lasting=False)
    if when == "before":
        at.history.put(OLD)
    if way == "copied":
        monkeypatch.setattr("os.rename", elsewhere)
    folders = Plain if way == "checked" else Unleased
    os.close(swap(at, root=Root.open(at.store, folders=folders)))
    monkeypatch.undo()
    if when == "after":
        at.history.put(OLD)
    looked_over(at)
    assert at.history.has(digest(OLD)) == (when != "never")
    assert list((at.base / "swapped").iterdir()) == []


def test_of_records_a_late_save_stays_in_history(at: World) -> None:
    at.swapped = Swapped(at.base / "swapped", at.history, lasting=False)
    fd = swap(at)
    write(fd, b"\xff no text")
    os.close(fd)
    at.swapped.due(START + FIRST_LOOK)
    (save,) = at.swapped.due(START + 2 * FIRST_LOOK)
    at.swapped.release(save)
    looked_over(at)
    assert at.history.get(save.digest) == b"\xff no text"


def durable_before(at: World, goes: str) -> bool:
    """Whether history was made durable between the copy and the last step of this name."""
    last = max(place for place, step in enumerate(at.steps) if step == goes)
    copied = max(place for place, step in enumerate(at.steps[:last]) if step == "History.copy")
    return "History.sync" in at.steps[copied:last]


def test_what_comes_from_another_file_system_is_in_history_for_good_before_it_goes(
    at: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))
    monkeypatch.setattr(os, "rename", elsewhere)
    assert isinstance(perform(at.root, note, at.swapped), Written)
    assert durable_before(at, "Folder.remove")
    at.swapped.close()


def test_without_exchange_the_old_is_in_history_for_good_before_it_is_replaced(at: World) -> None:
    at.root.exchanges = False
    note = stage(at.root, PATH, OURS, digest(OLD))
    assert isinstance(perform(at.root, note, at.swapped), Written)
    assert durable_before(at, "Folder.replace")
    at.swapped.close()


def test_a_leftover_that_history_has_is_there_for_good_before_it_goes(at: World) -> None:
    name = f"folder/{TEMPORARY_PREFIX}0123456789abcdef"
    (at.store / name).write_bytes(OURS)
    at.history.put(OURS, durable=False)
    assert retire(at.root, name, at.swapped) == digest(OURS)
    assert durable_before(at, "Folder.remove")
