"""A file that is renamed over another one is no edit of that, wherever that went."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.engine.looking.preview import preview
from syncd.ledger.ledger import Ledger

from .fakes import STORE, Desk
from .test_followed import FIRST, THEIRS, UNAWARE, listed
from .test_moves import key, look, move_there, rename, save_there


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("known", ["at once", "once it is sent", "once it is edited"])
async def test_a_note_renamed_over_the_former_name_is_no_edit_of_the_renamed_one(
    desk: Desk, known: str, restarts: bool
) -> None:
    await desk.agree(a=FIRST, c=UNAWARE, other="another")
    move_there(desk, "a", "b", hear=False)
    rename(desk, "c", "a")
    expected = UNAWARE
    if known != "at once":
        await look(desk, "a", "c")
    if known == "once it is edited":
        desk.machine.save(a=THEIRS)
        await look(desk, "a")
        expected = THEIRS
    if restarts:
        desk.restart()
    if known != "at once":
        desk.send()
    desk.hear()
    for _ in range(2):
        await look(desk, "a", "b", "c")
        desk.send()
    both = {"a": expected, "b": FIRST, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


@pytest.mark.parametrize("seen", [False, True])
@pytest.mark.parametrize("apart", [False, True])
async def test_a_note_renamed_over_it_elsewhere_is_no_edit_of_the_renamed_one(
    desk: Desk, seen: bool, apart: bool
) -> None:
    await desk.agree(a=FIRST, c=UNAWARE, other="another")
    rename(desk, "a", "b")
    if seen:
        await look(desk, "a", "b")
    save_there(desk, "a", UNAWARE)
    if apart:
        desk.hear()
        await look(desk, "a", "b")
    desk.delete_there(["c"])
    for _ in range(2):
        await look(desk, "a", "b", "c")
        desk.send()
        desk.hear()
    both = {"a": UNAWARE, "b": FIRST, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_takeover_there_is_known_after_a_restart(desk: Desk, restarts: bool) -> None:
    await desk.agree(a=FIRST, c=UNAWARE, other="another")
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", UNAWARE)
    desk.delete_there(["c"])
    await look(desk, "c")
    if restarts:
        desk.restart()
    for _ in range(2):
        await look(desk, "a", "b", "c")
        desk.send()
        desk.hear()
    both = {"a": UNAWARE, "b": FIRST, "other": "another"}
    assert desk.machine.tree() == desk.machine.mirror() == both


@pytest.mark.parametrize("copies", [3, 25])
async def test_a_takeover_there_by_one_of_many_alike(desk: Desk, copies: int) -> None:
    names = [f"c{number}" for number in range(copies)]
    alike = dict.fromkeys(names, UNAWARE)
    await desk.agree(a=FIRST, other="another", **alike)
    rename(desk, "a", "b")
    await look(desk, "a", "b")
    save_there(desk, "a", UNAWARE)
    desk.hear()
    await look(desk, "a", "b")
    desk.delete_there(["c0"])
    for _ in range(2):
        await look(desk, "a", "b", *names)
        desk.send()
        desk.hear()
    del alike["c0"]
    both = {"a": UNAWARE, "b": FIRST, "other": "another", **alike}
    assert desk.machine.tree() == desk.machine.mirror() == both


async def test_the_plan_of_a_takeover_is_what_is_carried_out(desk: Desk) -> None:
    """`syncd plan` is another process, with none of the daemon's memory."""
    await desk.agree(a=FIRST, c=UNAWARE, other="another")
    move_there(desk, "a", "b", hear=False)
    rename(desk, "c", "a")
    await look(desk, "a", "c")
    desk.send()
    desk.hear()
    await look(desk, "b")
    copy = Ledger.open(desk.machine.ledger_path.with_name("copy.db"))
    desk.ledger._connection.backup(copy._connection)
    keys = [key("a"), key("b")]
    planned = await preview(copy, {STORE: desk.replica}, desk.clock, keys)
    copy.close()
    told = {each.path: planned.decisions[each].plan.reason for each in keys
            if each in planned.decisions}  # fmt: skip
    before = desk.machine.tree()
    await look(desk, "a", "b", "c")
    assert desk.machine.tree() == before, "no file is written"
    assert {k: str(v) for k, v in told.items()} == {"a.txt": "push"}


LINES = "".join(f"line {number}\n" for number in range(20))
"""Of which edits far from each other are merged."""


def with_line(number: int, text: str) -> str:
    lines = LINES.splitlines()
    lines[number] = text
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seen", [False, True])
async def test_what_was_renamed_over_it_is_not_merged_with_an_edit_of_it(
    desk: Desk, seen: bool
) -> None:
    mine, theirs = with_line(2, "mine"), with_line(17, "theirs")
    await desk.agree(b=LINES, c=mine, other="another")
    rename(desk, "c", "b")
    if seen:
        await look(desk, "b", "c")
    save_there(desk, "b", theirs)
    desk.hear()
    for _ in range(2):
        await look(desk, "b", "c")
        desk.send()
    assert desk.machine.tree() == desk.machine.mirror() == {"b": mine, "other": "another"}
    assert listed(desk) == [theirs]


@pytest.mark.parametrize("gone", [False, True])
async def test_an_edit_is_not_merged_with_what_was_renamed_over_it_elsewhere(
    desk: Desk, gone: bool
) -> None:
    mine, theirs = with_line(2, "mine"), with_line(17, "theirs")
    await desk.agree(b=LINES, c=theirs, other="another")
    save_there(desk, "b", theirs)
    desk.delete_there(["c"])
    if gone:
        await look(desk, "c")
    desk.machine.save(b=mine)
    for _ in range(2):
        await look(desk, "b", "c")
        desk.send()
    assert desk.machine.tree() == desk.machine.mirror() == {"b": mine, "other": "another"}
    assert listed(desk) == [theirs]


async def test_edits_are_merged_again_once_it_is_agreed_on(desk: Desk) -> None:
    mine, theirs = with_line(2, "mine"), with_line(17, "theirs")
    await desk.agree(b="another", c=LINES, other="another")
    rename(desk, "c", "b")
    for _ in range(2):
        await look(desk, "b", "c")
        desk.send()
    desk.machine.save(b=mine)
    save_there(desk, "b", theirs)
    desk.hear()
    for _ in range(2):
        await look(desk, "b")
        desk.send()
    assert desk.machine.tree() == desk.machine.mirror()
    assert desk.machine.tree()["b"].splitlines()[2::15] == ["mine", "theirs"]
    assert listed(desk) == []
