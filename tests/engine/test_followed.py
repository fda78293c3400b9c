"""What becomes of an edit that followed a file to its new name, and of those that cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .fakes import Desk
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
