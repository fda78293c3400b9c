"""Deletions that wait: counted in both directions, across restarts, until a person decides."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from syncd.core.cost import Cost, Spending
from syncd.core.decision import UNREAD, FileState
from syncd.core.guard import WINDOW, Direction, Guard, RootState
from syncd.core.model import Digest, Hold, Key
from syncd.core.reading import Stat
from syncd.core.writing import Note
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.rescan import Rescan
from syncd.engine.stops.roots import SAMPLE
from syncd.engine.stops.vanishing import Vanishing
from syncd.engine.stops.window import Group, Window
from syncd.errors import LedgerError
from syncd.files import transit
from syncd.files.scan import Seen
from syncd.files.transit import SLOW_BYTES
from syncd.ledger.claimable import Claim

from .fakes import STORE, Desk, Machine, deployment, digest


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


def names(count: int) -> list[str]:
    return [f"n{number:03}" for number in range(count)]


async def holding(desk: Desk, count: int) -> list[str]:
    """A store of so many notes that both sides hold."""
    made = names(count)
    await desk.agree(**{name: f"the note {name}" for name in made})
    assert len(desk.machine.mirror()) == count
    # Long enough ago that none of them counts as made within the window.
    desk.clock.seconds += 2 * WINDOW
    return made


async def delete(desk: Desk, gone: list[str]) -> None:
    desk.machine.delete(*gone)
    await desk.consider(gone)
    desk.send()


def walking(desk: Desk, patch: pytest.MonkeyPatch) -> tuple[Rescan, set[Key]]:
    """What walks the store, and the keys that its walks name: nobody looks at them."""
    intake = Intake(desk.reconciler, desk.clock)
    named: set[Key] = set()
    patch.setattr(intake, "name", named.update)
    return Rescan(desk.ledger, {STORE: desk.replica}, desk.guards, intake, desk.clock), named


async def delete_unsent(desk: Desk, gone: list[str]) -> None:
    desk.machine.delete(*gone)
    await desk.consider(gone)


@pytest.mark.parametrize(("size", "allowed"), [(12, 10), (40, 10), (60, 12), (100, 20)])
async def test_as_many_go_as_are_allowed_and_one_more_stops(
    desk: Desk, size: int, allowed: int
) -> None:
    notes = await holding(desk, size)
    await delete(desk, notes[:allowed])
    assert len(desk.machine.mirror()) == size - allowed
    assert not desk.guards.guarded
    await delete(desk, notes[allowed : allowed + 1])
    assert len(desk.machine.mirror()) == size - allowed
    assert desk.waiting() == {notes[allowed]}


async def test_all_deletions_of_a_turn_are_judged_together(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:11])
    assert len(desk.machine.mirror()) == 40
    assert desk.waiting() == set(notes[:11])
    (guard,) = desk.ledger.attention.guards().values()
    assert guard.direction is Direction.TO_REMOTE
    assert guard.missing == 11
    assert "11 of 40 files" in guard.reason


async def test_edits_keep_flowing(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:11])
    await desk.agree(n030="edited", fresh="new")
    assert desk.machine.mirror()["n030"] == "edited"
    assert desk.machine.mirror()["fresh"] == "new"


async def test_a_restart_does_not_begin_the_window_anew(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:8])
    desk.restart()
    await delete(desk, notes[8:12])
    assert len(desk.machine.mirror()) == 32
    desk.restart()
    assert desk.guards.guarded
    assert desk.waiting() == set(notes[8:12])


async def test_the_window_ends_after_ten_minutes(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:8])
    desk.clock.seconds += WINDOW
    await delete(desk, notes[8:16])
    assert len(desk.machine.mirror()) == 24


async def test_waiting_does_not_wear_a_guard_out(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:8])
    await delete(desk, notes[8:12])
    desk.clock.seconds += 2 * WINDOW
    desk.restart()
    await desk.consider(notes[:12])
    desk.send()
    assert len(desk.machine.mirror()) == 32


async def test_what_was_queued_and_not_sent_waits_too(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.machine.delete(*notes[:8])
    await desk.consider(notes[:8])
    desk.machine.delete(*notes[8:12])
    await desk.consider(notes[8:12])
    assert desk.waiting() == set(notes[:12])
    desk.send()
    assert len(desk.machine.mirror()) == 40


async def test_renamed_files_are_not_deleted_ones(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.clock.seconds -= 2 * WINDOW
    for name in notes[:30]:
        (desk.machine.files / f"{name}.txt").rename(desk.machine.files / f"moved-{name}.txt")
    await desk.consider([f"moved-{name}" for name in notes[:30]])
    await desk.consider(notes[:30])
    desk.send()
    assert not desk.guards.guarded
    assert {name for name in desk.machine.mirror() if name in notes} == set(notes[30:])


async def test_a_renamed_folder_takes_many_turns_and_stops_no_deletions(desk: Desk) -> None:
    notes = await holding(desk, 100)
    for start in range(0, 60, 15):
        some = notes[start : start + 15]
        for name in some:
            # Under a folder with another name a file is as old as it was: so it is on this clock.
            (desk.machine.files / f"{name}.txt").rename(desk.machine.files / f"moved-{name}.txt")
        await desk.consider([each for name in some for each in (name, f"moved-{name}")])
        desk.send()
        assert not desk.guards.guarded
    desk.scan()
    assert not desk.guards.guarded
    assert {name for name in desk.machine.mirror() if name in notes} == set(notes[60:])
    await delete(desk, notes[60:95])
    assert desk.waiting() == set(notes[60:95]), "what is deleted counts as before"


async def test_a_folder_may_be_renamed_again_and_back(desk: Desk) -> None:
    notes = await holding(desk, 100)
    names = ["", "once-", "twice-", "thrice-", ""]
    for old, new in pairwise(names):
        for name in notes[:60]:
            files = desk.machine.files
            (files / f"{old}{name}.txt").rename(files / f"{new}{name}.txt")
        await desk.consider([f"{each}{name}" for name in notes[:60] for each in (old, new)])
        assert not desk.guards.guarded, f"{old} is renamed to {new}"
        desk.send()
    assert set(desk.machine.mirror()) == set(notes)


async def test_what_went_and_came_back_does_not_count(desk: Desk) -> None:
    """A branch without some files is left, entered and left again."""
    notes = await holding(desk, 40)
    for turn in range(3):
        await delete(desk, notes[:8])
        assert not desk.guards.guarded, "what is there again is not gone"
        await desk.agree(**{name: f"the note {name}, again {turn}" for name in notes[:8]})
    await delete(desk, notes[8:18])
    assert not desk.guards.guarded
    await delete(desk, notes[:1])
    assert desk.waiting() == {notes[0]}, "eleven are gone"


async def test_what_went_elsewhere_and_came_back_does_not_count(desk: Desk) -> None:
    notes = await holding(desk, 40)
    for turn, some in enumerate((notes[:8], notes[:8], notes[8:16], notes[16:24])):
        desk.delete_there(some)
        await desk.consider(notes)
        assert not desk.guards.guarded, "what is there again is not gone"
        desk.make_there(**{name: f"the note {name}, again {turn}" for name in some})
        await desk.consider(notes)
    assert set(desk.machine.tree()) == set(notes)


async def test_what_came_back_and_goes_again_before_it_is_sent_counts(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:8])
    desk.machine.save(**{name: f"the note {name}, again" for name in notes[:8]})
    await desk.consider(notes[:8])
    await delete_unsent(desk, notes[8:16])
    assert not desk.guards.guarded
    await delete_unsent(desk, notes[:8])
    assert desk.waiting() == set(notes[8:16])


async def test_what_is_deleted_after_it_was_renamed_counts(desk: Desk) -> None:
    notes = await holding(desk, 100)
    for name in notes[:60]:
        (desk.machine.files / f"{name}.txt").rename(desk.machine.files / f"moved-{name}.txt")
    moved = [f"moved-{name}" for name in notes[:60]]
    await desk.consider([*notes[:60], *moved])
    desk.send()
    await delete(desk, moved)
    assert desk.waiting() == set(moved)


async def test_a_walk_knows_a_renamed_folder_whose_files_were_read_already(desk: Desk) -> None:
    notes = await holding(desk, 100)
    for name in notes[:60]:
        (desk.machine.files / f"{name}.txt").rename(desk.machine.files / f"moved-{name}.txt")
    await desk.reconciler.consider([Key(STORE, f"moved-{name}.txt") for name in notes[:60]])
    desk.send()
    desk.scan()
    assert not desk.guards.guarded


@pytest.mark.parametrize("later", [0.0, 2 * WINDOW])
async def test_what_was_renamed_and_then_deleted_before_it_was_sent_is_deleted(
    desk: Desk, later: float
) -> None:
    notes = await holding(desk, 100)
    copies = [f"copy-{name}" for name in notes[:60]]
    desk.machine.save(**{f"copy-{name}": f"the note {name}" for name in notes[:60]})
    await desk.consider(copies)
    desk.clock.seconds += later
    await delete_unsent(desk, notes[:60])
    await delete_unsent(desk, copies)
    desk.send()
    assert len(desk.machine.mirror()) == 100
    assert desk.waiting() == set(notes[:60])
    (guard,) = desk.ledger.attention.guards().values()
    assert guard.missing == 60


async def test_what_is_renamed_twice_before_it_is_sent_is_not_deleted(desk: Desk) -> None:
    notes = await holding(desk, 100)
    for before, after in (("", "b-"), ("b-", "c-")):
        for name in notes[:60]:
            old, new = (desk.machine.files / f"{at}{name}.txt" for at in (before, after))
            old.rename(new)
        some = [f"{at}{name}" for name in notes[:60] for at in (before, after)]
        await desk.consider(some)
    desk.send()
    assert not desk.guards.guarded
    assert {name for name in desk.machine.mirror() if name.startswith("c-")} == {
        f"c-{name}" for name in notes[:60]
    }
    assert len(desk.machine.mirror()) == 100


async def test_one_copy_does_not_excuse_many_deletions(desk: Desk) -> None:
    notes = names(40)
    await desk.agree(**dict.fromkeys(notes, "the same everywhere"))
    desk.clock.seconds += 2 * WINDOW
    desk.machine.save(copy="the same everywhere")
    await desk.consider(["copy"])
    await delete(desk, notes[:20])
    assert desk.waiting() == set(notes[:20])


async def test_files_put_back_lift_the_guard(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:20])
    desk.machine.save(**{name: f"the note {name}" for name in notes[:20]})
    await desk.consider(notes[:20])
    desk.scan()
    assert not desk.guards.guarded
    assert desk.waiting() == set()
    assert len(desk.machine.mirror()) == 40
    await delete(desk, notes[:1])
    assert len(desk.machine.mirror()) == 39


async def test_a_file_put_back_waits_no_more_and_the_others_do(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:20])
    desk.machine.save(**{notes[0]: f"the note {notes[0]}", notes[1]: "another"})
    await desk.consider(notes[:2])
    assert desk.waiting() == set(notes[2:20])


async def test_what_waits_for_a_person_is_not_looked_at_with_every_walk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:20])
    rescan, named = walking(desk, monkeypatch)
    waiting = {Key(STORE, f"{name}.txt") for name in notes[:20]}
    another = Key(STORE, f"{notes[30]}.txt")
    await rescan.scan(STORE)
    assert not named & waiting
    named.clear()
    desk.machine.delete(notes[30])
    await rescan.scan(STORE)
    assert another in named
    assert not named & waiting
    assert desk.guards.approve(STORE).deletions == 21
    await rescan.scan(STORE)
    assert named >= {*waiting, another}
    await desk.consider([*notes[:20], notes[30]])
    desk.send()
    assert len(desk.machine.mirror()) == 19


async def test_what_waits_here_for_a_person_is_not_looked_at_with_every_walk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    later = desk.clock.read_ns() + 10**11
    monkeypatch.setattr(desk.clock, "read_ns", lambda: later)
    # Late enough that no walk has them read again, as those are that are read once they wait.
    await desk.consider(notes[10:])
    desk.delete_there(notes[:20])
    await desk.consider(notes[:12])
    await desk.reconciler.consider([Key(STORE, f"{name}.txt") for name in notes[12:20]])
    assert desk.waiting() == set(notes[:20])
    rescan, named = walking(desk, monkeypatch)
    waiting = {Key(STORE, f"{name}.txt") for name in notes[:20]}
    await rescan.scan(STORE)
    assert not named & waiting
    (guard,) = desk.ledger.attention.guards().values()
    assert guard.missing == 20, "though no turn followed the last that held some"
    await rescan.scan(STORE, alone=True)
    assert named >= waiting, "a start names what was heard, and may not have been considered"
    named.clear()
    changed, gone = (Key(STORE, f"{name}.txt") for name in notes[:2])
    desk.machine.save(**{notes[0]: "edited"})
    desk.machine.delete(notes[1])
    await rescan.scan(STORE)
    assert named & waiting == {changed, gone}
    assert desk.guards.approve(STORE).deletions == 20
    await rescan.scan(STORE)
    assert named >= waiting


async def test_what_was_queued_and_waits_now_is_not_looked_at_with_every_walk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    await delete_unsent(desk, notes[:8])
    await delete_unsent(desk, notes[8:12])
    assert desk.waiting() == set(notes[:12])
    rescan, named = walking(desk, monkeypatch)
    waiting = {Key(STORE, f"{name}.txt") for name in notes[:12]}
    await rescan.scan(STORE)
    assert not named & waiting
    desk.machine.save(**{notes[0]: "put back"})
    await rescan.scan(STORE)
    assert named & waiting == {Key(STORE, f"{notes[0]}.txt")}


async def test_a_turn_about_other_files_reads_nothing_of_what_waits(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:20])
    await desk.agree(n030="edited")
    monkeypatch.setattr(desk.ledger.deletions, "listed", pytest.fail)
    await desk.agree(n030="edited again", n031="edited", fresh="new")
    assert desk.machine.mirror()["n030"] == "edited again"


async def test_a_walk_that_finds_what_it_found_before_writes_nothing(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:20])
    desk.scan()
    before = desk.ledger._connection.total_changes
    missing = desk.ledger.deletions.listed("waiting", STORE, Direction.TO_REMOTE)
    desk.guards.scanned(STORE, desk.replica.identity(), missing, 0)
    assert desk.ledger._connection.total_changes - before < len(missing)
    assert desk.waiting() == set(notes[:20])


async def test_a_guard_that_stands_asks_for_no_walk_after_each_walk(desk: Desk) -> None:
    notes = await holding(desk, 40)
    walks: list[str] = []
    desk.guards.connect(walks.append)
    desk.machine.delete(*notes[:20])
    desk.scan()
    await desk.consider(notes[:20])
    desk.scan()
    walks.clear()
    for _ in range(3):
        desk.scan()
        await desk.consider(["n030"])
    assert walks == []
    assert desk.guards.guarded


async def test_what_waits_is_judged_anew_once_its_bytes_come_elsewhere(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.clock.seconds -= 2 * WINDOW
    await delete(desk, notes[:20])
    assert desk.guards.guarded
    await desk.agree(n030="edited")
    others = dict(zip(notes[20:], notes[:20], strict=True))
    desk.machine.save(**{other: f"the note {name}" for other, name in others.items()})
    await desk.consider(others)
    await desk.consider(["n030"])
    assert not desk.guards.guarded


async def test_turns_that_only_rename_do_not_count_all_that_went_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 100)
    created, counted = Window._created, list[str]()

    def told(window: Window, store: str, *args: Any) -> Counter[Digest]:
        counted.append(store)
        return created(window, store, *args)

    monkeypatch.setattr(Window, "_created", told)
    for start in range(0, 80, 10):
        some = notes[start : start + 10]
        (desk.machine.files / "moved").mkdir(exist_ok=True)
        for note in some:
            (desk.machine.files / f"{note}.txt").rename(desk.machine.files / f"moved/{note}.txt")
        await desk.consider([*some, *(f"moved/{note}" for note in some)])
        desk.send()
    assert counted == []
    assert not desk.guards.guarded
    assert len(desk.machine.mirror()) == 100
    await delete(desk, [f"moved/{note}" for note in notes[:30]])
    assert desk.waiting() == {f"moved/{note}" for note in notes[:30]}


async def test_a_rename_beside_them_lets_no_deletions_go(desk: Desk) -> None:
    notes = await holding(desk, 100)
    (desk.machine.files / f"{notes[0]}.txt").rename(desk.machine.files / "moved.txt")
    desk.machine.delete(*notes[1:40])
    await desk.consider([*notes[:40], "moved"])
    desk.send()
    assert desk.waiting() >= set(notes[1:40])
    assert set(notes[1:]) | {"moved"} <= desk.machine.mirror().keys()


async def test_what_is_added_to_what_waits_is_judged_by_the_next_walk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 100)
    await delete(desk, notes[:30])
    judge, judged = Window.judge, list[Group]()

    def told(window: Window, group: Group, *args: Any) -> Guard | None:
        judged.append(group)
        return judge(window, group, *args)

    monkeypatch.setattr(Window, "judge", told)
    for start in range(30, 90, 10):
        await delete(desk, notes[start : start + 10])
    assert judged == []
    assert desk.waiting() == set(notes[:90])
    desk.scan()
    assert judged == [(STORE, Direction.TO_REMOTE)]
    assert desk.ledger.attention.guards()[judged[0]].missing == 90


async def test_a_walk_that_misses_many_stops_them_before_the_first_goes(desk: Desk) -> None:
    notes = await holding(desk, 100)
    desk.machine.delete(*notes[:60])
    desk.scan()
    assert desk.waiting() == set(notes[:60])
    for name in notes[:60]:
        await desk.consider([name])
    desk.send()
    assert len(desk.machine.mirror()) == 100


async def test_approved_deletions_go_once(desk: Desk) -> None:
    notes = await holding(desk, 60)
    await delete(desk, notes[:20])
    assert desk.guards.approve(STORE).deletions == 20
    assert not desk.guards.guarded
    desk.restart()
    await desk.consider(notes[:20])
    desk.send()
    assert len(desk.machine.mirror()) == 40
    await delete(desk, notes[20:35])
    assert desk.waiting() == set(notes[20:35])
    assert len(desk.machine.mirror()) == 40


async def test_an_approval_is_spent_with_what_it_let_go(desk: Desk) -> None:
    notes = await holding(desk, 60)
    await delete(desk, notes[:20])
    desk.guards.approve(STORE)
    await desk.consider(notes[:20])
    desk.send()
    await desk.agree(**{name: f"the note {name}" for name in notes[:20]})
    desk.clock.seconds += 2 * WINDOW
    await delete(desk, notes[:20])
    assert desk.waiting() == set(notes[:20])


async def test_an_approval_is_not_for_the_next_deletion_of_files_that_came_back(desk: Desk) -> None:
    notes = await holding(desk, 60)
    await delete(desk, notes[:20])
    desk.guards.approve(STORE)
    await desk.consider(notes[:20])
    desk.send()
    await desk.agree(**{name: f"the note {name}" for name in notes[:20]})
    desk.clock.seconds += WINDOW / 2
    desk.machine.delete(*notes[:20])
    desk.scan()
    assert desk.waiting() == set(notes[:20])
    await desk.consider(notes[:20])
    desk.send()
    assert len(desk.machine.mirror()) == 60


async def test_a_turn_without_deletions_is_one_write_of_the_ledger(desk: Desk) -> None:
    await holding(desk, 1)
    spending = Spending()
    desk.ledger.costs.connect(spending)
    desk.machine.save(more="a note")
    await desk.reconciler.consider([Key(STORE, "n000.txt")])
    spending.add(Cost(calls=1), desk.clock.now())
    before = int(desk.ledger.places.get("commits") or 0)
    await desk.reconciler.consider([Key(STORE, "more.txt")])
    assert int(desk.ledger.places.get("commits") or 0) == before + 1


async def test_an_approval_whose_end_could_not_be_written_ends_with_the_next_try(
    desk: Desk,
) -> None:
    notes = await holding(desk, 60)
    await delete(desk, notes[:20])
    desk.guards.approve(STORE)
    desk.machine.save(**{name: f"the note {name}" for name in notes[:20]})
    window, there = Window(desk.ledger), [Key(STORE, f"{name}.txt") for name in notes[:20]]
    with suppress(LedgerError), desk.ledger.transaction():
        window.returned(there, [])
        raise sqlite3.OperationalError("database or disk is full")
    await desk.consider(notes[:20])
    desk.machine.delete(*notes[:20])
    await desk.consider(notes[:20])
    assert desk.waiting() == set(notes[:20])


async def test_an_approval_is_not_for_the_next_deletion_elsewhere_either(desk: Desk) -> None:
    notes = await holding(desk, 60)
    desk.delete_there(notes[:20])
    await desk.consider(notes)
    desk.guards.approve(STORE)
    await desk.consider(notes)
    desk.make_there(**{name: f"the note {name}" for name in notes[:20]})
    await desk.consider(notes)
    assert len(desk.machine.tree()) == 60
    desk.clock.seconds += WINDOW / 2
    desk.delete_there(notes[:20])
    await desk.consider(notes)
    assert desk.waiting() == set(notes[:20])
    assert len(desk.machine.tree()) == 60


async def test_rejected_deletions_bring_the_files_back(desk: Desk) -> None:
    notes = await holding(desk, 40)
    await delete(desk, notes[:20])
    assert desk.guards.reject(STORE).deletions == 20
    await desk.consider(notes)
    desk.send()
    assert desk.machine.tree() == {name: f"the note {name}" for name in notes}
    assert desk.machine.mirror() == desk.machine.tree()
    assert not desk.guards.guarded


async def test_deletions_from_elsewhere_wait_and_edits_do_not(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.delete_there(notes[:20])
    await desk.consider(notes)
    assert len(desk.machine.tree()) == 40
    assert desk.waiting() == set(notes[:20])
    (guard,) = desk.ledger.attention.guards().values()
    assert guard.direction is Direction.TO_LOCAL
    await delete(desk, notes[20:21])
    assert notes[20] not in desk.machine.mirror(), "the other direction is not stopped"


async def test_approved_deletions_from_elsewhere_reach_the_files(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.delete_there(notes[:20])
    await desk.consider(notes)
    desk.guards.approve(STORE)
    await desk.consider(notes)
    assert set(desk.machine.tree()) == set(notes[20:])


async def test_rejected_deletions_from_elsewhere_are_undone_there(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.delete_there(notes[:20])
    await desk.consider(notes)
    desk.guards.reject(STORE)
    await desk.consider(notes)
    desk.send()
    assert set(desk.machine.mirror()) == set(notes)
    assert set(desk.machine.tree()) == set(notes)


async def test_a_move_on_another_machine_is_no_mass_deletion(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.clock.seconds -= 2 * WINDOW
    desk.machine.save(**{f"moved-{name}": f"the note {name}" for name in notes[:30]})
    await desk.consider([f"moved-{name}" for name in notes[:30]])
    desk.send()
    desk.delete_there(notes[:30])
    await desk.consider(notes[:30])
    assert set(desk.machine.tree()) == {*notes[30:], *(f"moved-{name}" for name in notes[:30])}


def renamed(files: Path) -> None:
    files.rename(files.with_name("elsewhere"))


def replaced(files: Path) -> None:
    renamed(files)
    files.mkdir()


def linked(files: Path) -> None:
    replaced(files)
    files.rmdir()
    other = files.with_name("other")
    other.mkdir()
    files.symlink_to(other)


def emptied(files: Path) -> None:
    for path in files.iterdir():
        path.unlink()


WAYS = pytest.mark.parametrize("how", [renamed, replaced, linked, emptied])


@WAYS
async def test_a_wrong_folder_stops_deletions_at_the_decision(
    desk: Desk, how: Callable[[Path], None]
) -> None:
    notes = await holding(desk, 5)
    how(desk.machine.files)
    await desk.consider(notes)
    desk.scan()
    await desk.consider(notes)
    desk.send()
    assert len(desk.machine.mirror()) == 5
    assert (STORE, Direction.BOTH) in desk.ledger.attention.guards()


async def test_a_folder_with_more_files_than_the_known_one_had_lacks_all_the_same(
    desk: Desk,
) -> None:
    await holding(desk, 5)
    replaced(desk.machine.files)
    desk.machine.save(**{f"other{number}": "another" for number in range(8)})
    desk.scan()
    assert desk.ledger.attention.guards()[STORE, Direction.BOTH].missing == 5


@WAYS
async def test_a_wrong_folder_stops_what_was_decided_before(
    desk: Desk, how: Callable[[Path], None]
) -> None:
    notes = await holding(desk, 5)
    desk.machine.delete(notes[0])
    await desk.consider(notes[:1])
    assert desk.ledger.outbox.count() == {"queued": 1}
    how(desk.machine.files)
    desk.send()
    assert len(desk.machine.mirror()) == 5
    assert desk.guards.guarded


@WAYS
async def test_a_wrong_folder_stops_deletions_from_elsewhere_at_the_file(
    desk: Desk, how: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 5)
    desk.delete_there(notes[:1])
    stage = desk.replica.stage
    kept = desk.machine.files.with_name("kept")
    shutil.copytree(desk.machine.files, kept)

    def staged(writes: object) -> object:
        result = stage(writes)  # type: ignore[arg-type]
        how(desk.machine.files)
        return result

    monkeypatch.setattr(desk.replica, "stage", staged)
    performed: list[Note] = []

    def perform(notes: Sequence[Note]) -> list[Hold]:
        performed.extend(notes)
        return []

    monkeypatch.setattr(desk.replica, "perform", perform)
    await desk.reconciler.consider([Key(STORE, f"{notes[0]}.txt")])
    assert performed == []
    assert desk.guards.guarded


async def test_an_emptied_folder_is_approved_and_its_deletions_go(desk: Desk) -> None:
    notes = await holding(desk, 5)
    emptied(desk.machine.files)
    desk.scan()
    assert desk.guards.approve(STORE).deletions == 5
    await desk.consider(notes)
    desk.send()
    assert desk.machine.mirror() == {}


async def test_what_a_person_let_go_of_an_emptied_folder_is_not_listed_by_each_turn_and_push(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    emptied(desk.machine.files)
    desk.scan()
    assert desk.guards.approve(STORE).deletions == 40
    listed: list[str] = []
    monkeypatch.setattr(desk.ledger.deletions, "decided", listed.append)
    for start in range(0, 40, 4):
        await desk.consider(notes[start : start + 4])
        desk.send()
    assert (desk.machine.mirror(), listed) == ({}, [])


async def test_what_nobody_let_go_keeps_an_emptied_folder_stopped(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.machine.delete(*notes[:38])
    desk.scan()
    assert desk.guards.approve(STORE).deletions == 38
    assert not desk.guards.check(STORE)
    emptied(desk.machine.files)
    assert desk.guards.check(STORE), "two more went than a person was told of"


async def test_a_folder_is_looked_at_once_for_all_that_goes_from_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    desk.delete_there(notes[:8])
    looks: list[str] = []
    holds = desk.guards.roots.holds_files

    def looked(store: str) -> bool:
        looks.append(store)
        return holds(store)

    monkeypatch.setattr(desk.guards.roots, "holds_files", looked)
    await desk.consider(notes)
    assert len(desk.machine.tree()) == 32
    assert len(looks) <= 3


async def test_while_a_folder_is_being_renamed_no_claim_lists_what_went_before(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = await holding(desk, 40)
    vanishing = Vanishing(desk.ledger, desk.guards.doubts, desk.clock)
    await delete(desk, notes[:6])
    for name in notes[6:10]:
        desk.guards.doubts.missing(Key(STORE, f"{name}.txt"), desk.clock.monotonic())
    assert vanishing.among([STORE]) == []
    desk.guards.doubts.missing(Key(STORE, f"{notes[10]}.txt"), desk.clock.monotonic())
    assert vanishing.among([STORE]) == [STORE], "six went, and five may be going"
    for name in notes[11:20]:
        desk.guards.doubts.missing(Key(STORE, f"{name}.txt"), desk.clock.monotonic())
    monkeypatch.delattr(desk.ledger.deletions.__class__, "listed")
    assert vanishing.among([STORE]) == [STORE]


async def test_a_store_that_is_whole_under_other_names_is_not_an_emptied_one(desk: Desk) -> None:
    notes = await holding(desk, 40)
    desk.clock.seconds -= 2 * WINDOW
    for name in notes:
        (desk.machine.files / f"{name}.txt").rename(desk.machine.files / f"moved-{name}.txt")
    desk.scan()
    assert not desk.guards.guarded
    await desk.consider([f"moved-{name}" for name in notes])
    await desk.consider(notes)
    desk.send()
    assert desk.machine.mirror().keys() == {f"moved-{name}" for name in notes}


async def test_a_few_new_files_do_not_make_an_emptied_folder_a_store(desk: Desk) -> None:
    await holding(desk, 5)
    emptied(desk.machine.files)
    desk.machine.save(a="new", b="new")
    desk.scan()
    assert (STORE, Direction.BOTH) in desk.ledger.attention.guards()


async def test_nothing_is_approved_while_the_folder_is_away(desk: Desk) -> None:
    await holding(desk, 5)
    renamed(desk.machine.files)
    desk.scan()
    assert "missing" in desk.guards.approve(STORE).why
    assert "missing" in desk.guards.reject(STORE).why
    assert desk.guards.guarded


async def test_a_file_in_the_place_of_the_folder_is_no_folder_to_be_taken(desk: Desk) -> None:
    notes, files = await holding(desk, 5), desk.machine.files
    renamed(files)
    files.write_text("a file")
    desk.scan()
    assert desk.ledger.attention.guards()[STORE, Direction.BOTH].reason == "its folder is missing"
    assert "missing" in desk.guards.approve(STORE).why
    files.unlink()
    files.with_name("elsewhere").rename(files)
    desk.scan()
    assert not desk.guards.guarded
    assert desk.machine.mirror().keys() == set(notes)


async def test_what_is_said_of_a_folder_is_what_the_last_walk_saw(desk: Desk) -> None:
    notes, files = await holding(desk, 5), desk.machine.files

    def said() -> str:
        desk.scan()
        return desk.ledger.attention.guards()[STORE, Direction.BOTH].reason

    renamed(files)
    assert said() == "its folder is missing"
    files.mkdir()
    assert said() == "its folder is replaced"
    files.rmdir()
    files.with_name("elsewhere").rename(files)
    away = [path.rename(files.with_name(path.name)) for path in sorted(files.iterdir())]
    assert said() == "every file in its folder is gone"
    away[0].rename(files / away[0].name)
    assert said() == "4 of 5 files are gone"
    assert desk.waiting() == set(notes[1:])
    for path in away[1:]:
        path.rename(files / path.name)
    desk.scan()
    assert not desk.guards.guarded


async def test_a_device_number_may_change_at_a_boot(desk: Desk) -> None:
    notes = await holding(desk, 5)
    identity = desk.replica.identity()
    assert identity is not None
    device, _, inode = identity.partition(":")
    known = desk.ledger.places.stores()[STORE]
    other = f"{int(device) + 1}:{inode}"
    desk.guards.roots.record(STORE, type(known)(known.configuration, other, True, known.place))
    desk.restart()
    assert desk.guards.root_state(STORE) is RootState.PRESENT
    await delete(desk, notes[:1])
    assert len(desk.machine.mirror()) == 4


async def test_the_same_inode_on_another_disk_is_another_folder(desk: Desk) -> None:
    await holding(desk, 5)
    known = desk.ledger.places.stores()[STORE]
    assert known.root is not None
    device, _, inode = known.root.partition(":")
    other = f"{int(device) + 1}:{inode}"
    desk.guards.roots.record(STORE, type(known)(known.configuration, other, True, known.place))
    for path in desk.machine.files.iterdir():
        body = path.read_bytes()
        path.unlink()
        path.write_bytes(body)
    assert desk.guards.root_state(STORE) is RootState.REPLACED


async def test_an_unreadable_folder_hides_files_and_deletes_none(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root reads every folder, so the refusal is made where the walk lists one.
    below = desk.machine.files / "below"
    below.mkdir()
    notes = await holding(desk, 5)
    (below / "deep.txt").write_text("deep")
    await desk.consider(["below/deep"])
    desk.send()
    listed = os.scandir
    inode = below.stat().st_ino

    def refused(folder: int) -> object:
        if os.fstat(folder).st_ino == inode:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return listed(folder)

    monkeypatch.setattr("os.scandir", refused)
    seen = desk.replica.scan()
    assert not seen.missing("below/deep.txt")
    assert not seen.missing(f"{notes[0]}.txt")
    assert {path.rstrip("/") for path in seen.holds} == {"below"}


def mount(files: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "syncd-test", str(files)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(files: Path) -> None:
    subprocess.run(["umount", str(files)], check=True)


async def test_an_answer_of_before_another_folder_was_adopted_brings_no_base(desk: Desk) -> None:
    await desk.agree(a="agreed")
    desk.machine.save(a="of the folder that went")
    await desk.consider(["a"])
    sent = desk.ledger.claim(Claim(10, 1 << 20))
    desk.machine.files.rename(desk.machine.files.with_name("away"))
    desk.machine.files.mkdir()
    desk.machine.save(a="of the folder that came")
    desk.guards.roots.adopt(STORE, desk.replica.identity(), 0.0)
    outcomes = desk.machine.deployment.push("laptop", sent, None)
    desk.ledger.acknowledge(list(zip(sent, outcomes, strict=True)), "laptop", 0.0)
    assert desk.ledger.entries.get(Key(STORE, "a.txt"))[0] is None, "it was not met anew"
    assert "of the folder that went" in desk.machine.kept()
    desk.hear()
    await desk.consider(["a"])
    (listed,) = desk.ledger.conflicts.unresolved()
    assert listed.remote == digest(b"of the folder that went")


async def test_unmounted(desk: Desk) -> None:
    files = desk.machine.files
    if not mount(files):
        pytest.skip("mounting is not permitted here")
    try:
        desk.guards.roots.adopt(STORE, desk.replica.identity(), 0.0)
        notes = await holding(desk, 5)
    finally:
        unmount(files)
    await desk.consider(notes)
    desk.scan()
    await desk.consider(notes)
    desk.send()
    assert len(desk.machine.mirror()) == 5
    assert desk.ledger.attention.guards()[STORE, Direction.BOTH].reason == "its folder is replaced"


async def test_that_files_are_there_is_told_without_reading_a_long_one(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (desk.machine.files / "a.txt").open("wb") as file:
        file.truncate(SLOW_BYTES + 1)
    key = Key(STORE, "a.txt")
    read = FileState(Stat(SLOW_BYTES + 1, 0, 0, 1), digest(b""), UNREAD)
    with desk.ledger.transaction():
        desk.ledger.places.record_files([(key, read)])
    monkeypatch.setattr(transit, "measure", pytest.fail)
    assert desk.guards.roots.holds_files(STORE)


async def test_that_files_are_there_is_told_without_a_walk_over_all_of_them(desk: Desk) -> None:
    await desk.agree(**{f"a{at}": "one" for at in range(SAMPLE)})
    for at in range(1000):
        (desk.machine.files / f"b{at}.txt").touch()
    for at in range(SAMPLE):
        (desk.machine.files / f"a{at}.txt").unlink()
    whole, walked = desk.replica.scan, list[int]()

    def scan(*, first: bool = False) -> Seen:
        seen = whole(first=first)
        walked.append(len(seen.stats))
        return seen

    desk.replica.scan = scan  # type: ignore[method-assign]
    assert desk.guards.roots.holds_files(STORE)
    assert walked
    assert max(walked) < 100


async def test_a_folder_in_the_place_of_the_last_file_is_none(desk: Desk) -> None:
    await desk.agree(a="one")
    assert desk.guards.roots.holds_files(STORE)
    (desk.machine.files / "a.txt").unlink()
    (desk.machine.files / "a.txt").mkdir()
    (desk.machine.files / "a.txt" / "left out.tmp").touch()
    assert not desk.guards.roots.holds_files(STORE)


async def test_until_the_deployment_was_met_nothing_is_written_into_files(desk: Desk) -> None:
    await desk.agree(gone="one", edited="two", here="three")
    desk.delete_there(["gone", "edited"])
    desk.make_there(edited="two, edited there")
    desk.guards.confirmed = False
    desk.machine.save(here="three, edited here")
    await desk.consider(["gone", "edited", "here"])
    before = {"gone": "one", "edited": "two", "here": "three, edited here"}
    assert desk.machine.tree() == before, "the ledger may be an old copy"
    assert [intent.key.path for intent in desk.send()] == ["here.txt"]
    put_off = [key.path.removesuffix(".txt") for key in await epoch_of(desk).confirm()]
    assert set(put_off) == {"gone", "edited"}
    await desk.consider(put_off)
    del before["gone"]
    assert desk.machine.tree() == before | {"edited": "two, edited there"}


async def test_where_nothing_was_put_off_the_walk_at_start_alone_names(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(made="one", here="another")
    desk.delete_there(["made"])
    await desk.consider(["made"])
    desk.make_there(made="two")
    desk.restart()
    desk.guards.confirmed = False
    assert list(await epoch_of(desk).confirm()) == []
    assert desk.guards.confirmed
    intake, named = Intake(desk.reconciler, desk.clock), set[Key]()
    monkeypatch.setattr(intake, "name", named.update)
    stores = {STORE: desk.replica}
    await Rescan(desk.ledger, stores, desk.guards, intake, desk.clock).begin()
    assert Key(STORE, "made.txt") in named
    await desk.consider(["made"])
    assert desk.machine.tree() == {"made": "two", "here": "another"}


def epoch_of(desk: Desk) -> Epoch:
    stores = {STORE: desk.replica}
    return Epoch(desk.ledger, stores, desk.guards, desk.reconciler, desk.clock)


async def test_who_runs_once_is_told_of_all_that_waits(tmp_path: Path) -> None:
    one = Machine(tmp_path / "one", deployment(), "one")
    other = Machine(tmp_path / "other", one.deployment, "other")
    one.save(**{f"{number:04}": f"note {number}" for number in range(1000)})
    for each in (one, other):
        await each.sync()
    one.approved = frozenset({STORE})
    one.delete(*(f"{number:04}" for number in range(800)))
    await one.sync()
    await other.sync()
    ledger = other.ledger()
    waiting = ledger.deletions.listed("waiting", STORE, Direction.TO_LOCAL)
    guard = ledger.attention.guards()[STORE, Direction.TO_LOCAL]
    ledger.close()
    assert len(other.tree()) > 500
    assert guard.missing == len(waiting) > 200
    assert guard.reason.startswith("800 of 1,000 files would be deleted here")
