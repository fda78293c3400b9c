"""File systems that take two spellings for one name. None is at hand here, so one is played."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import RACY_NS, Write
from syncd.core.model import Format, Hold, Kind
from syncd.core.reading import Found, Missing, Unreadable
from syncd.core.writing import Note, Written
from syncd.files import spelling
from syncd.files.folder import Folder
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.root import Root
from syncd.files.spelling import Folding, Names, fold, probe
from syncd.files.swapped import Swapped
from syncd.stores.layout import Layout

from .world import OLD, OURS, digest


class Caseless(Folder):
    """A folder that keeps the case of names and does not compare it, as on macOS or Windows."""

    def _met(self, name: str) -> str:
        with os.scandir(self.fd) as listing:
            return next((e.name for e in listing if fold(e.name) == fold(name)), name)

    def stat(self, name: str) -> os.stat_result | None:
        return super().stat(self._met(name))

    def open(self, name: str) -> int:
        return super().open(self._met(name))

    def exchange(self, one: str, other: str) -> None:
        super().exchange(self._met(one), self._met(other))

    def move(self, source: str, target: str) -> None:
        super().move(self._met(source), self._met(target))

    def replace(self, source: str, target: str) -> None:
        super().replace(self._met(source), target)


class Place:
    """A store on such a file system."""

    def __init__(self, base: Path) -> None:
        self.store = base / "store"
        self.store.mkdir()
        self.history = History(base / "history")
        self.replica = FileReplica(
            self.store, Kind.DOCUMENT, Layout(("*",), ()),
            Swapped(base / "swapped", self.history), Caseless,
        )  # fmt: skip

    def names(self) -> list[str]:
        return sorted(path.name for path in self.store.iterdir())

    def write(self, *writes: Write) -> list[object]:
        """Stages, performs and discards; what came of each."""
        staged = self.replica.stage(writes)
        notes = [note for note in staged if isinstance(note, Note)]
        done = iter(self.replica.perform(notes) if notes else [])
        outcomes = [next(done) if isinstance(each, Note) else each for each in staged]
        self.replica.discard(notes)
        return list(outcomes)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_this_file_system_tells_case_and_form_apart(tmp_path: Path) -> None:
    (tmp_path / "caf\u00e9.json").touch()
    with Root.open(tmp_path).folder() as folder:
        assert probe(folder) == Folding(case=False, form=False)


def test_an_empty_folder_tells_nothing_yet(place: Place) -> None:
    assert place.replica.scan().stats == {}
    assert place.replica.names.folding == Folding()
    (place.store / "1234").touch()
    place.replica.scan()
    assert place.replica.names.folding.case is None, "digits have no case"
    (place.store / "a.json").touch()
    place.replica.scan()
    assert place.replica.names.folding.case is True
    assert "a.json" in place.names(), "nothing is made for it"
    assert len(place.names()) == 2


def test_another_spelling_is_another_key_and_not_there(place: Place) -> None:
    (place.store / "Name.json").write_bytes(OLD)
    assert isinstance(place.replica.read("Name.json"), Found)
    assert place.replica.read("name.json") == Missing()


def test_the_second_of_two_twins_is_held_and_the_first_is_not_touched(place: Place) -> None:
    (place.store / "Name.json").write_bytes(OLD)
    (held,) = place.write(Write("name.json", None, OURS))
    assert isinstance(held, Hold)
    assert held.reason == "name-twins"
    assert "'Name.json'" in held.detail
    assert place.names() == ["Name.json"]
    assert (place.store / "Name.json").read_bytes() == OLD


def test_twins_that_come_together_into_an_empty_folder(place: Place) -> None:
    outcomes = place.write(Write("Name.json", None, OLD), Write("name.json", None, OURS))
    assert [isinstance(each, Written) for each in outcomes] == [True, False]
    assert place.names() == ["Name.json"]
    assert isinstance(place.write(Write("name.json", None, OURS))[0], Hold)


def test_a_change_of_spelling_elsewhere_is_one_step_here(place: Place) -> None:
    (place.store / "Name.json").write_bytes(OLD)
    outcomes = place.write(Write("name.json", None, OLD), Write("Name.json", digest(OLD), None))
    assert all(isinstance(each, Written) for each in outcomes)
    assert place.names() == ["name.json"]


def test_a_change_of_spelling_here_is_seen_whole(place: Place) -> None:
    (place.store / "Name.json").write_bytes(OLD)
    place.replica.scan()
    (place.store / "Name.json").rename(place.store / "name.json")
    seen = place.replica.scan()
    assert set(seen.stats) == {"name.json"}
    assert seen.missing("Name.json")
    assert place.replica.read("Name.json") == Missing()
    assert isinstance(place.replica.read("name.json"), Found)


def test_a_twin_below_a_folder_spelled_otherwise(place: Place) -> None:
    (place.store / "Folder").mkdir()
    (place.store / "Folder/a.json").write_bytes(OLD)
    assert isinstance(place.replica.read("Folder/a.json"), Found)
    assert place.replica.read("folder/a.json") == Missing()
    assert isinstance(place.write(Write("folder/b.json", None, OURS))[0], Written | Hold)


def test_a_listing_is_not_used_once_the_folder_changed(place: Place) -> None:
    (place.store / "first.json").write_bytes(OLD)
    os.utime(place.store, ns=(1, 1))
    assert place.replica.read("Name.json") == Missing()
    (place.store / "Name.json").write_bytes(OLD)
    assert place.replica.read("name.json") == Missing()


def test_a_listing_of_a_folder_that_has_just_changed_is_not_kept(place: Place) -> None:
    """Two changes within one tick of the kernel's clock leave the same time stamp."""
    (place.store / "first.json").write_bytes(OLD)
    now = time.time_ns()
    os.utime(place.store, ns=(now, now))
    assert place.replica.read("Name.json") == Missing()
    (place.store / "Name.json").write_bytes(OLD)
    os.utime(place.store, ns=(now, now))
    assert place.replica.read("name.json") == Missing()


