"""A folder where a file was, a file where a folder was, on either side."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from syncd.core.model import Hold, Key
from syncd.engine.stops.holding import hold, obstructed

from .laptop import STORE, Laptop, assert_visible, digest
from .played import Played
from .test_nodes import GOOD, THEIRS, desk

NODE: Final = "node.json"
BELOW: Final = "node.json/x.json"


def empty(path: Path) -> None:
    (path / "of" / "folders").mkdir(parents=True)


def with_another_file(path: Path) -> None:
    path.mkdir()
    (path / "below.tmp").write_bytes(THEIRS)


def with_a_file(path: Path) -> None:
    path.mkdir()
    (path / "x.json").write_bytes(THEIRS)


FOLDERS: Final = [empty, with_another_file, with_a_file]


def in_place(laptop: Laptop, make: Callable[[Path], object]) -> None:
    """Have a folder take the file's place."""
    (laptop.folder / NODE).unlink()
    make(laptop.folder / NODE)


def live(played: Played) -> dict[str, str]:
    """What the deployment holds under the name, and in a folder of the name."""
    return {path: held for path, held in played.live().items() if path.startswith(NODE)}


@pytest.mark.parametrize("make", FOLDERS)
async def test_a_folder_is_no_matter_while_nobody_knows_a_file_there(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    async with desk(tmp_path) as (laptop, played):
        make(laptop.folder / NODE)
        await laptop.sync()
        assert laptop.held() == {}
        assert NODE not in played.live()


@pytest.mark.parametrize("make", FOLDERS)
async def test_the_file_whose_place_a_folder_took_is_deleted(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save(NODE, GOOD)
        await laptop.sync()
        in_place(laptop, make)
        await laptop.sync()
        assert live(played) == ({BELOW: digest(THEIRS)} if make is with_a_file else {})
        assert laptop.told_holds() == []
        assert laptop.history.has(digest(GOOD)) or laptop.ledger.contents.has(digest(GOOD))


@pytest.mark.parametrize("make", FOLDERS)
async def test_an_edit_beats_a_folder_in_its_place(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save(NODE, GOOD)
        await laptop.sync()
        in_place(laptop, make)
        played.plant(NODE, THEIRS)
        await laptop.sync()
        assert live(played)[NODE] == digest(THEIRS)
        if make is empty:
            assert (laptop.folder / NODE).read_bytes() == THEIRS
            return
        assert (laptop.folder / NODE).is_dir()
        assert_visible(laptop.held()[NODE], "not-a-file")
        shutil.rmtree(laptop.folder / NODE)
        await laptop.sync(approved=True)
        assert (laptop.folder / NODE).read_bytes() == THEIRS


async def test_files_whose_folders_place_a_file_took_are_deleted(tmp_path: Path) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save(BELOW, GOOD)
        await laptop.sync()
        shutil.rmtree(laptop.folder / NODE)
        laptop.save(NODE, THEIRS)
        await laptop.sync()
        assert live(played) == {NODE: digest(THEIRS)}
        assert laptop.told_holds() == []


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_folder_comes_where_a_file_goes(tmp_path: Path, at_once: bool) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save(NODE, GOOD)
        await laptop.sync()
        played.plant(BELOW, THEIRS)
        if not at_once:
            await laptop.sync()
            assert_visible(laptop.held()[BELOW], "not-a-folder")
            assert (laptop.folder / NODE).read_bytes() == GOOD
        played.plant(NODE, None)
        await laptop.sync()
        assert (laptop.folder / BELOW).read_bytes() == THEIRS
        assert laptop.held() == {}


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_file_comes_where_a_folder_goes(tmp_path: Path, at_once: bool) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save(BELOW, GOOD)
        await laptop.sync()
        played.plant(NODE, THEIRS)
        if not at_once:
            await laptop.sync()
            assert_visible(laptop.held()[NODE], "not-a-file")
            assert (laptop.folder / BELOW).read_bytes() == GOOD
        played.plant(BELOW, None)
        await laptop.sync()
        assert (laptop.folder / NODE).read_bytes() == THEIRS
        assert laptop.held() == {}


async def test_a_folder_with_a_file_is_not_removed_for_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as (laptop, played):
        with_another_file(laptop.folder / NODE)
        played.plant(NODE, THEIRS)
        await laptop.sync()
        assert_visible(laptop.held()[NODE], "not-a-file")
        assert (laptop.folder / NODE / "below.tmp").read_bytes() == THEIRS


async def test_a_store_with_nothing_but_a_folder_in_a_files_place_is_an_emptied_one(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save(NODE, GOOD)
        await laptop.sync()
        for path in list(laptop.tree()):
            (laptop.folder / path).unlink()
        with_another_file(laptop.folder / NODE)
        await laptop.sync()
        assert played.tombstones() == []
        assert [each.store for each in laptop.ledger.attention.guards().values()] == ["flows"]


async def test_only_what_a_file_or_folder_kept_out_is_named_once_it_is_gone(tmp_path: Path) -> None:
    async with desk(tmp_path) as (laptop, _):
        held = {
            "a/x.json": "not-a-folder", "a/b/x.json": "not-a-folder", "c/d": "not-a-file",
            "ab/x.json": "not-a-folder", "a": "not-a-file", "c": "symlink", "e/x.json": "symlink",
        }  # fmt: skip
        for path, reason in held.items():
            hold(laptop.ledger, Key(STORE, path), Hold(reason, "", ""), 0.0)
        gone = [Key(STORE, "a"), Key(STORE, "c/d/e/x.json"), Key("other", "ab")]
        named = [key.path for key, _ in obstructed(laptop.ledger, gone)]
        assert sorted(named) == ["a/b/x.json", "a/x.json", "c/d"]
