"""Many new files at once: in order, each by itself, and durable before anybody hears of them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from syncd.core.model import Hold
from syncd.core.writing import Note
from syncd.files.root import Root
from syncd.files.staging import New, stage_all

from .world import digest

MANY = 150
"""More than are held open at once."""


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root.open(tmp_path)


def news(count: int = MANY) -> list[New]:
    return [New(f"folder-{n % 7}/file-{n}.json", b"%d" % n, None) for n in range(count)]


def staged(root: Root, note: Note | Hold) -> bytes:
    assert isinstance(note, Note)
    return (root.path / note.path).with_name(note.temporary).read_bytes()


def left(root: Root) -> set[str]:
    return {path.name for path in root.path.rglob("*") if path.is_file()}


def test_each_answer_is_about_the_write_at_its_place(root: Root) -> None:
    wanted = news()
    notes = stage_all(root, wanted)
    for new, note in zip(wanted, notes, strict=True):
        assert isinstance(note, Note)
        assert (note.path, note.digest) == (new.path, digest(new.body))
        assert staged(root, note) == new.body
        assert note.inode == (root.path / note.path).with_name(note.temporary).stat().st_ino
        assert note.folder == (root.path / note.path).parent.stat().st_ino


def test_what_cannot_be_made_holds_up_nothing_else(root: Root) -> None:
    (root.path / "folder-3").write_bytes(b"a file where a folder should be")
    wanted = [*news(), New("../out.json", b"", None)]
    notes = stage_all(root, wanted)
    held = [new.path for new, note in zip(wanted, notes, strict=True) if isinstance(note, Hold)]
    assert held == [new.path for new in wanted if new.path.startswith(("folder-3/", ".."))]
    made = [note for note in notes if isinstance(note, Note)]
    assert left(root) == {"folder-3", *(note.temporary for note in made)}


def test_bytes_are_durable_before_their_name_and_both_before_the_answer(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    real = os.fsync

    def noticed(fd: int) -> None:
        real(fd)
        synced.append(os.fstat(fd).st_ino)

    for n in range(7):
        (root.path / f"folder-{n}").mkdir()
    monkeypatch.setattr(os, "fsync", noticed)
    notes = stage_all(root, news(60))
    for note in notes:
        assert isinstance(note, Note)
        assert note.folder is not None
        assert synced.index(note.inode) < synced.index(note.folder)
    assert len(synced) == 60 + 7  # Each once, and each folder once for all its files.


@pytest.mark.parametrize("folders", [False, True])
def test_what_cannot_be_made_durable_goes_again_and_the_rest_stays(
    root: Root, monkeypatch: pytest.MonkeyPatch, *, folders: bool
) -> None:
    for n in range(7):
        (root.path / f"folder-{n}").mkdir()
    broken = (root.path / "folder-2").stat().st_ino
    real = os.fsync

    def refuse(fd: int) -> None:
        met = os.fstat(fd)
        is_folder = stat.S_ISDIR(met.st_mode)
        if met.st_ino == broken if folders else not is_folder and met.st_size == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(fd)

    wanted = news()
    monkeypatch.setattr(os, "fsync", refuse)
    notes = stage_all(root, wanted)
    for new, note in zip(wanted, notes, strict=True):
        meant = new.path.startswith("folder-2/") if folders else len(new.body) == 3
        assert isinstance(note, Hold) == meant
        assert not isinstance(note, Hold) or note.reason == "io-error"
    assert left(root) == {note.temporary for note in notes if isinstance(note, Note)}
