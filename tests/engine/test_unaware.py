"""A save from an editor's old buffer: the file wins, and what the save did not know is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.model import Content, Digest, Format, Intent, Key, Kind, OperationId
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger

from .fakes import STORE, Desk, Machine, deployment, digest

FIRST = "one\ntwo\nthree\nfour\nfive\n"
THEIRS = FIRST.replace("five", "five, theirs")
UNAWARE = FIRST.replace("one", "one, ours")
AWARE = THEIRS.replace("one", "one, ours")


async def both(folder: Path, *, made_here: bool) -> tuple[Machine, Machine]:
    """Two machines that hold `FIRST`, and then what the other one wrote."""
    there = deployment()
    mine, other = Machine(folder / "mine", there), Machine(folder / "other", there, "other")
    first, second = (mine, other) if made_here else (other, mine)
    first.save(a=FIRST)
    await first.sync()
    await second.sync()
    other.save(a=THEIRS)
    await other.sync()
    await mine.sync()
    assert mine.tree() == {"a": THEIRS}
    return mine, other


def listed(machine: Machine, side: str = "remote") -> list[str]:
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        rows = connection.execute(f"SELECT {side}_digest FROM conflicts").fetchall()
    bodies = [(ledger.contents.get(row[0]) or b"").decode() for row in rows]
    ledger.close()
    return bodies


@pytest.mark.parametrize("made_here", [True, False])
async def test_what_an_old_buffer_did_not_know_is_listed(tmp_path: Path, made_here: bool) -> None:
    mine, other = await both(tmp_path, made_here=made_here)
    mine.save(a=UNAWARE)
    await mine.sync()
    await other.sync()
    assert mine.tree() == other.tree() == mine.mirror() == {"a": UNAWARE}
    assert listed(mine) == [THEIRS]


@pytest.mark.parametrize("made_here", [True, False])
async def test_an_edit_of_what_was_written_is_no_conflict(tmp_path: Path, made_here: bool) -> None:
    mine, _ = await both(tmp_path, made_here=made_here)
    mine.save(a=AWARE)
    await mine.sync()
    assert mine.mirror() == {"a": AWARE}
    assert listed(mine) == []


async def test_a_first_edit_of_a_file_that_was_pulled_is_no_conflict(tmp_path: Path) -> None:
    there = deployment()
    mine, other = Machine(tmp_path / "mine", there), Machine(tmp_path / "other", there, "other")
    other.save(a=FIRST)
    await other.sync()
    await mine.sync()
    mine.save(a=UNAWARE)
    await mine.sync()
    assert mine.mirror() == {"a": UNAWARE}
    assert listed(mine) == []


async def test_what_went_over_a_restored_deployment_is_what_an_old_buffer_knows(
    tmp_path: Path,
) -> None:
    mine, other = await both(tmp_path, made_here=True)
    backup = mine.deployment.backup()
    mine.save(a=AWARE)
    await mine.sync()
    mine.deployment.restore(backup)
    await mine.sync()
    assert mine.mirror() == {"a": AWARE}
    await other.sync()
    later = AWARE.replace("three", "three, theirs")
    other.save(a=later)
    await other.sync()
    await mine.sync()
    mine.save(a=AWARE.replace("five", "five, ours"))
    await mine.sync()
    assert later in listed(mine)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (FIRST + "six, theirs\n", FIRST + "seven, ours\n"),
        (FIRST.replace("four", "four, theirs"), FIRST.replace("five", "five, ours")),
        (FIRST.replace("four", "four\nand theirs"), FIRST.replace("five", "five, ours")),
    ],
)
async def test_what_an_old_buffer_did_not_know_beside_its_own_edit_is_listed(
    tmp_path: Path, theirs: str, ours: str
) -> None:
    there = deployment()
    mine, other = Machine(tmp_path / "mine", there), Machine(tmp_path / "other", there, "other")
    mine.save(a=FIRST)
    await mine.sync()
    await other.sync()
    other.save(a=theirs)
    await other.sync()
    await mine.sync()
    mine.save(a=ours)
    await mine.sync()
    assert mine.mirror() == {"a": ours}
    assert listed(mine) == [theirs]


LATER = THEIRS.replace("theirs", "later")


async def edited_twice(folder: Path, later: str = LATER) -> Machine:
    """A machine whose file holds the second of two edits made elsewhere since it saved."""
    mine, other = await both(folder, made_here=True)
    other.save(a=later)
    await other.sync()
    await mine.sync()
    assert mine.tree() == {"a": later}
    return mine


@pytest.mark.parametrize("read", [FIRST, THEIRS])
async def test_a_buffer_that_was_read_between_two_edits_is_as_old(
    tmp_path: Path, read: str
) -> None:
    mine = await edited_twice(tmp_path)
    mine.save(a=read.replace("one", "one, ours"))
    await mine.sync()
    assert mine.mirror() == {"a": read.replace("one", "one, ours")}
    assert listed(mine) == [LATER]
    assert listed(mine, "base") == [read]


async def test_what_was_read_between_edits_is_known_after_bytes_were_let_go(
    tmp_path: Path,
) -> None:
    mine = await edited_twice(tmp_path)
    ledger = mine.ledger()
    with ledger.transaction():
        ledger.contents.drop_unreferenced()
    assert ledger.contents.get(Digest(digest(THEIRS.encode()))) is None
    ledger.close()
    mine.save(a=THEIRS.replace("one", "one, ours"))
    await mine.sync()
    assert listed(mine) == [LATER]


async def test_a_save_that_holds_some_of_the_last_edit_knew_all_of_it(tmp_path: Path) -> None:
    later = LATER.replace("two", "two, as late")
    mine = await edited_twice(tmp_path, later)
    mine.save(a=THEIRS.replace("two", "two, as late"))
    await mine.sync()
    assert listed(mine) == []


async def test_an_edit_of_the_last_of_two_edits_is_no_conflict(tmp_path: Path) -> None:
    mine = await edited_twice(tmp_path)
    mine.save(a=LATER.replace("one", "one, ours"))
    await mine.sync()
    assert listed(mine) == []


async def test_a_buffer_may_be_older_than_the_last_save_of_another_program(tmp_path: Path) -> None:
    mine, other = await both(tmp_path, made_here=True)
    mine.save(a=THEIRS.replace("three", "three, by another program"))
    await mine.sync()
    await other.sync()
    latest = LATER.replace("three", "three, by another program")
    other.save(a=latest)
    await other.sync()
    await mine.sync()
    mine.save(a=UNAWARE)
    await mine.sync()
    assert mine.mirror() == {"a": UNAWARE}
    assert listed(mine) == [latest]


@pytest.mark.parametrize("sent", [True, False])
async def test_a_buffer_may_be_older_than_what_another_program_saved_after_it(
    tmp_path: Path, sent: bool
) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    await edited_there(desk)
    both_saved = THEIRS.replace("three", "three, ours")
    assert await save(desk, both_saved) == []
    if sent:
        desk.send()
    assert await save(desk, UNAWARE) == [both_saved if sent else THEIRS]


async def test_what_another_program_saved_here_is_its_own_to_take_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    await edited_there(desk)
    for text in ("three, ours", "three, once more", "three, ours", "three"):
        assert await save(desk, THEIRS.replace("three", text)) == []
        desk.send()


async def test_what_was_written_over_here_is_not_taken_back_later(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    await edited_there(desk)
    assert await save(desk, FIRST.replace("five", "five, ours")) == []
    desk.send()
    assert await save(desk, FIRST) == []


async def test_a_buffer_may_be_older_than_the_deletion_of_its_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    desk.machine.delete("a")
    await desk.consider(["a"])
    desk.send()
    desk.make_there(a=THEIRS)
    await desk.consider(["a"])
    assert desk.machine.tree() == {"a": THEIRS}
    assert await save(desk, UNAWARE) == [THEIRS]


async def test_a_field_that_goes_to_and_fro_is_not_listed_with_a_save_that_knew(
    tmp_path: Path,
) -> None:
    mine, other = await both(tmp_path, made_here=True)
    for text in ("one, at work\nat 1", "one, at rest\nat 2", "one, at work\nat 3"):
        other.save(a=FIRST.replace("one", text))
        await other.sync()
        await mine.sync()
    mine.save(a=FIRST.replace("one", "one, at rest\nat 3"))
    await mine.sync()
    assert listed(mine) == []


@pytest.mark.parametrize(("read", "compared"), [(0, False), (1, True)])
async def test_so_much_of_long_texts_is_compared_and_no_more(
    tmp_path: Path, read: int, compared: bool
) -> None:
    mine, other = await both(tmp_path, made_here=True)
    long = "".join(f"{number} {'long' * 50}\n" for number in range(2000))
    texts = [f"one\n{number}\n{long}" for number in range(4)]
    for text in texts:
        other.save(a=text)
        await other.sync()
        await mine.sync()
    mine.save(a=texts[read] + "ours\n")
    await mine.sync()
    assert listed(mine) == ([texts[-1]] if compared else [])


OURS = UNAWARE
BOTH = AWARE


async def edited_there(desk: Desk, text: str = THEIRS, *, considered: bool = True) -> None:
    """The other machine writes `text`, and a turn takes that up."""
    key, body = Key(STORE, "a.txt"), text.encode()
    there = desk.machine.deployment.state.entries[key]
    version = Content(digest(body), len(body))
    operation = OperationId(digest(body)[:32])
    expected = there.revision, there.digest
    edit = Intent(operation, key, Kind.DOCUMENT, Format.TEXT, version, *expected, body)
    desk.machine.deployment.push("other", [edit])
    desk.hear()
    if considered:
        await desk.consider(["a"])


async def save(desk: Desk, body: str) -> list[str]:
    """Save, and take that up, and send nothing; what is listed then."""
    desk.machine.save(a=body)
    await desk.consider(["a"])
    desk.ledger.close()
    found = listed(desk.machine)
    desk.open()
    return found


async def test_saves_that_wait_follow_each_other_and_are_no_conflict(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    await edited_there(desk)
    assert await save(desk, AWARE) == []
    assert await save(desk, AWARE.replace("three", "three, ours")) == []


async def merged(folder: Path) -> Desk:
    """What was saved here was merged with the other machine's, and is not sent yet."""
    desk = Desk(folder)
    await desk.agree(a=FIRST)
    assert await save(desk, OURS) == []
    await edited_there(desk)
    assert desk.machine.tree() == {"a": BOTH}
    # The write is seen by the watcher, and looked at once more.
    await desk.consider(["a"])
    return desk


