"""What becomes of an edit that followed a file to its new name, and of those that cannot."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import Decision
from syncd.core.model import Format, Reason
from syncd.engine.turns.writer import Performed
from syncd.files.replica import FileReplica
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Committed, Ledger

from .fakes import STORE, Desk
from .test_moves import key, look, move_there, rename, save_there

FIRST = "one\ntwo\nthree\n"
THEIRS = "1\ntwo\nthree\n"
UNAWARE = "one\ntwo\nthree\nfour\n"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


def listed(desk: Desk) -> list[str]:
    """What is listed of the renamed note."""
    conflicts = [each for each in desk.ledger.conflicts.unresolved() if each.key == key("b")]
    return [(desk.ledger.contents.get(each.remote) or b"").decode() for each in conflicts
            if each.remote is not None]  # fmt: skip


async def moved_first(desk: Desk) -> None:
    """It is renamed here, and the edit is made elsewhere and heard after that."""
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", THEIRS)
    desk.send()
    desk.hear()


async def edited_first(desk: Desk) -> None:
    """The edit is made elsewhere and heard before it is seen that it is renamed here."""
    save_there(desk, "a", THEIRS)
    desk.hear()
    rename(desk, "a", "b")


async def edited_here(desk: Desk) -> None:
    """It is renamed elsewhere, and edited here under its former name."""
    move_there(desk, "a", "b")
    desk.machine.save(a=THEIRS)


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("happened", [moved_first, edited_first, edited_here])
async def test_an_old_buffer_of_the_renamed_file_does_not_hide_what_followed(
    desk: Desk, happened: object, sent: bool
) -> None:
    await desk.agree(a=FIRST, other="another")
    assert callable(happened)
    await happened(desk)
    await look(desk, "a", "b")
    assert desk.machine.tree() == {"b": THEIRS, "other": "another"}
    if sent:
        desk.send()
        await look(desk, "b")
    desk.machine.save(b=UNAWARE)
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.mirror() == desk.machine.tree() == {"b": UNAWARE, "other": "another"}
    assert listed(desk) == [THEIRS]
    assert THEIRS in desk.machine.kept()


async def test_what_an_old_buffer_did_not_know_and_nobody_has_is_listed_beside_newer_news(
    desk: Desk,
) -> None:
    await desk.agree(a=FIRST, other="another")
    await edited_here(desk)
    await look(desk, "a", "b")
    newer = FIRST.replace("two", "two, theirs")
    save_there(desk, "b", newer)
    desk.hear()
    desk.machine.save(b=UNAWARE)
    await look(desk, "b")
    desk.send()
    assert desk.machine.mirror()["b"] == newer + "four\n"
    assert listed(desk) == [THEIRS]


@pytest.mark.parametrize("happened", [moved_first, edited_first, edited_here])
async def test_an_edit_of_what_followed_is_no_conflict(desk: Desk, happened: object) -> None:
    await desk.agree(a=FIRST, other="another")
    assert callable(happened)
    await happened(desk)
    await look(desk, "a", "b")
    desk.machine.save(b=THEIRS + "four\n")
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.mirror() == {"b": THEIRS + "four\n", "other": "another"}
    assert listed(desk) == []


async def test_an_edit_of_a_file_that_came_back_does_not_follow_a_move_of_before(
    desk: Desk,
) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    desk.send()
    await desk.agree(a=FIRST)
    save_there(desk, "a", THEIRS)
    desk.hear()
    desk.machine.delete("a")
    await look(desk, "a")
    desk.send()
    assert (
        desk.machine.tree()
        == desk.machine.mirror()
        == {"a": THEIRS, "b": FIRST, "other": "another"}
    )


async def test_an_edit_does_not_follow_to_another_file_under_the_new_name(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    desk.machine.delete("b")
    await look(desk, "b")
    desk.machine.save(b="one\ntwo\nthree\nof another\n")
    await look(desk, "b")
    save_there(desk, "a", THEIRS)
    desk.hear()
    await look(desk, "a", "b")
    desk.send()
    both = {"a": THEIRS, "b": "one\ntwo\nthree\nof another\n", "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


@pytest.mark.parametrize("names", ["a", "ab"])
async def test_an_edit_made_here_does_not_follow_into_a_file_that_is_edited_here_too(
    desk: Desk, names: str
) -> None:
    await desk.agree(a=FIRST, other="another")
    move_there(desk, "a", "b")
    await look(desk, "b")
    desk.machine.save(a=THEIRS, b=UNAWARE)
    await look(desk, *names)
    await look(desk, "a", "b")
    desk.send()
    both = {"a": THEIRS, "b": UNAWARE, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


async def test_an_edit_made_elsewhere_does_not_follow_to_a_name_that_is_contested(
    desk: Desk,
) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "b", "of another file\n")
    save_there(desk, "a", THEIRS)
    desk.hear()
    await look(desk, "a")
    assert desk.machine.tree() == {"a": THEIRS, "b": FIRST, "other": "another"}
    await look(desk, "b")
    desk.send()
    assert desk.machine.tree() == desk.machine.mirror()
    assert listed(desk) == ["of another file\n"]


async def test_what_loses_a_field_to_the_renamed_file_does_not_follow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileReplica, "format", lambda *_: Format.JSON)
    first, theirs, ours = (json.dumps({"id": "x", "of": of}) for of in ("both", "theirs", "ours"))
    await desk.agree(a=first, other="{}")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    desk.machine.save(b=ours)
    save_there(desk, "a", theirs)
    desk.hear()
    await look(desk, "a", "b")
    desk.send()
    both = {"a": theirs, "b": ours, "other": "{}"}
    assert desk.machine.tree() == desk.machine.mirror() == both


async def test_an_edit_waits_for_the_answer_about_the_new_name(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", THEIRS)
    desk.send()
    await look(desk, "b")
    sent = desk.ledger.claim(Claim(10, 1 << 20))
    desk.hear()
    turn = await desk.consider(["a"])
    assert turn.deferred == [key("b")]
    assert desk.machine.tree() == {"b": FIRST, "other": "another"}
    outcomes = desk.machine.deployment.push("laptop", sent)
    desk.ledger.acknowledge(list(zip(sent, outcomes, strict=True)), "laptop", 0.0)
    await look(desk, "b")
    assert desk.machine.tree() == {"b": THEIRS, "other": "another"}
    desk.send()
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.mirror() == desk.machine.tree()


async def test_an_edit_follows_a_file_that_was_renamed_again(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", THEIRS)
    desk.send()
    await look(desk, "b")
    desk.send()
    rename(desk, "b", "c")
    await look(desk, "b", "c")
    desk.hear()
    await look(desk, "a", "b", "c")
    for _ in range(2):
        desk.send()
        await look(desk, "a", "b", "c")
    assert desk.machine.tree() == desk.machine.mirror() == {"c": THEIRS, "other": "another"}


async def test_an_edit_follows_a_move_of_before_a_restart_that_waits_to_be_sent(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    desk.restart()
    save_there(desk, "a", THEIRS)
    desk.hear()
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.tree() == desk.machine.mirror() == {"b": THEIRS, "other": "another"}


async def test_what_followed_before_a_crash_does_not_follow_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", THEIRS)
    desk.hear()

    commit = Ledger.commit

    def crash(ledger: Ledger, decisions: Sequence[Decision], *rest: Any) -> Committed:
        if any(each.plan.reason is Reason.MERGED for each in decisions):
            raise RuntimeError("cut short")
        return commit(ledger, decisions, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "commit", crash)
        with pytest.raises(RuntimeError, match="cut short"):
            await look(desk, "a", "b")
    assert desk.machine.tree() == {"b": THEIRS, "other": "another"}
    desk.restart()
    await desk.reconciler.recover()
    assert desk.ledger.outbox.claimable.moving(key("a")) is None
    await look(desk, "a", "b")
    desk.send()
    # Merged again, counters would count twice.
    both = {"a": THEIRS, "b": THEIRS, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


async def test_what_followed_before_a_crash_left_the_old_name_does_not_follow_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(a=FIRST, other="another")
    await edited_here(desk)
    write = desk.reconciler.writer.write

    async def crash(decisions: Sequence[Decision]) -> Performed:
        if any(each.target is not None for each in decisions):
            raise RuntimeError("cut short")
        return await write(decisions)

    with monkeypatch.context() as patched:
        patched.setattr(desk.reconciler.writer, "write", crash)
        with pytest.raises(RuntimeError, match="cut short"):
            await look(desk, "a", "b")
    both = {"a": THEIRS, "b": THEIRS, "other": "another"}
    assert desk.machine.tree() == both
    desk.restart()
    with desk.ledger.transaction():
        desk.ledger.places.put("device", "laptop")
    await desk.reconciler.recover()
    await look(desk, "b")
    desk.send()
    await look(desk, "a")
    desk.send()
    # Merged again, counters would count twice.
    assert desk.machine.tree() == desk.machine.mirror() == both


async def test_of_edits_under_two_former_names_one_follows_and_the_other_stays(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    move_there(desk, "a", "b")
    await look(desk, "b")
    move_there(desk, "b", "c")
    await look(desk, "c")
    desk.machine.save(a=THEIRS, b=UNAWARE)
    for _ in range(2):
        await look(desk, "a", "b", "c")
        desk.send()
    both = {"b": UNAWARE, "c": THEIRS, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


@pytest.mark.parametrize("happened", [moved_first, edited_first, edited_here])
async def test_an_edit_waits_until_the_renamed_file_is_not_open_for_writing(
    desk: Desk, happened: object
) -> None:
    await desk.agree(a=FIRST, other="another")
    assert callable(happened)
    await happened(desk)
    if happened is edited_here:
        await look(desk, "b")
    with (desk.machine.files / "b.txt").open("a"):
        turn = await desk.consider(["a", "b"])
        again = dict(turn.again)
        assert again[key("a")] == again[key("b")] > desk.clock.seconds
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.tree() == desk.machine.mirror() == {"b": THEIRS, "other": "another"}


async def test_an_edit_made_elsewhere_does_not_follow_while_the_old_name_must_stay(
    desk: Desk,
) -> None:
    names = [f"n{number}" for number in range(40)]
    await desk.agree(a=FIRST, **{name: name for name in names})
    desk.machine.delete(*names[:30])
    await desk.consider(names)
    assert len(desk.waiting()) == 30
    await edited_first(desk)
    for _ in range(2):
        await look(desk, "a", "b")
        desk.send()
        assert desk.machine.mirror()["a"] == THEIRS
        assert desk.machine.tree()["b"] == FIRST
        assert "a" in desk.waiting()
    desk.guards.approve(STORE)
    await look(desk, "a", "b")
    desk.send()
    assert desk.machine.tree()["b"] == THEIRS
    assert "a" not in desk.machine.mirror()


async def test_a_file_made_anew_elsewhere_is_no_edit_of_the_renamed_one(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    desk.delete_there(["a"])
    desk.make_there(a="another file\n")
    await look(desk, "a", "b")
    desk.send()
    both = {"a": "another file\n", "b": FIRST, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


async def test_edits_that_are_heard_one_by_one_follow_one_by_one(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    for edited in (THEIRS, "1\n2\nthree\n"):
        save_there(desk, "a", edited)
        desk.hear()
        await look(desk, "a", "b")
        assert desk.machine.tree() == {"b": edited, "other": "another"}
    desk.send()
    assert desk.machine.mirror() == desk.machine.tree()


async def test_an_old_name_goes_only_with_what_followed(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", THEIRS)
    desk.hear()
    desk.machine.save(b=UNAWARE)
    await look(desk, "b")
    await look(desk, "a", "b")
    (first,) = desk.ledger.claim(Claim(10, 1 << 20))
    assert first.key == key("b")
    assert desk.ledger.claim(Claim(10, 1 << 20)) == []


async def test_the_same_edit_of_both_names_follows(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", THEIRS)
    desk.machine.save(b=THEIRS)
    await look(desk, "b")
    desk.send()
    desk.hear()
    for _ in range(2):
        await look(desk, "a", "b")
        desk.send()
    assert desk.machine.tree() == desk.machine.mirror() == {"b": THEIRS, "other": "another"}


async def test_an_edit_of_a_file_with_a_hard_link_follows(desk: Desk) -> None:
    await desk.agree(a=FIRST, other="another")
    (desk.machine.files / "c.txt").hardlink_to(desk.machine.files / "a.txt")
    for _ in range(2):
        await look(desk, "a", "c")
        desk.send()
    move_there(desk, "a", "b")
    desk.machine.save(a=THEIRS)
    for _ in range(2):
        await look(desk, "a", "b", "c")
        desk.send()
    assert desk.machine.tree() == desk.machine.mirror()
    assert desk.machine.tree() == {"b": THEIRS, "c": THEIRS, "other": "another"}
