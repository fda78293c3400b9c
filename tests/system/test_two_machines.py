"""Two daemons on one workspace: what happens on one happens on the other, and nothing more."""

from __future__ import annotations

import unicodedata

import pytest

from .conftest import World
from .flows import flow
from .machine import Machine
from .waiting import until

Pair = tuple[Machine, Machine]
SOON = 5.0
"""Seconds: a second or two, on a machine that is busy with other tests."""


@pytest.fixture
def pair(world: World) -> Pair:
    """Two machines that agree, on nothing yet."""
    first, second = world.machine("first").start(), world.machine("second").start()
    first.until_in_sync()
    second.until_in_sync()
    return first, second


def travels(here: Machine, there: Machine, path: str, body: str) -> None:
    """Wait until what `here` saved is on the other machine."""
    there.until_reads(path, body, SOON)
    assert here.reads(path) == body.encode()


def settle(pair: Pair) -> None:
    """Wait until nothing is left to do: a late echo would come before the marker's deletion.

    A deletion is the slowest thing there is, since it is looked at twice, a second apart.
    """
    for here, there in (pair, pair[::-1]):
        here.save("marker.json", flow("marker", here.home.name))
        travels(here, there, "marker.json", flow("marker", here.home.name))
    pair[0].folder.joinpath("marker.json").unlink()
    until(lambda: pair[1].reads("marker.json") is None, "the marker deleted", SOON)
    for machine in pair:
        machine.until_in_sync()


def test_saves_travel_both_ways_and_nothing_comes_back(pair: Pair) -> None:
    first, second = pair
    first.save("a.json", flow("a"))
    travels(first, second, "a.json", flow("a"))
    second.rewrite("a.json", flow("a", "rewritten"))
    travels(second, first, "a.json", flow("a", "rewritten"))
    first.rewrite("new/folder/b.json", flow("b"))
    travels(first, second, "new/folder/b.json", flow("b"))
    second.save("other/c.json", flow("c"))
    travels(second, first, "other/c.json", flow("c"))
    settle(pair)
    revisions = first.mirror().revisions()
    del revisions["marker.json"]
    assert revisions == {"a.json": 2, "new/folder/b.json": 1, "other/c.json": 1}
    for machine in pair:
        found = machine.report()
        assert (found.queued, found.sent, found.conflicts, found.held) == (0, 0, 0, 0)


def test_renames_and_deletions_travel_both_ways(pair: Pair) -> None:
    first, second = pair
    for name in ("a", "b", "kept"):
        first.save(f"{name}.json", flow(name))
    until(lambda: second.tree() == first.tree(), "three files on second", SOON)
    (second.folder / "a.json").rename(second.folder / "renamed.json")
    travels(second, first, "renamed.json", flow("a"))
    (first.folder / "b.json").unlink()
    until(lambda: second.reads("b.json") is None, "b.json gone on second", SOON)
    until(lambda: first.reads("a.json") is None, "a.json gone on first", SOON)
    settle(pair)
    assert sorted(second.mirror().live()) == ["kept.json", "renamed.json"]
    assert first.tree() == second.tree()


def test_a_folder_moves_whole(pair: Pair) -> None:
    first, second = pair
    for number in range(5):
        first.save(f"old/{number}.json", flow(f"n{number}"))
    first.save("kept.json", flow("kept"))
    until(lambda: second.tree() == first.tree(), "six files on second", SOON)
    (first.folder / "old").rename(first.folder / "moved")
    moved = ["flows/kept.json", *(f"flows/moved/{number}.json" for number in range(5))]
    until(lambda: list(second.tree()) == moved, "the moved folder on second", SOON)
    settle(pair)
    assert first.tree() == second.tree()


@pytest.mark.parametrize("away", ["who edits", "who renames"])
def test_an_edit_of_a_file_whose_folder_was_renamed_meanwhile_comes_into_it(
    pair: Pair, away: str
) -> None:
    first, second = pair
    for number in range(30):
        first.save(f"old/{number}.json", flow(f"n{number}"))
    until(lambda: second.tree() == first.tree(), "thirty files on second", SOON)
    gone = second if away == "who edits" else first
    assert gone.stop() == 0
    edited = flow("n3", "edited")
    if gone is second:
        (first.folder / "old").rename(first.folder / "new")
        until(lambda: "new/3.json" in first.mirror().live(), "the folder renamed", SOON)
        second.save("old/3.json", edited)
    else:
        second.save("old/3.json", edited)
        until(lambda: second.mirror().holds("old/3.json", edited), "the edit", SOON)
        (first.folder / "old").rename(first.folder / "new")
    gone.start()
    wanted = sorted(f"flows/new/{number}.json" for number in range(30))
    until(lambda: sorted(first.tree()) == sorted(second.tree()) == wanted, "the folder", 15.0)
    for machine in pair:
        machine.until_reads("new/3.json", edited)
    settle(pair)
    assert first.mirror().holds("new/3.json", edited)


def test_names_beyond_ascii_travel(pair: Pair) -> None:
    first, second = pair
    for path in ("Größe/流程 ①.json", "emoji 🚀/a b'c\".json"):
        first.save(path, flow("näme"))
        travels(first, second, path, flow("näme"))
        second.save(path, flow("näme", "zurück"))
        travels(second, first, path, flow("näme", "zurück"))


def test_a_decomposed_name_keeps_its_spelling_where_it_was_made(pair: Pair) -> None:
    first, second = pair
    composed = "caf\u00e9.json"
    spelled = unicodedata.normalize("NFD", composed)
    first.save(spelled, flow("coffee"))
    second.until_reads(composed, flow("coffee"), SOON)
    second.save(composed, flow("coffee", "again"))
    first.until_reads(spelled, flow("coffee", "again"), SOON)
    settle(pair)  # What a write put aside lies beside the file for a moment more.
    assert [path.name for path in first.folder.iterdir()] == [spelled]


def test_a_hot_file_ends_with_its_last_save_and_few_revisions(pair: Pair) -> None:
    first, second = pair
    for number in range(100):
        first.rewrite("hot.json", flow("hot", f"step {number}"))
    travels(first, second, "hot.json", flow("hot", "step 99"))
    settle(pair)
    assert first.mirror().revisions()["hot.json"] <= 10


def test_both_sides_changed_keeps_the_file_and_lists_the_other(pair: Pair) -> None:
    first, second = pair
    before, by_first, by_second = (
        flow("a").replace('"name": "a"', f'"name": "{name}"') for name in ("a", "first", "second")
    )
    first.save("a.json", before)
    travels(first, second, "a.json", before)
    assert second.stop() == 0
    first.save("a.json", by_first)
    until(lambda: first.mirror().holds("a.json", by_first), "first's save")
    second.save("a.json", by_second)
    second.start()
    travels(second, first, "a.json", by_second)
    told = second.syncd("status")
    assert told.code == 4
    assert "conflict flows:a.json: both sides changed it" in told.out
    assert "-> `syncd conflicts diff 1` compares" in told.out
    assert first.reads("a.json") == second.reads("a.json")