async def test_an_edit_of_what_was_merged_and_waits_is_no_conflict(tmp_path: Path) -> None:
    desk = await merged(tmp_path)
    assert await save(desk, BOTH.replace("three", "three, ours")) == []


async def test_what_an_old_buffer_did_not_know_of_a_merge_that_waits_is_listed(
    tmp_path: Path,
) -> None:
    desk = await merged(tmp_path)
    assert await save(desk, FIRST.replace("three", "three, ours")) == [THEIRS]


async def on_its_way(desk: Desk, body: str) -> list[str]:
    """What is listed once `body` was saved while what was merged was sent, and all is answered."""
    sent = desk.ledger.claim(Claim(10, 1 << 20))
    await save(desk, body)
    outcomes = desk.machine.deployment.push("laptop", sent)
    desk.ledger.acknowledge(list(zip(sent, outcomes, strict=True)), "laptop", 0.0)
    await desk.consider(["a"])
    desk.send()
    assert desk.machine.mirror() == {"a": body}
    return await save(desk, body)


async def test_what_an_old_buffer_did_not_know_of_a_merge_that_is_on_its_way_is_listed(
    tmp_path: Path,
) -> None:
    desk = await merged(tmp_path)
    assert await on_its_way(desk, FIRST.replace("three", "three, ours")) == [THEIRS]
    assert THEIRS in desk.machine.kept()


