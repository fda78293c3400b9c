"""A file is replaced in one step, and what others save in that moment is in the replacement."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.errors import RecordError
from syncd.files.folder import Folder
from syncd.files.root import Root
from syncd.files.syscalls import reserve
from syncd.storage.file import body_of, change
from syncd.storage.growing import append, lines_behind
from syncd.storage.root import made_root
from syncd.stores.layout import Layout, is_temporary


def root(folder: Path) -> Root:
    return Root.open(folder)


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def adding(line: bytes, meanwhile: Callable[[], None]) -> Callable[[bytes | None], bytes]:
    """Adds a line to a file, while another program does something, once."""
    times = 0

    def make(met: bytes | None) -> bytes:
        nonlocal times
        times += 1
        if times == 1:
            meanwhile()
        return (met or b"") + line

    return make


def test_another_programs_rename_is_in_the_replacement(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")

    def rename() -> None:
        (tmp_path / "new").write_bytes(b"one\ntwo\n")
        (tmp_path / "new").rename(path)

    assert change(root(tmp_path), "a.json", adding(b"three\n", rename)) == path.read_bytes()
    assert path.read_bytes() == b"one\ntwo\nthree\n"
    assert names(tmp_path) == ["a.json"]


def test_nobody_finds_the_file_without_what_another_program_had_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")
    found: list[bytes] = []
    exchange = Folder.exchange

    def looking(folder: Folder, one: str, other: str) -> None:
        exchange(folder, one, other)
        found.append(path.read_bytes())

    def rename() -> None:
        (tmp_path / "new").write_bytes(b"one\ntwo\n")
        (tmp_path / "new").rename(path)

    monkeypatch.setattr(Folder, "exchange", looking)
    change(root(tmp_path), "a.json", adding(b"three\n", rename))
    assert found == [b"one\ntwo\nthree\n"]
    assert names(tmp_path) == ["a.json"]


def test_a_file_that_is_saved_without_a_pause_is_changed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"0\n")
    met_mine: list[bool] = []

    def make(met: bytes | None) -> bytes:
        met_mine.append(path.read_bytes().endswith(b"mine\n"))
        if len(met_mine) < 20:
            (tmp_path / "new").write_bytes(b"%d\n" % len(met_mine))
            (tmp_path / "new").rename(path)
        return (met or b"") + b"mine\n"

    monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.0)
    change(root(tmp_path), "a.json", make)
    assert True in met_mine[:19]
    assert path.read_bytes().endswith(b"mine\n")
    assert names(tmp_path) == ["a.json"]


def test_another_programs_rewrite_is_waited_for_and_in_the_replacement(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")

    def rewrite() -> None:
        file = path.open("wb")

        def finish() -> None:
            time.sleep(0.05)
            file.write(b"two\n")
            file.close()

        threading.Thread(target=finish).start()

    change(root(tmp_path), "a.json", adding(b"three\n", rewrite))
    assert path.read_bytes() == b"two\nthree\n"


def test_a_file_that_is_made_or_removed_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    change(root(tmp_path), "a.json", adding(b"two\n", lambda: void(path.write_bytes(b"one\n"))))
    assert path.read_bytes() == b"one\ntwo\n"
    change(root(tmp_path), "a.json", adding(b"three\n", path.unlink))
    assert path.read_bytes() == b"three\n"
    assert names(tmp_path) == ["a.json"]


def test_a_file_that_stays_open_for_writing_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")
    with path.open("ab"), pytest.raises(RecordError, match="open for writing"):
        change(root(tmp_path), "a.json", lambda met: (met or b"") + b"two\n")
    assert path.read_bytes() == b"one\n"
    assert names(tmp_path) == ["a.json"]


def test_a_disk_that_is_full_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")

    def full(self: Folder, name: str, body: bytes, over: str) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Folder, "create", full)
    with pytest.raises(RecordError, match=r"No space left.*nothing was written") as raised:
        change(root(tmp_path), "a.json", lambda met: b"two\n")
    assert raised.value.advice == "free some space; then call again"
    assert path.read_bytes() == b"one\n"


def test_lines_for_which_there_is_no_room_are_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\n")

    def full(fd: int, size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("syncd.files.syscalls.reserve", full)
    with pytest.raises(RecordError, match=r"No space left.*nothing was added"):
        append(root(tmp_path), "a.jsonl", b"two\nthree\n")
    assert path.read_bytes() == b"one\n"


def test_room_is_reserved_behind_the_file_which_stays_as_long_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"one\n")
    fd = os.open(path, os.O_RDWR)
    try:
        reserve(fd, 1 << 20)
        assert os.fstat(fd).st_blocks * 512 >= 1 << 20
    finally:
        os.close(fd)
    assert path.read_bytes() == b"one\n"


def test_lines_that_were_begun_are_not_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fd: int, body: bytes) -> None:
        os.write(fd, body[:6])
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("syncd.storage.growing.write_all", broken)
    with pytest.raises(RecordError, match=r"Input/output error; some of it may have been added"):
        append(root(tmp_path), "a.jsonl", b"two\nthree\n")


@pytest.mark.parametrize(
    ("name", "seen"), [("a.json", "a.json"), ("é" * 90 + ".json", "é" * 50), ("x" * 255, "x" * 100)]
)
def test_what_a_crash_leaves_says_whose_it_is_and_is_neither_mirrored_nor_the_daemons(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, seen: str
) -> None:
    def crash(self: Folder, source: str, target: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Folder, "move", crash)
    with pytest.raises(KeyboardInterrupt):
        change(root(tmp_path), name, lambda met: b"one\n")
    (left,) = names(tmp_path)
    assert left.endswith(f"-{seen}")
    assert len(left.encode()) <= 143
    assert not is_temporary(left)
    assert not Layout(("*",), ()).matches(left)


def test_nothing_outside_the_store_is_written(tmp_path: Path) -> None:
    store, outside = tmp_path / "store", tmp_path / "outside"
    store.mkdir()
    outside.mkdir()
    (store / "link").symlink_to(outside)
    with pytest.raises(RecordError):
        change(root(store), "link/a.json", lambda met: b"x")
    with pytest.raises(RecordError):
        append(root(store), "link/a.jsonl", b"x\n")
    assert names(outside) == []


def _many(folder: Path, name: str) -> None:
    for number in range(40):
        change(Root.open(folder), "a.txt", adding(f"{name}{number}\n".encode(), lambda: None))


def test_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_many, args=(tmp_path, name)) for name in "abc"]
    for each in processes:
        each.start()
    for each in processes:
        each.join()
        assert each.exitcode == 0
    found = body_of(root(tmp_path), "a.txt")
    assert found is not None
    lines = found[0].decode().splitlines()
    assert sorted(lines) == sorted(f"{name}{n}" for name in "abc" for n in range(40))
    assert names(tmp_path) == ["a.txt"]


def void(_: object) -> None:
    """For what is done and not answered."""


@pytest.mark.parametrize(
    "trouble",
    [RecordError("it is no record; nothing was written", "mend it"), KeyboardInterrupt()],
    ids=["refused", "interrupted"],
)
@pytest.mark.parametrize("patience", [2.0, 0.0], ids=["seen before", "come out of it"])
def test_what_another_program_saved_has_its_name_again_where_nothing_can_be_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException, patience: float
) -> None:
    monkeypatch.setattr("syncd.storage.file.PATIENCE", patience)
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")

    def make(met: bytes | None) -> bytes:
        if met != b"one\n":
            raise trouble
        (tmp_path / "new").write_bytes(b"broken\n")
        (tmp_path / "new").rename(path)
        return b"one\ntwo\n"

    with pytest.raises(type(trouble)):
        change(root(tmp_path), "a.json", make)
    assert path.read_bytes() == b"broken\n"
    assert names(tmp_path) == ["a.json"]


def test_what_was_written_without_an_exchange_is_not_said_to_be_unwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one\n")
    create, made = Folder.create, list[str]()

    def filling(self: Folder, name: str, body: bytes, over: str) -> int:
        if made:
            raise OSError(28, "No space left on device")
        made.append(name)
        return create(self, name, body, over)

    def refused(self: Folder, one: str, other: str) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(Folder, "create", filling)
    monkeypatch.setattr(Folder, "exchange", refused)
    assert change(root(tmp_path), "a.json", lambda _: b"two\n") == b"two\n"
    assert path.read_bytes() == b"two\n"
    assert names(tmp_path) == ["a.json"]


def test_a_line_is_not_added_to_a_file_that_was_taken_away_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b"1\n")
    lock, locked = fcntl.flock, list[int]()

    def rotated(fd: int, how: int) -> None:
        if not locked:
            path.unlink()
        locked.append(how)
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", rotated)
    append(root(tmp_path), "m.jsonl", b"2\n")
    assert path.read_bytes() == b"2\n"


@pytest.mark.parametrize("call", ["change", "append"])
def test_a_process_that_was_forked_in_the_middle_keeps_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    children: list[int] = []

    def fork(_: object) -> None:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)

    monkeypatch.setattr(Folder, "sync", fork)
    monkeypatch.setattr("syncd.storage.growing.os.fdatasync", fork)
    try:
        if call == "change":
            change(root(tmp_path), "a", lambda met: (met or b"") + b"two\n")
        else:
            append(root(tmp_path), "a", b"two\n")
        fd = os.open(tmp_path / "a", os.O_RDONLY)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(fd)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert len(children) == 1


def test_lines_are_read_while_another_program_adds_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntw")
    seen = os.fstat

    def adding(fd: int) -> os.stat_result:
        with path.open("ab") as file:
            file.write(b"o\n")
        return seen(fd)

    monkeypatch.setattr(os, "fstat", adding)
    assert lines_behind(root(tmp_path), "a.jsonl", []).startswith(b"one\n")


def test_a_folder_that_is_made_is_durable_before_its_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    fsync = os.fsync

    def noting(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", noting)
    made_root(tmp_path / "deep" / "store", "nothing was written")
    assert synced == [tmp_path.stat().st_ino, (tmp_path / "deep").stat().st_ino]
    made_root(tmp_path / "deep" / "store", "nothing was written")
    assert len(synced) == 2
