"""Files with a second name in their store: a save through one of them is a save of both, and the
file system hints at the one alone that was written through.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from syncd.core.direction import Way
from syncd.core.model import Key
from syncd.files.replica import FileReplica

from .fakes import STORE, Desk, deployment
from .yard import FILE, Yard, deploy, mirror


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.ledger.close()


async def linked(desk: Desk) -> None:
    """Both sides hold notes a and b, which are one file, and c, which is like it."""
    desk.machine.save(a="one", c="one")
    os.link(desk.machine.files / "a.txt", desk.machine.files / "b.txt")
    await desk.agree(a="one", c="one")
    await desk.consider("abc")
    desk.send()


async def test_what_is_saved_through_one_name_is_seen_under_the_other(desk: Desk) -> None:
    await linked(desk)
    desk.machine.save(b="two")
    await desk.reconciler.consider([Key(STORE, "b.txt")])
    desk.send()
    assert desk.machine.mirror() == {"a": "two", "b": "two", "c": "one"}


async def test_a_save_that_replaces_the_file_is_of_its_own_name_alone(
    desk: Desk, read: list[str]
) -> None:
    await linked(desk)
    read.clear()
    (desk.machine.files / "new").write_text("two")
    (desk.machine.files / "new").rename(desk.machine.files / "b.txt")
    await desk.reconciler.consider([Key(STORE, "b.txt")])
    assert read == ["b.txt"]


async def test_a_file_that_is_as_it_was_is_read_by_the_name_alone_that_was_named(
    desk: Desk, read: list[str]
) -> None:
    await linked(desk)
    read.clear()
    await desk.reconciler.consider([Key(STORE, "b.txt")])
    assert read == ["b.txt"]


async def test_files_that_are_not_one_are_not_read_for_each_other(
    desk: Desk, read: list[str]
) -> None:
    await linked(desk)
    read.clear()
    desk.machine.save(c="two")
    await desk.reconciler.consider([Key(STORE, "c.txt")])
    assert read == ["c.txt"]


async def test_so_is_a_file_of_records(tmp_path: Path) -> None:
    yard = Yard(tmp_path, deployment(), "laptop")
    yard.put(deploy("d1"))
    other = Key(FILE.store, "other.json")
    os.link(yard.path, yard.path.with_name(other.path))
    await yard.reconciler.consider([FILE, other])
    yard.send()
    yard.put(deploy("d1", "done"))
    await yard.turn()
    sent = {intent.key.path for intent in yard.send()}
    assert sent == {FILE.path, other.path}
    assert mirror(yard.remote)["d1"]["status"] == "done"
    yard.ledger.close()


async def test_names_that_may_not_be_sent_leave_nothing_to_look_at_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await linked(desk)
    desk.machine.way = Way.PULL
    desk.restart()
    desk.machine.save(b="two")
    turn = await desk.reconciler.consider([Key(STORE, "b.txt")])
    assert sorted(desk.ledger.attention.held(STORE)) == ["a.txt", "b.txt"]
    assert turn.again == []
    desk.ledger.close()


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that turns ask for."""
    asked: list[str] = []
    first: Callable[..., object] = FileReplica.read_first

    def told(self: FileReplica, paths: list[str], most: int, **more: object) -> object:
        asked.extend(paths)
        return first(self, paths, most, **more)

    monkeypatch.setattr(FileReplica, "read_first", told)
    return asked