async def test_an_edit_of_a_merge_that_is_on_its_way_is_no_conflict(tmp_path: Path) -> None:
    desk = await merged(tmp_path)
    assert await on_its_way(desk, BOTH.replace("three", "three, ours")) == []


async def cut_short(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine ends when BOTH is written and nothing of it is noted, and starts anew."""

    def crash(*_: object) -> None:
        raise RuntimeError("cut short")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "commit", crash)
        with pytest.raises(RuntimeError, match="cut short"):
            await desk.consider(["a"])
    assert desk.machine.tree() == {"a": BOTH}
    desk.restart()


async def test_what_an_old_buffer_did_not_know_of_a_merge_that_a_crash_cut_short_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    assert await save(desk, OURS) == []
    await edited_there(desk, considered=False)
    await cut_short(desk, monkeypatch)
    # In place, so that the file is still the one that was written.
    assert await save(desk, FIRST.replace("three", "three, ours")) == [THEIRS]


async def test_what_an_old_buffer_did_not_know_is_listed_where_newer_news_is_merged(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    await edited_there(desk)
    assert desk.machine.tree() == {"a": THEIRS}
    newer = THEIRS.replace("three", "three, theirs")
    await edited_there(desk, newer, considered=False)
    assert await save(desk, UNAWARE) == [newer]
    assert desk.machine.tree() == {"a": UNAWARE.replace("three", "three, theirs")}


async def test_newer_news_beside_an_edit_of_what_was_written_is_no_conflict(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    await edited_there(desk)
    await edited_there(desk, THEIRS.replace("three", "three, theirs"), considered=False)
    assert await save(desk, AWARE) == []


async def test_a_save_after_one_was_taken_back_unsent_is_no_conflict(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    assert await save(desk, OURS) == []
    assert await save(desk, FIRST) == []  # Taken back by its program, or by git: not by syncd.
    assert await save(desk, OURS.replace("three", "three, ours")) == []


async def test_what_an_old_buffer_did_not_know_of_a_pull_that_a_crash_cut_short_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    await desk.agree(a=FIRST)
    assert await save(desk, OURS) == []
    await edited_there(desk, BOTH, considered=False)
    await cut_short(desk, monkeypatch)
    await desk.consider(["a"])
    assert await save(desk, OURS.replace("three", "three, ours")) == [BOTH]
