"""The folder of files that grow: second names, and how much of a file is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.core.log import NOTHING, Cut, Extent, Gone, Parted
from syncd.core.model import Kind
from syncd.files.lines import READ, LinesFolder
from syncd.stores.layout import Layout
from syncd.stores.lines import LINE_BYTES, TAIL_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> LinesFolder:
    (tmp_path / "store").mkdir()
    layout = Layout(("*.jsonl",), ())
    return LinesFolder(tmp_path / "store", Kind.METRIC, layout, tmp_path / "kept")


def made(tmp_path: Path, body: bytes, name: str = "a.jsonl") -> tuple[Path, int]:
    path = tmp_path / "store" / name
    path.write_bytes(body)
    return path, path.stat().st_ino


def cut(folder: LinesFolder, inode: int, extent: Extent = NOTHING) -> Cut:
    found = folder.cut(inode, extent, 500, READ)
    assert isinstance(found, Cut)
    return found


class Counted:
    """How many bytes are read from files."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.bytes = 0
        self._pread = os.pread
        patch.setattr(os, "pread", self._counted)

    def _counted(self, fd: int, length: int, offset: int) -> bytes:
        found = self._pread(fd, length, offset)
        self.bytes += len(found)
        return found


def test_only_the_tail_and_what_is_new_are_read(
    folder: LinesFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, inode = made(tmp_path, b"".join(b"line %d\n" % n for n in range(300_000)))
    folder.scan()
    end = folder.end(inode)
    assert end is not None
    with path.open("ab") as file:
        file.write(b"new\n")
    counted = Counted(monkeypatch)
    assert [line.text for line in cut(folder, inode, end).lines] == ["new"]
    assert counted.bytes <= TAIL_BYTES + len(b"new\n")
    whole = cut(folder, inode)
    assert whole.more
    assert counted.bytes > READ, "a whole file is read where nothing of it is known"


def test_a_file_is_found_whatever_it_is_called(folder: LinesFolder, tmp_path: Path) -> None:
    path, inode = made(tmp_path, b"one\n")
    assert folder.keep("a.jsonl", inode)
    path.rename(tmp_path / "store" / "else.old")
    assert folder.deleted_since(inode) is None
    (tmp_path / "store" / "else.old").unlink()
    assert folder.deleted_since(inode) is not None
    assert [line.text for line in cut(folder, inode).lines] == ["one"]
    folder.release(inode)
    assert folder.cut(inode, NOTHING, 1, 1) == Gone()


def test_another_file_under_the_name_is_not_kept(folder: LinesFolder, tmp_path: Path) -> None:
    _, inode = made(tmp_path, b"one\n")
    assert not folder.keep("a.jsonl", inode + 1)
    assert not folder.keep("none.jsonl", inode)
    assert folder.strays(()) == []


def test_a_link_is_not_followed(folder: LinesFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"one\n")
    (tmp_path / "store" / "a.jsonl").symlink_to(secret)
    seen = folder.scan()
    assert (dict(seen.stats), list(seen.holds)) == ({}, ["a.jsonl"])
    assert folder.look(["a.jsonl", "../secret"]) == {}
    assert folder.cut(secret.stat().st_ino, NOTHING, 1, 1) == Gone()


@pytest.mark.parametrize("body", [b"", b"on", b"two\nthree\n"])
def test_other_bytes_at_the_offset_part_file_and_log(
    folder: LinesFolder, tmp_path: Path, body: bytes
) -> None:
    path, inode = made(tmp_path, b"one\n")
    assert folder.keep("a.jsonl", inode)
    extent = cut(folder, inode).extent
    path.write_bytes(body)
    assert folder.cut(inode, extent, 9, 9) == Parted()
    assert not folder.holds(inode, extent)


@pytest.mark.parametrize("length", [READ, 3 * READ + 7])
def test_a_line_longer_than_a_read_is_one_line(
    folder: LinesFolder, tmp_path: Path, length: int
) -> None:
    path, inode = made(tmp_path, b"x" * length)
    folder.keep("a.jsonl", inode)
    assert cut(folder, inode).extent == NOTHING, "it waits for its end"
    with path.open("ab") as file:
        file.write(b"\nnext\n")
    first = cut(folder, inode)
    assert [(len(line.text), line.flag) for line in first.lines] == [(LINE_BYTES, "cut")]
    assert (first.extent.length, first.more) == (length + 1, True)
    assert [line.text for line in cut(folder, inode, first.extent).lines] == ["next"]
    assert folder.end(inode) == cut(folder, inode, first.extent).extent


@pytest.mark.parametrize(
    "start", [b"\xef\xbb\xbf", b"x" * LINE_BYTES + b"\r", b" " * 2 * LINE_BYTES]
)
def test_what_is_cut_off_a_line_longer_than_a_read_is_told(
    folder: LinesFolder, tmp_path: Path, start: bytes
) -> None:
    _, inode = made(tmp_path, start + b"x" * READ + b"\n")
    folder.keep("a.jsonl", inode)
    (line,) = cut(folder, inode).lines
    assert line.flag == "cut"
