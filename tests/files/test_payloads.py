"""Payloads on their way: what of them has its name, and what is left of those that went wrong."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from syncd.core.model import Content, Digest, Format
from syncd.core.reading import Found
from syncd.core.writing import WriteFailed
from syncd.files import read as reading
from syncd.files.folder import NEW_FILE, digest_of, stat_of
from syncd.files.history import History, secure, shelf
from syncd.files.payloads import SPARE, Damaged, Payloads
from syncd.files.read import Large
from syncd.files.root import Root
from syncd.files.staging import prepare, stage_prepared, unprepare
from syncd.files.transit import Transit

BODY = b"\xff" * 5000
CONTENT = Content(Digest(sha256(BODY).hexdigest()), len(BODY))


@pytest.fixture
def payloads(tmp_path: Path) -> Payloads:
    return Payloads(tmp_path / "payloads", History(tmp_path / "history"))


def receive(payloads: Payloads, *parts: bytes) -> None:
    with payloads.receive(CONTENT) as arrival:
        for part in parts:
            arrival.write(part)
        arrival.finish()


def test_a_payload_has_its_name_only_once_it_is_durable_and_the_name_is_then(
    payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    fsync, rename = os.fsync, Path.rename

    def flushed(fd: int) -> None:
        done.append(("flushed", Path(f"/proc/self/fd/{fd}").readlink().name))
        fsync(fd)

    def named(path: Path, target: Path) -> Path:
        done.append(("named", target.name))
        return rename(path, target)

    monkeypatch.setattr("os.fsync", flushed)
    monkeypatch.setattr(Path, "rename", named)
    receive(payloads, BODY[:2000], BODY[2000:])
    assert done == [
        ("flushed", f"{CONTENT.digest}.part"), ("named", CONTENT.digest), ("flushed", "payloads"),
    ]  # fmt: skip
    assert payloads.waiting() == {CONTENT.digest}


@pytest.mark.parametrize("parts", [(BODY[:-1],), (BODY[:-1] + b"x",), (BODY, b"x"), ()])
def test_of_other_bytes_than_were_told_nothing_stays(
    payloads: Payloads, parts: tuple[bytes, ...], tmp_path: Path
) -> None:
    with pytest.raises(Damaged):
        receive(payloads, *parts)
    assert not payloads.has(CONTENT.digest)
    assert list((tmp_path / "payloads").iterdir()) == []


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_a_payload_leaves_room_for_smaller_files(
    payloads: Payloads, monkeypatch: pytest.MonkeyPatch, spare: int, *, fits: bool
) -> None:
    free = CONTENT.size + SPARE + spare
    disk = SimpleNamespace(f_bavail=free, f_frsize=1)
    monkeypatch.setattr("os.statvfs", lambda _: disk)
    if fits:
        return receive(payloads, BODY)
    with pytest.raises(OSError, match="No space") as told:
        receive(payloads, BODY)
    assert told.value.errno == errno.ENOSPC
    return None


@pytest.mark.parametrize("move", [True, False])
@pytest.mark.parametrize("mode", [0o600, 0o640, None])
def test_no_more_people_may_read_it_beside_its_file_than_the_file(
    payloads: Payloads, tmp_path: Path, mode: int | None, *, move: bool
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    if mode is not None:
        (folder / "a.bin").write_bytes(b"former")
        (folder / "a.bin").chmod(mode)
    (plain := folder / "plain").touch(mode=NEW_FILE)
    receive(payloads, BODY)
    prepared = prepare(Root.open(folder), "a.bin", payloads, CONTENT.digest, move=move)
    beside = folder / prepared.temporary
    assert beside.read_bytes() == BODY
    expected = stat.S_IMODE(plain.stat().st_mode) if mode is None else mode
    assert stat.S_IMODE(beside.stat().st_mode) == expected


@pytest.mark.parametrize("move", [True, False])
def test_a_payload_lies_ready_in_a_folder_that_was_not_there(
    payloads: Payloads, tmp_path: Path, *, move: bool
) -> None:
    (folder := tmp_path / "store").mkdir()
    receive(payloads, BODY)
    root, path = Root.open(folder), "new/deeper/a.bin"
    note = stage_prepared(
        root, path, prepare(root, path, payloads, CONTENT.digest, move=move), None
    )
    assert (folder / "new/deeper" / note.temporary).read_bytes() == BODY
    assert note.digest == CONTENT.digest


@pytest.mark.parametrize("move", [True, False])
def test_a_payload_that_was_damaged_since_it_came_is_given_to_no_file(
    payloads: Payloads, tmp_path: Path, *, move: bool
) -> None:
    (folder := tmp_path / "store").mkdir()
    receive(payloads, BODY)
    (tmp_path / "payloads" / CONTENT.digest).write_bytes(BODY[:-1])
    later = Payloads(tmp_path / "payloads", payloads.history)
    with pytest.raises(Damaged):
        prepare(Root.open(folder), "a.bin", later, CONTENT.digest, move=move)
    later.drop(CONTENT.digest)
    with pytest.raises(FileNotFoundError):
        prepare(Root.open(folder), "a.bin", later, CONTENT.digest, move=move)
    assert list(folder.iterdir()) == []


def test_of_a_payload_for_which_there_is_no_room_nothing_lies_beside_its_file(
    payloads: Payloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    (folder := tmp_path / "store").mkdir()
    receive(payloads, BODY)
    monkeypatch.setattr("os.copy_file_range", full)
    with pytest.raises(OSError, match="No space"):
        prepare(Root.open(folder), "a.bin", payloads, CONTENT.digest, move=False)
    assert list(folder.iterdir()) == []
    assert payloads.has(CONTENT.digest)


def test_what_took_the_name_of_a_prepared_payload_is_neither_written_nor_removed(
    payloads: Payloads, tmp_path: Path
) -> None:
    (folder := tmp_path / "store").mkdir()
    receive(payloads, BODY)
    root = Root.open(folder)
    prepared = prepare(root, "a.bin", payloads, CONTENT.digest, move=False)
    (folder / "theirs").write_bytes(b"theirs")
    (folder / "theirs").rename(folder / prepared.temporary)
    with pytest.raises(WriteFailed):
        stage_prepared(root, "a.bin", prepared, None)
    unprepare(root, "a.bin", prepared)
    assert (folder / prepared.temporary).read_bytes() == b"theirs"


def test_what_a_crash_left_half_received_goes_and_what_was_whole_stays(
    payloads: Payloads, tmp_path: Path
) -> None:
    receive(payloads, BODY)
    (tmp_path / "payloads" / ("f" * 64 + ".part")).write_bytes(b"half")
    payloads.clear()
    assert [path.name for path in (tmp_path / "payloads").iterdir()] == [CONTENT.digest]


def test_a_payload_that_lost_lies_in_history_and_waits_no_more(payloads: Payloads) -> None:
    receive(payloads, BODY)
    payloads.shelve(CONTENT.digest)
    assert payloads.history.get(CONTENT.digest) == BODY
    assert payloads.waiting() == set()
    payloads.shelve(CONTENT.digest)
    assert payloads.has(CONTENT.digest)


def test_a_long_file_is_measured_once_for_each_of_its_stats(
    payloads: Payloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.files.transit.racy", lambda *_: False)
    transit, read = Transit(payloads, lambda path: None), list[int]()

    def counted(fd: int) -> Digest:
        read.append(fd)
        return digest_of(fd)

    monkeypatch.setattr(reading, "digest_of", counted)

    def measured(body: bytes | None, *, anew: bool = False) -> Digest:
        if body is not None:
            (tmp_path / "a.bin").write_bytes(body)
        fd = os.open(tmp_path / "a.bin", os.O_RDONLY)
        large = Large(fd, stat_of(os.fstat(fd)), Format.TEXT)
        found = transit.measure("a.bin", large, patient=True, anew=anew)
        assert isinstance(found, Found)
        return found.content.digest

    for body in (BODY, b"another", b"a third"):
        assert [measured(body), measured(None)] == [sha256(body).hexdigest()] * 2
    assert len(read) == 3
    assert measured(None, anew=True) == sha256(b"a third").hexdigest()
    assert len(read) == 4


@pytest.mark.parametrize("way", ["secured", "kept", "shelved", "prepared"])
def test_what_nothing_else_holds_is_durable_with_its_name(
    payloads: Payloads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    (folder := tmp_path / "store").mkdir()
    (folder / "long.bin").write_bytes(BODY)
    receive(payloads, BODY)
    root = Root.open(folder)
    synced: set[tuple[int, bool]] = set()
    fsync = os.fsync

    def flushed(fd: int) -> None:
        fsync(fd)
        synced.add((os.fstat(fd).st_ino, named.exists()))

    named = shelf(payloads.history.folder, CONTENT.digest)
    monkeypatch.setattr("os.fsync", flushed)
    if way == "secured":
        secure(payloads.history, BODY)
    elif way == "kept":
        Transit(payloads, lambda path: (root, path)).keep("long.bin")
    elif way == "shelved":
        payloads.shelve(CONTENT.digest)
    else:
        prepared = prepare(root, "a.bin", payloads, CONTENT.digest, move=False)
        named = folder / prepared.temporary
        assert (named.stat().st_ino, False) in synced
        assert (folder.stat().st_ino, False) in synced
        return
    assert (named.stat().st_ino, False) in synced, "the bytes before their name"
    assert (named.parent.stat().st_ino, True) in synced