def test_where_case_counts_two_spellings_are_two_files(tmp_path: Path) -> None:
    (tmp_path / "Name.json").write_bytes(OLD)
    (tmp_path / "name.json").write_bytes(OURS)
    history = History(tmp_path.parent / "history")
    replica = FileReplica(
        tmp_path, Kind.DOCUMENT, Layout(("*",), ()), Swapped(tmp_path.parent / "swapped", history)
    )
    assert set(replica.scan().stats) == {"Name.json", "name.json"}
    assert replica.names.folding.case is False
    one, other = replica.read("Name.json"), replica.read("name.json")
    assert isinstance(one, Found)
    assert isinstance(other, Found)
    assert (one.body, other.body) == (OLD, OURS)
    assert replica.format("name.json") is Format.JSON


def test_a_name_that_is_not_utf8_is_held_and_blocks_nobody(place: Place) -> None:
    bad = os.fsencode(place.store) + b"/bad\xff.json"
    os.close(os.open(bad, os.O_CREAT | os.O_WRONLY))
    (place.store / "a.json").write_bytes(OLD)
    seen = place.replica.scan()
    assert [hold.reason for hold in seen.holds.values()] == ["bad-name"]
    assert set(seen.stats) == {"a.json"}
    assert not isinstance(place.replica.read("a.json"), Unreadable)


def test_an_undecided_root_is_listed_again_only_once_it_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[Folder] = []

    def listing(folder: Folder) -> Folding:
        listed.append(folder)
        return probe(folder)

    monkeypatch.setattr(spelling, "probe", listing)
    (tmp_path / "2025").mkdir()
    os.utime(tmp_path, ns=(10**9, 10**9))
    names, root = Names(), Root.open(tmp_path)
    for _ in range(3):
        names.probe(root)
    assert (names.folding.case, len(listed)) == (None, 1)
    (tmp_path / "letters").mkdir()
    names.probe(root)
    assert (names.folding.case, len(listed)) == (False, 2)


class Clock:
    """Stands in for `time`: it stands, and what is looked at takes long."""

    def __init__(self, ns: int) -> None:
        self.ns = ns

    def time_ns(self) -> int:
        return self.ns

    def passing(self, look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(*args: object) -> Any:
            found = look(*args)
            self.ns += 10 * RACY_NS
            return found

        return looked


def test_a_listing_that_took_long_is_as_old_as_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first.json").write_bytes(OLD)
    changed = tmp_path.stat().st_mtime_ns
    clock = Clock(changed + 1)
    monkeypatch.setattr(spelling, "time", clock)
    monkeypatch.setattr(spelling, "fold", clock.passing(fold))
    names, root = Names(), Root.open(tmp_path)
    names.folding = Folding(case=True, form=True)
    assert names.taken(root, "Name.json") is None
    (tmp_path / "Name.json").write_bytes(OLD)
    os.utime(tmp_path, ns=(changed, changed))
    assert names.taken(root, "name.json") == "Name.json"


def test_so_is_a_look_for_what_a_root_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "2025").mkdir()
    changed = tmp_path.stat().st_mtime_ns
    clock = Clock(changed + 1)
    monkeypatch.setattr(spelling, "time", clock)
    monkeypatch.setattr(spelling, "probe", clock.passing(probe))
    names, root = Names(), Root.open(tmp_path)
    names.probe(root)
    (tmp_path / "letters").mkdir()
    os.utime(tmp_path, ns=(changed, changed))
    names.probe(root)
    assert names.folding.case is False
