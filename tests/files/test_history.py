"""History keeps bytes under their digests, whatever is done to the inodes it was given."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.model import Digest, Format
from syncd.core.reading import Found
from syncd.files.folder import Folder
from syncd.files.history import History, NotInHistory
from syncd.files.read import look
from syncd.files.root import Root

from .world import digest

BODY, OTHER = b"one body", b"another body, longer"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    (tmp_path / "store").mkdir()
    with Root.open(tmp_path / "store").folder() as opened:
        yield opened


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "state/history")


def test_what_is_put_is_got(history: History) -> None:
    assert history.put(BODY) == digest(BODY)
    assert history.put(BODY) == digest(BODY)
    history.sync()
    assert history.has(digest(BODY))
    assert history.get(digest(BODY)) == BODY


def test_what_is_not_kept_is_said_so(history: History) -> None:
    assert not history.has(digest(OTHER))
    with pytest.raises(NotInHistory):
        history.get(digest(OTHER))


def test_a_kept_file_moves_in_whole(folder: Folder, history: History, tmp_path: Path) -> None:
    (tmp_path / "store/x").write_bytes(BODY)
    before = (tmp_path / "store/x").stat().st_ino
    history.keep(folder, "x", digest(BODY))
    history.sync()
    kept = tmp_path / "state/history" / digest(BODY)[:2] / digest(BODY)
    assert kept.stat().st_ino == before
    assert not (tmp_path / "store/x").exists()
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept.parent.parent.stat().st_mode) == 0o700


def test_equal_bytes_are_kept_once(folder: Folder, history: History, tmp_path: Path) -> None:
    for _ in range(2):
        (tmp_path / "store/x").write_bytes(BODY)
        history.keep(folder, "x", digest(BODY))
        assert not (tmp_path / "store/x").exists()
    assert history.get(digest(BODY)) == BODY
    assert len([p for p in (tmp_path / "state").rglob("*") if p.is_file()]) == 1


def test_another_file_system_gets_a_copy(folder: Folder, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("no second file system here")
    (tmp_path / "store/x").write_bytes(BODY)
    with tempfile.TemporaryDirectory(dir=elsewhere) as base:
        history = History(Path(base) / "history")
        history.keep(folder, "x", digest(BODY))
        assert not (tmp_path / "store/x").exists()
        assert history.get(digest(BODY)) == BODY


def test_a_refused_copy_leaves_the_file(
    folder: Folder, history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "store/x").write_bytes(BODY)
    (tmp_path / "store/second name").hardlink_to(tmp_path / "store/x")

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(OSError, match="No space"):
            history.keep(folder, "x", digest(BODY))
    assert (tmp_path / "store/x").read_bytes() == BODY
    assert [p for p in (tmp_path / "state").rglob("*") if p.is_file()] == []


def test_bytes_written_into_a_kept_inode_get_their_own_digest(
    folder: Folder, history: History, tmp_path: Path
) -> None:
    path = tmp_path / "store/x"
    path.write_bytes(BODY)
    with path.open("r+b") as program:
        history.keep(folder, "x", digest(BODY))
        program.write(OTHER)
    assert history.has(digest(BODY))
    with pytest.raises(NotInHistory):
        history.get(digest(BODY))
    path.write_bytes(BODY)
    history.keep(folder, "x", digest(BODY))
    assert history.get(digest(BODY)) == BODY
    assert history.get(digest(OTHER)) == OTHER


def test_a_digest_that_is_none_finds_nothing(history: History) -> None:
    history.put(BODY)
    assert not history.has(Digest("0" * 64))


def test_a_copy_that_is_not_durable_yet_is_made_so_for_who_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path / "history")
    kept = history.put(b"bytes", durable=False)
    synced: list[int] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    inode = next((tmp_path / "history").rglob(kept)).stat().st_ino
    history.put(b"bytes")
    history.sync()
    assert inode in synced
    synced.clear()
    history.put(b"bytes")
    assert inode not in synced


@pytest.mark.parametrize("most", [0, 1 << 20])
def test_what_is_kept_is_on_the_disk_before_it_has_its_name(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    history = History(tmp_path / "history")
    (tmp_path / "store/x").write_bytes(BODY)
    synced: list[int] = []
    fsync, rename = os.fsync, Path.rename

    def told(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        fsync(fd)

    def named(self: Path, target: Path) -> Path:
        assert self.stat().st_ino in synced
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", told)
    monkeypatch.setattr(Path, "rename", named)
    monkeypatch.setattr("syncd.files.history._LARGE", most)
    assert history.copy(folder, "x") == digest(BODY)


@pytest.mark.parametrize("way", ["put", "large", "keep", "settle"])
def test_what_another_thread_made_durable_meanwhile_was_without_what_came_after(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    history = History(tmp_path / "history")
    (tmp_path / "store/x").write_bytes(BODY)
    named: list[bool] = []
    fsync, rename, move = os.fsync, Path.rename, os.rename

    def synced(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            named.append(digest(BODY) in os.listdir(fd))
        fsync(fd)

    def renamed(self: Path, target: Path) -> Path:
        history.sync()  # As another thread does that shares it.
        return rename(self, target)

    def moved(source: str, target: Path, **where: int) -> None:
        history.sync()
        move(source, target, **where)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    monkeypatch.setattr(os, "rename", moved)
    monkeypatch.setattr("syncd.files.history._LARGE", 0 if way == "large" else 1 << 20)
    if way in ("keep", "settle"):
        getattr(history, way)(folder, "x", digest(BODY))
    else:
        history.copy(folder, "x")
    history.sync()
    assert named[-1:] == [True]


def test_what_goes_or_arrives_while_history_is_listed_is_no_trouble(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history.put(BODY)
    history.put(OTHER)
    place = tmp_path / "state/history" / digest(BODY)[:2]
    (place / "arriving-1").write_bytes(BODY)
    look = Path.glob

    def late(self: Path, pattern: str) -> Iterator[Path]:
        found = sorted(look(self, pattern))
        (place / "arriving-1").unlink(missing_ok=True)
        history.drop(digest(BODY), 1 << 63)
        return iter(found)

    monkeypatch.setattr(Path, "glob", late)
    assert history.clear_arrivals(1 << 63) == 0
    history.put(BODY)
    assert history.sizes() == {digest(OTHER): len(OTHER)}


LONG = b"longer than what is copied at once" * (1 << 16)


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM])
def test_a_long_file_is_kept_whole_where_no_blocks_can_be_shared(
    folder: Folder, history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    (tmp_path / "store/x").write_bytes(LONG)
    monkeypatch.setattr("os.copy_file_range", refuse)
    assert history.copy(folder, "x") == digest(LONG)
    assert history.get(digest(LONG)) == LONG


def test_of_a_long_file_that_cannot_be_copied_nothing_stays(
    folder: Folder, history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fill(source: int, target: int, _most: int) -> int:
        if os.write(target, os.read(source, 1 << 18)) and os.fstat(target).st_size > 1 << 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return 1

    (tmp_path / "store/x").write_bytes(LONG)
    monkeypatch.setattr("os.copy_file_range", fill)
    with pytest.raises(OSError, match="No space"):
        history.copy(folder, "x")
    assert [path for path in history.folder.rglob("*") if path.is_file()] == []


def test_a_file_that_is_handed_out_in_small_parts_is_kept_and_read_whole(
    folder: Folder, history: History, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read, write = os.read, os.write
    monkeypatch.setattr("os.read", lambda fd, most: read(fd, min(most, 7)))
    monkeypatch.setattr("os.write", lambda fd, body: write(fd, body[:5]))
    (tmp_path / "store/x").write_bytes(OTHER)
    found = look(Root.open(tmp_path / "store"), "x", Format.TEXT)
    assert isinstance(found, Found)
    assert found.body == OTHER
    assert history.copy(folder, "x") == digest(OTHER)
    assert history.get(digest(OTHER)) == OTHER
