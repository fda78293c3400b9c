"""Many files of a store read at once: as many as fit, and those that take long apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from syncd.core.decision import Write
from syncd.core.model import INLINE_LIMIT, Kind
from syncd.core.reading import Found, Missing, Slow, Unreadable
from syncd.core.writing import Note, Written
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.files.transit import SLOW_BYTES
from syncd.stores.layout import Layout


@pytest.fixture
def store(tmp_path: Path) -> FileReplica:
    (tmp_path / "store").mkdir()
    swapped = Swapped(tmp_path / "aside", History(tmp_path / "history"))
    return FileReplica(tmp_path / "store", Kind.FILE, Layout(("**",), ()), swapped)


def fill(store: FileReplica, sizes: dict[str, int]) -> None:
    for path, size in sizes.items():
        (store._path / path).write_bytes(b"x" * size)


@pytest.mark.parametrize("most", range(0, 71, 10))
def test_as_many_are_read_as_fit_and_one_more(store: FileReplica, most: int) -> None:
    paths = [f"{n}.txt" for n in range(6)]
    fill(store, dict.fromkeys(paths, 10))
    found = store.read_first(paths, most)
    assert len(found) == min(6, most // 10 + 1)
    assert all(isinstance(each, Found) for each in found)


def test_a_payload_that_is_gone_is_forgotten(store: FileReplica, tmp_path: Path) -> None:
    path = tmp_path / "store" / "long.bin"
    for look in (lambda: store.read("long.bin"), lambda: store.read_first(["long.bin"], 1)):
        path.write_bytes(bytes(INLINE_LIMIT + 1))
        os.utime(path, (1, 1))
        while not store.transit._measured:
            store.read("long.bin")  # What was changed only just is not to be believed.
        path.unlink()
        look()
        assert not store.transit._measured


def test_each_is_answered_in_its_place(store: FileReplica) -> None:
    fill(store, {"a.txt": 1, "slow.bin": SLOW_BYTES + 1, "b.txt": 2})
    paths = ["a.txt", "none.txt", "slow.bin", "../out.txt", "b.txt", "sub/none.txt"]
    found = store.read_first(paths, 1 << 20)
    kinds = [Found, Missing, Slow, Unreadable, Found, Missing]
    assert [type(each) for each in found] == kinds
    assert isinstance(found[4], Found)
    assert found[4].body == b"xx"


def test_nothing_is_missing_while_the_folder_is_away(store: FileReplica) -> None:
    store._path.rmdir()
    found = store.read_first(["a.txt", "b.txt"], 0)
    assert [type(each) for each in found] == [Unreadable, Unreadable]


@pytest.mark.parametrize("beside", [False, True])
def test_a_new_file_goes_into_the_folder_that_is_there_however_that_is_spelled(
    store: FileReplica, beside: bool
) -> None:
    composed, decomposed = "caf\u00e9/inner", "cafe\u0301/inner"
    (store._path / decomposed).mkdir(parents=True)
    (store._path / decomposed / "old.txt").write_bytes(b"old")
    if beside:
        (store._path / composed).mkdir(parents=True)
        (store._path / composed / "other.txt").write_bytes(b"other")
    store.scan()
    (note,) = store.stage([Write(f"{composed}/new.txt", None, b"new")])
    assert isinstance(note, Note)
    (written,) = store.perform([note])
    assert isinstance(written, Written)
    place = composed if beside else decomposed
    assert (store._path / place / "new.txt").read_bytes() == b"new"
    assert len(list(store._path.iterdir())) == 1 + beside
    for name, body in (("new", b"new"), ("old", b"old")):
        found = store.read(f"{composed}/{name}.txt")
        assert isinstance(found, Found)
        assert found.body == body
