"""A save from an editor's old buffer: the file wins, and what the save did not know is listed."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fakes import Machine, deployment

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


def listed(machine: Machine) -> list[str]:
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        rows = connection.execute("SELECT remote_digest FROM conflicts").fetchall()
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
