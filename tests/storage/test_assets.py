"""Assets from files alone."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from syncd.config import Config
from syncd.errors import RecordError
from syncd.storage import Asset, AssetMetadata, AssetStorage


def library(project: Config) -> Path:
    return next(each.path for each in project.stores if each.kind == "asset")


def asset(id: str, category: str = "prompts", **told: object) -> Asset:
    return Asset(id=id, name=id.title(), category=category, **told)


def test_an_asset_is_saved_in_its_category_loaded_and_deleted(project: Config) -> None:
    with AssetStorage(project) as storage:
        storage.save(asset("a", metadata=AssetMetadata(author="x")))
        path = library(project) / "prompts/a.json"
        assert json.loads(path.read_text())["metadata"] == {"author": "x"}
        assert storage.load("a") == asset("a", metadata=AssetMetadata(author="x"))
        assert storage.delete("a")
        assert storage.load("a") is None
        assert not path.exists()


def test_an_asset_stays_where_its_file_is_whatever_it_says(project: Config) -> None:
    path = library(project) / "templates/email/a.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"id": "a", "name": "A", "category": "prompts"}')
    with AssetStorage(project) as storage:
        assert [row.id for row in storage.by_category("templates")] == ["a"]
        assert storage.by_category("prompts") == []
        loaded = storage.load("a")
        assert loaded is not None
        loaded.name = "B"
        storage.save(loaded)
    assert path.read_text() == '{"id": "a", "name": "B", "category": "prompts"}'


def test_an_asset_that_tells_no_id_is_saved_in_the_file_whose_name_stands_for_it(
    project: Config,
) -> None:
    path = library(project) / "ui" / "a.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"name": "A"}')
    with AssetStorage(project) as storage:
        found = storage.load("a")
        assert found is not None
        found.name = "B"
        storage.save(found)
        assert path.read_text() == '{"name": "B"}'
        with pytest.raises(RecordError, match="the asset has no id"):
            storage.save(Asset(name="C", category="ui"))


def test_a_new_asset_needs_a_category_that_is_a_folder(project: Config) -> None:
    with AssetStorage(project) as storage:
        for category in ("..", "a/../..", "/etc", "ui/buttons"):
            with pytest.raises(RecordError, match=r"the category .* makes no file name"):
                storage.save(asset("a", category))
    assert not library(project).exists() or list(library(project).iterdir()) == []


def test_assets_are_found_by_words_category_and_all_tags(project: Config) -> None:
    with AssetStorage(project) as storage:
        storage.save(asset("one", tags=["x", "y"], content="Write a changelog entry"))
        storage.save(asset("two", "images", tags=["x"], content="A changelog"))
        storage.save(asset("three", tags=["y"], content={"body": "nothing"}))
        found = [row.id for row in storage.search("changelog entries write")]
        assert found == ["one", "two"]
        assert [row.id for row in storage.search("change", limit=1)] == ["two"]
        assert [row.id for row in storage.search("CHANGELOG", category="images")] == ["two"]
        assert [row.id for row in storage.search(tags=["x", "y"])] == ["one"]
        assert [row.id for row in storage.search(tags=["y"])] == ["one", "three"]
        assert storage.search("zebra") == []


def test_downloads_are_counted_by_many_at_once(project: Config) -> None:
    body = '{"id": "a", "metadata": {"downloads": 17, "rating": 4.50}}\n'
    (library(project) / "p").mkdir(parents=True)
    (library(project) / "p/a.json").write_text(body)

    def count() -> None:
        with AssetStorage(project) as storage:
            for _ in range(20):
                storage.increment_downloads("a")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (library(project) / "p/a.json").read_text() == body.replace("17", "97")


def test_a_download_counted_meanwhile_is_not_lost_by_a_save(project: Config) -> None:
    with AssetStorage(project) as storage:
        storage.save(asset("a", metadata=AssetMetadata(downloads=1)))
        loaded = storage.load("a")
        assert loaded is not None
        storage.increment_downloads("a")
        loaded.status = "published"
        storage.save(loaded)
        again = storage.load("a")
        assert again is not None
        assert (again.status, again.metadata.downloads) == ("published", 2)
        with pytest.raises(RecordError):
            storage.increment_downloads("nobody")


def test_two_programs_that_count_to_the_same_number_count_twice(project: Config) -> None:
    with AssetStorage(project) as storage:
        storage.save(asset("a", metadata=AssetMetadata(downloads=1)))
        one, other = storage.load("a"), storage.load("a")
        assert one is not None
        assert other is not None
        one.metadata.downloads = other.metadata.downloads = 2
        storage.save(one)
        storage.save(other)
        again = storage.load("a")
        assert again is not None
        assert again.metadata.downloads == 3


def test_an_asset_that_was_deleted_is_saved_in_the_category_it_was_given_since(
    project: Config,
) -> None:
    with AssetStorage(project) as storage:
        for category in ("one", "two"):
            storage.save(Asset(id="a", category="one", content="kept"))
            loaded = storage.load("a")
            assert loaded is not None
            assert storage.delete("a")
            loaded.category = category
            storage.save(loaded)
            assert [row.path for row in storage.search()] == [f"{category}/a.json"]
            assert storage.load("a") == Asset(id="a", category=category, content="kept")


def test_a_category_whose_folder_is_spelled_in_another_unicode_form_is_that_folder(
    project: Config,
) -> None:
    library = next(each.path for each in project.stores if each.kind == "asset")
    there = library / "cafe\u0301"
    there.mkdir(parents=True)
    (there / "old.json").write_text('{"id": "old"}')
    with AssetStorage(project) as storage:
        storage.save(Asset(id="new", category="caf\xe9"))
        assert [path.name for path in library.iterdir()] == [there.name]
        assert {row.id for row in storage.by_category("caf\xe9")} == {"old", "new"}
        found = storage.load("new")
        assert found is not None
        found.name = "renamed"
        storage.save(found)
        assert storage.delete("new")
    assert [path.name for path in there.iterdir()] == ["old.json"]
