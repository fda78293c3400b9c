"""Folders without a file in them give way to a file; whatever else is in one stays."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.files import vacant
from syncd.files.folder import Folder
from syncd.files.vacant import is_vacant, vacate


def opened(path: Path) -> Folder:
    return Folder(os.open(path, os.O_RDONLY | os.O_DIRECTORY))


def nested(path: Path) -> None:
    for below in ("one/two", "other"):
        (path / below).mkdir(parents=True)


@pytest.mark.parametrize("make", [Path.mkdir, nested])
def test_a_vacant_folder_goes(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "name")
    with opened(tmp_path) as folder:
        assert is_vacant(folder, "name")
        assert vacate(folder, "name")
    assert list(tmp_path.iterdir()) == []


def a_file(path: Path) -> None:
    path.write_bytes(b"saved")


def a_link(path: Path) -> None:
    path.symlink_to(path.parents[3] / "elsewhere")


def too_deep(path: Path) -> None:
    (path / "/".join(["deeper"] * 40)).mkdir(parents=True)


@pytest.mark.parametrize("make", [a_file, a_link, os.mkfifo, too_deep])
def test_a_folder_with_anything_else_stays(tmp_path: Path, make: Callable[[Path], object]) -> None:
    (tmp_path / "elsewhere").mkdir()
    nested(tmp_path / "name")
    make(tmp_path / "name/one/two/it")
    before = sorted(tmp_path.rglob("*"))
    with opened(tmp_path) as folder:
        assert not is_vacant(folder, "name")
        assert not vacate(folder, "name")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("make", [a_file, os.mkfifo, lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_folder_stays(tmp_path: Path, make: Callable[[Path], object]) -> None:
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "name")
    before = os.lstat(tmp_path / "name")
    with opened(tmp_path) as folder:
        assert not vacate(folder, "name")
        assert not vacate(folder, "nothing")
    after = os.lstat(tmp_path / "name")
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_a_file_that_comes_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nested(tmp_path / "name")
    saved = tmp_path / "name/one/two/it"

    def looked(folder: Folder, name: str) -> bool:
        found = is_vacant(folder, name)
        saved.write_bytes(b"saved")
        return found

    monkeypatch.setattr(vacant, "is_vacant", looked)
    with opened(tmp_path) as folder:
        assert not vacate(folder, "name")
    assert saved.read_bytes() == b"saved"


def test_where_something_is_mounted_it_stays(tmp_path: Path) -> None:
    nested(tmp_path / "name")
    place = str(tmp_path / "name/one")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "none", place], check=False, stderr=subprocess.DEVNULL
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not permitted here")
    try:
        with opened(tmp_path) as folder:
            assert not is_vacant(folder, "name")
            assert not vacate(folder, "name")
            assert (tmp_path / "name/other").is_dir()
    finally:
        subprocess.run(["umount", place], check=True)
