"""Renames on real files: one operation where all is certain, else a create and a delete."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.decision import Write
from syncd.core.doubt import ABSENCE
from syncd.core.model import TOMBSTONE, Content, Format, Hold, Intent, Key, Kind, OperationId
from syncd.core.reading import Reading, Unsettled
from syncd.core.writing import Note
from tests.engine.fakes import STORE, Desk, digest, heard


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


def key(name: str) -> Key:
    return Key(STORE, f"{name}.txt")


def rename(desk: Desk, old: str, new: str) -> None:
    files = desk.machine.files
    (files / f"{old}.txt").rename(files / f"{new}.txt")


async def look(desk: Desk, *names: str) -> None:
    """Look until nothing is left that waits, each key when it is due."""
    due = [key(name) for name in names]
    for _ in range(12):
        turn = await desk.reconciler.consider(due)
        if not turn.again:
            return
        desk.clock.seconds = max(desk.clock.seconds, *(when for _, when in turn.again))
        due = [again for again, _ in turn.again]
    raise AssertionError(f"{due} never come to rest")


def operation(*of: str) -> OperationId:
    return OperationId(digest("/".join(of).encode())[:32])


def save_there(desk: Desk, name: str, body: str) -> None:
    """Another machine saves a note; it is not heard yet."""
    there = desk.machine.deployment.state.entries.get(key(name))
    version = Content(digest(body.encode()), len(body))
    intent = Intent(
        operation(name, body), key(name), Kind.DOCUMENT, Format.TEXT, version,
        there.revision if there else 0, there.digest if there else None, body.encode(),
    )  # fmt: skip
    desk.machine.deployment.push("other", [intent])


def move_there(desk: Desk, old: str, new: str, *, hear: bool = True) -> None:
    """Another machine gives a note another name; it is heard where that is wanted."""
    there = desk.machine.deployment.state.entries[key(old)]
    gone = Intent(
        operation("gone", old), key(old), Kind.DOCUMENT, Format.TEXT, TOMBSTONE,
        there.revision, there.digest, None,
    )  # fmt: skip
    made = replace(
        gone, operation=operation("made", new), key=key(new), version=there.snapshot.version,
        expect_revision=0, expect_digest=None, source=key(old),
    )  # fmt: skip
    desk.machine.deployment.push("other", [replace(gone, target=made)])
    if hear:
        desk.hear()


def told(sent: list[Intent]) -> list[tuple[str, str | None, bool]]:
    """(name, the name it moves to, whether text is sent) of each operation."""
    return sorted(
        (
            each.key.path.removesuffix(".txt"),
            each.target.key.path.removesuffix(".txt") if each.target else None,
            each.body is not None,
        )
        for each in sent
    )


MOVED = [("a", "b", False)]
APART = [("a", None, False), ("b", None, True)]


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a"), ("b",)])
async def test_a_rename_is_one_operation_without_text(desk: Desk, names: tuple[str, ...]) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    await look(desk, *names)
    assert told(desk.send()) == MOVED
    assert desk.machine.mirror() == {"b": "a note", "other": "another"}
    await look(desk, "a", "b")
    assert desk.send() == []


async def test_its_row_is_kept(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    before = desk.machine.deployment.state.entries[key("a")].row
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.deployment.state.entries[key("b")].row == before


async def test_a_new_file_waits_only_where_a_known_one_may_be_meant(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    desk.machine.save(b="a note", c="something else")
    turn = await desk.reconciler.consider([key("b"), key("c")])
    assert not turn.again
    assert turn.queued


async def test_the_new_name_waits_no_longer_than_the_absence_of_the_old(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    began = desk.clock.seconds
    await desk.reconciler.consider([key("a")])
    desk.clock.seconds += ABSENCE / 2
    turn = await desk.reconciler.consider([key("b")])
    assert {when for _, when in turn.again} == {began + ABSENCE}
    desk.clock.seconds = began + ABSENCE
    assert (await desk.reconciler.consider([key("a")])).queued, "the other comes along"
    assert told(desk.send()) == MOVED


async def test_a_save_under_the_new_name_meanwhile_is_sent_as_it_is(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    await desk.reconciler.consider([key("a"), key("b")])
    desk.machine.save(b="a note, and more")
    await look(desk, "a", "b")
    assert told(desk.send()) == APART
    assert desk.machine.mirror()["b"] == "a note, and more"


async def test_a_file_back_under_the_old_name_meanwhile_is_a_copy(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    await desk.reconciler.consider([key("a"), key("b")])
    desk.machine.save(a="a note")
    await look(desk, "a", "b")
    assert told(desk.send()) == [("b", None, True)]
    assert desk.machine.mirror() == {"a": "a note", "b": "a note", "other": "another"}


async def test_two_links_of_what_vanished_are_no_move(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    os.link(desk.machine.files / "b.txt", desk.machine.files / "c.txt")
    await look(desk, "a", "b", "c")
    assert told(desk.send()) == [("a", None, False), ("b", None, True), ("c", None, True)]


async def test_a_name_that_is_taken_there_is_contested_and_nothing_is_lost(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "b", "somebody else's")
    assert told(desk.send()) == MOVED
    assert desk.machine.mirror() == {"a": "a note", "b": "somebody else's", "other": "another"}
    desk.hear()
    await look(desk, "a", "b")
    assert told(desk.send()) == APART
    assert desk.machine.mirror() == {"b": "a note", "other": "another"}
    assert [each.key for each in desk.ledger.conflicts.unresolved()] == [key("b")]


async def test_what_others_saved_under_the_old_name_comes_into_the_moved_file(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", "a note, edited")
    assert told(desk.send()) == MOVED
    desk.hear()
    await look(desk, "a", "b")
    assert desk.machine.tree() == {"b": "a note, edited", "other": "another"}
    assert told(desk.send()) == MOVED
    assert desk.machine.mirror() == desk.machine.tree()


async def test_what_others_saved_before_the_rename_was_seen_comes_into_the_moved_file(
    desk: Desk,
) -> None:
    await desk.agree(a="a note", other="another")
    save_there(desk, "a", "a note, edited")
    desk.hear()
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    assert told(desk.send()) == MOVED
    assert (
        desk.machine.mirror() == desk.machine.tree() == {"b": "a note, edited", "other": "another"}
    )


async def test_saves_under_both_names_are_merged_here(desk: Desk) -> None:
    await desk.agree(a="one\ntwo\nthree\n", other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", "1\ntwo\nthree\n")
    desk.send()
    desk.machine.save(b="one\ntwo\n3\n")
    desk.hear()
    await look(desk, "a", "b")
    assert desk.machine.tree() == {"b": "1\ntwo\n3\n", "other": "another"}
    desk.send()
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.mirror() == desk.machine.tree()


async def test_saves_under_both_names_that_clash_stay_beside_each_other(desk: Desk) -> None:
    await desk.agree(a="one\n", other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", "two\n")
    desk.send()
    desk.machine.save(b="three\n")
    desk.hear()
    await look(desk, "a", "b")
    desk.send()
    both = {"a": "two\n", "b": "three\n", "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


@pytest.mark.parametrize("first", ["a", "b"])
async def test_what_moved_elsewhere_has_its_new_name_before_the_old_one_goes(
    desk: Desk, first: str
) -> None:
    await desk.agree(a="a note", other="another")
    move_there(desk, "a", "b")
    turn = await desk.reconciler.consider([key(first)])
    assert desk.machine.tree()["a"] == "a note"
    assert not turn.wanted, "its bytes are here under the old name"
    await look(desk, "a", "b")
    assert desk.machine.tree() == {"b": "a note", "other": "another"}
    assert desk.send() == []
    assert desk.ledger.events.of(key("a"), 1)[0].what == "moved"


@pytest.mark.parametrize("edited", [False, True])
async def test_a_moved_file_that_is_written_again_lies_further_on_in_the_feed(
    desk: Desk, edited: bool
) -> None:
    await desk.agree(a="one\ntwo\nthree\n", other="another")
    move_there(desk, "a", "b", hear=False)
    save_there(desk, "b", "1\ntwo\nthree\n")
    page = desk.machine.deployment.changes("laptop", [STORE], None)
    first = [heard(change) for change in page.changes if change.key == key("a")]
    desk.ledger.hear(first, None)
    mine = "one\ntwo\n3\n" if edited else "one\ntwo\nthree\n"
    desk.machine.save(a=mine)
    turn = await desk.reconciler.consider([key("a")])
    assert desk.machine.tree() == {"a": mine, "other": "another"}
    assert desk.send() == []
    desk.hear()
    await look(desk, *(again.path.removesuffix(".txt") for again, _ in turn.again))
    both = "1\ntwo\n3\n" if edited else "1\ntwo\nthree\n"
    assert desk.machine.tree() == {"b": both, "other": "another"}


async def test_an_old_name_does_not_stay_for_a_new_one_that_cannot_be_written(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    move_there(desk, "a", "b")
    (desk.machine.files / "b.txt").mkdir()
    (desk.machine.files / "b.txt" / "in the way").touch()
    await look(desk, "a", "b")
    assert desk.ledger.attention.reason(key("b")) is not None
    assert not (desk.machine.files / "a.txt").exists()
    assert "a note" in desk.machine.kept()


@pytest.mark.parametrize("queued", [False, True])
@pytest.mark.parametrize("first", ["a", "b"])
async def test_what_was_edited_here_under_the_old_name_comes_into_the_moved_file(
    desk: Desk, first: str, queued: bool
) -> None:
    await desk.agree(a="a note", other="another")
    if queued:
        desk.machine.save(a="a note, edited")
        await look(desk, "a")
    move_there(desk, "a", "b")
    desk.machine.save(a="a note, edited")
    await look(desk, first)
    await look(desk, "a", "b")
    assert told(desk.send()) == [("b", None, True)]
    assert (
        desk.machine.mirror() == desk.machine.tree() == {"b": "a note, edited", "other": "another"}
    )
    assert "a note, edited" in desk.machine.kept()


async def test_an_edit_follows_into_a_file_that_was_only_just_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(a="a note", other="another")
    move_there(desk, "a", "b")
    desk.machine.save(a="a note, edited")
    await look(desk, "b")
    later = time.time_ns() + 10**9  # Its stat is to be trusted by then, and is noted.
    monkeypatch.setattr(type(desk.clock), "read_ns", lambda _: later)
    await look(desk, "a", "b")
    assert desk.machine.tree() == {"b": "a note, edited", "other": "another"}


async def test_an_edit_waits_for_a_moved_file_that_changes_while_it_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(a="a note", other="another")
    move_there(desk, "a", "b")
    desk.machine.save(a="a note, edited")
    await look(desk, "b")
    first, times = desk.reconciler.readings.first, 0

    def changing(keys: Sequence[Key], slow: list[Key]) -> dict[Key, Reading]:
        nonlocal times
        if keys != [key("b")]:
            return first(keys, slow)
        times += 1
        return (
            {key("b"): Unsettled(Hold("being-written", "it changed", "wait"))}
            if times == 1
            else first(keys, slow)
        )

    monkeypatch.setattr(desk.reconciler.readings, "first", changing)
    await look(desk, "a")
    assert times > 1
    assert desk.machine.tree() == {"b": "a note, edited", "other": "another"}


async def test_an_edit_follows_a_chain_of_moves_and_is_merged_with_theirs(desk: Desk) -> None:
    await desk.agree(a="one\ntwo\nthree\n", other="another")
    move_there(desk, "a", "b")
    move_there(desk, "b", "c")
    save_there(desk, "c", "1\ntwo\nthree\n")
    desk.hear()
    desk.machine.save(a="one\ntwo\n3\n")
    await look(desk, "a", "b", "c")
    desk.send()
    both = {"c": "1\ntwo\n3\n", "other": "another"}
    assert desk.machine.mirror() == desk.machine.tree() == both


async def test_an_edit_that_clashes_with_the_moved_file_stays_beside_it(desk: Desk) -> None:
    await desk.agree(a="one\n", other="another")
    move_there(desk, "a", "b")
    save_there(desk, "b", "two\n")
    desk.hear()
    desk.machine.save(a="three\n")
    await look(desk, "a", "b")
    desk.send()
    both = {"a": "three\n", "b": "two\n", "other": "another"}
    assert desk.machine.mirror() == desk.machine.tree() == both


async def test_an_edit_does_not_follow_into_a_file_that_a_person_wrote(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    move_there(desk, "a", "b")
    await look(desk, "b")
    desk.machine.save(a="a note, edited", b="somebody's own")
    await look(desk, "b", "a")
    desk.send()
    both = {"a": "a note, edited", "b": "somebody's own", "other": "another"}
    assert desk.machine.mirror() == desk.machine.tree() == both


async def test_the_old_name_stays_if_a_save_meets_the_writing_of_the_new(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(a="a note", other="another")
    move_there(desk, "a", "b")
    await look(desk, "b")
    desk.machine.save(a="a note, edited")
    stage = desk.replica.stage

    def met(writes: Sequence[Write]) -> list[Note | Hold | None]:
        staged = stage(writes)
        desk.machine.save(b="a save")
        return staged

    monkeypatch.setattr(desk.replica, "stage", met)
    await desk.reconciler.consider([key("a"), key("b")])
    monkeypatch.undo()
    assert desk.machine.tree() == {"a": "a note, edited", "b": "a save", "other": "another"}
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.mirror() == desk.machine.tree()
    assert "a note, edited" in desk.machine.tree().values()


async def test_chains_of_renames_end_at_the_last_name(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    for old, new in (("a", "b"), ("b", "c"), ("c", "a")):
        rename(desk, old, new)
        await look(desk, "a", "b", "c")
        desk.send()
    assert desk.machine.mirror() == {"a": "a note", "other": "another"}


async def test_files_that_swapped_names_are_edited_ones(desk: Desk) -> None:
    await desk.agree(a="one", b="two")
    rename(desk, "a", "c")
    rename(desk, "b", "a")
    rename(desk, "c", "b")
    await look(desk, "a", "b", "c")
    assert told(desk.send()) == [("a", None, True), ("b", None, True)]
    assert desk.machine.mirror() == {"a": "two", "b": "one"}


async def test_a_rename_before_a_restart_is_still_one_after_it(desk: Desk) -> None:
    await desk.agree(a="a note", other="another")
    rename(desk, "a", "b")
    await desk.reconciler.consider([key("a"), key("b")])
    desk.restart()
    await look(desk, "b", "a")
    desk.restart()
    assert told(desk.send()) == MOVED
