"""A file that a program has open for writing is not swapped; nobody is let in during a swap."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.writing import Busy, Note, Written
from syncd.files.folder import Folder
from syncd.files.history import History
from syncd.files.root import Root
from syncd.files.staging import stage_removal
from syncd.files.swapped import Swapped
from syncd.files.write import discard, perform

from .person import as_ordinary_user
from .world import OLD, OURS, PATH, World, digest, stage, world

MEMORY = Path("/dev/shm")


@pytest.fixture
def at() -> Iterator[World]:
    with world(OLD) as made:
        yield made


@pytest.mark.parametrize("kind", ["replacement", "removal"])
@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR | os.O_APPEND])
def test_a_file_open_for_writing_is_left_alone(at: World, kind: str, flags: int) -> None:
    note = _note(at.root, kind)
    fd = os.open(at.file, flags)
    inode = at.file.stat().st_ino
    answer = at.perform(note)
    assert isinstance(answer, Busy)
    assert answer.hold.reason == "open-for-writing"
    assert (at.file.stat().st_ino, at.holds()) == (inode, OLD)
    discard(at.root, note, at.swapped)
    os.close(fd)
    assert isinstance(at.perform(_note(at.root, kind)), Written)
    assert at.root.leases is True


@pytest.mark.parametrize("kind", ["replacement", "removal"])
def test_nothing_stays_open(at: World, kind: str) -> None:
    note = _note(at.root, kind)
    before = len(list(Path("/proc/self/fd").iterdir()))
    at.perform(note)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_who_only_reads_is_in_nobodys_way(at: World) -> None:
    with at.file.open("rb"):
        assert isinstance(at.perform(_note(at.root, "replacement")), Written)


def test_without_exchange_a_file_open_for_writing_is_left_alone_too(at: World) -> None:
    at.root.exchanges = False
    note = _note(at.root, "replacement")
    with at.file.open("r+b"):
        assert isinstance(at.perform(note), Busy)
    assert at.holds() == OLD


def test_a_program_that_opens_the_file_in_the_moment_of_the_swap_waits_and_nobody_ends(
    at: World,
) -> None:
    """SIGIO, by which a lease's holder is told, would end this process."""
    note = _note(at.root, "replacement")
    opened = threading.Event()

    def program() -> None:
        with at.file.open("ab"):
            opened.set()

    def meanwhile() -> None:
        running.start()
        # The kernel shows that somebody waits for the lease by "breaking".
        while b"BREAKING" not in Path("/proc/locks").read_bytes():
            os.sched_yield()
        assert not opened.is_set()

    running = threading.Thread(target=program)
    at.steps.clear()
    at.at(2, meanwhile)
    assert isinstance(at.perform(note), Written)
    assert at.steps[2] == "Folder.exchange"
    running.join(10)
    assert opened.is_set()


class Unleased(Folder):
    """A file system, or a file, that refuses leases."""

    def lease(self, fd: int) -> None:
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


class Plain(Folder):
    """A file system that has neither leases nor an exchange of names."""

    def lease(self, fd: int) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def exchange(self, one: str, other: str) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.mark.parametrize("folders", [Unleased, Plain])
def test_a_refused_lease_is_told_and_done_without(at: World, folders: type[Folder]) -> None:
    root = Root.open(at.store, folders=folders)
    assert root.leases is None
    assert isinstance(perform(root, _note(root, "replacement"), at.swapped), Written)
    assert at.holds() == OURS
    assert root.leases is False
    assert root.exchanges is (folders is not Plain)


def test_what_belongs_to_somebody_else_is_written_without_a_lease() -> None:
    def test(own: Path) -> None:
        at = World(own, OLD)

        class Foreign(Folder):
            def lease(self, fd: int) -> None:
                super().lease(os.open("/etc/passwd", os.O_RDONLY))

        root = Root.open(at.store, folders=Foreign)
        assert isinstance(perform(root, _note(root, "replacement"), at.swapped), Written)
        assert root.leases is False

    as_ordinary_user(test)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="there is no tmpfs at /dev/shm")
def test_memory_file_systems_swap_and_lease(tmp_path: Path) -> None:
    store = MEMORY / f"syncd-test-{os.getpid()}"
    (store / PATH).parent.mkdir(parents=True)
    try:
        (store / PATH).write_bytes(OLD)
        root = Root.open(store)
        history = History(tmp_path / "history")
        swapped = Swapped(tmp_path / "swapped", history)
        assert isinstance(perform(root, _note(root, "replacement"), swapped), Written)
        assert (root.exchanges, root.leases) == (True, True)
        assert history.get(digest(OLD)) == OLD
    finally:
        for left in (store / PATH).parent.iterdir():
            left.unlink()
        (store / PATH).parent.rmdir()
        store.rmdir()


def _note(root: Root, kind: str) -> Note:
    if kind == "replacement":
        return stage(root, PATH, OURS, digest(OLD))
    note = stage_removal(root, PATH, digest(OLD))
    assert isinstance(note, Note)
    return note
