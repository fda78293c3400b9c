"""A store's folder that became another one, or only seems to have: what is read of it, and when."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.control.acts import Acts
from syncd.control.desk import Desk as Counter
from syncd.control.messages import Approve
from syncd.core.decision import FileState
from syncd.core.guard import WINDOW, Direction, RootState
from syncd.core.model import Key
from syncd.core.reading import Found, Reading
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.rescan import Rescan
from syncd.engine.stops.hiatus import Hiatus
from syncd.files import transit
from syncd.files.replica import FileReplica
from syncd.files.scan import Seen
from syncd.files.transit import SLOW_BYTES

from .fakes import STORE, Desk

FIRST = Key(STORE, "first.txt")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


def rescan(desk: Desk) -> Rescan:
    intake = Intake(desk.reconciler, desk.clock)
    return Rescan(desk.ledger, {STORE: desk.replica}, desk.guards, intake, desk.clock)


def acts(desk: Desk) -> Acts:
    at = Counter(
        desk.ledger, {STORE: desk.replica}, desk.machine.history, desk.clock, {}, {},
        lambda _: None, desk.reconciler.between_turns,
    )  # fmt: skip

    async def beat() -> None:
        return

    return Acts(at, desk.guards, Hiatus(desk.ledger, desk.clock), beat)


def copied(files: Path) -> None:
    """Another folder takes the place, with the same files in it."""
    away = files.with_name("away")
    files.rename(away)
    shutil.copytree(away, files)


def boot(desk: Desk) -> None:
    """The number of the device is another one than the ledger knows."""
    known = desk.ledger.places.stores()[STORE]
    device, _, inode = (known.root or "").partition(":")
    desk.guards.roots.record(STORE, replace(known, root=f"{int(device) + 1}:{inode}"))


class Read:
    """The files that are read whole, each in a thread and while turns may go on."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[str] = []
        read = FileReplica.read

        def looked(
            replica: FileReplica, path: str, *, anew: bool = False, within: str | None = None
        ) -> Reading:
            assert threading.current_thread() is not threading.main_thread()
            assert not desk.reconciler.between_turns.locked()
            self.paths.append(path)
            return read(replica, path, anew=anew, within=within)

        monkeypatch.setattr(FileReplica, "read", looked)


async def test_another_folder_is_read_before_turns_have_to_wait_for_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(first="one", second="two")
    copied(desk.machine.files)
    desk.machine.save(second="of the other folder")
    read = Read(desk, monkeypatch)
    await rescan(desk).scan(STORE)
    assert desk.ledger.places.stores()[STORE].root == desk.replica.identity()
    assert read.paths == ["first.txt", "second.txt"]
    assert desk.ledger.entries.get(FIRST)[0] is not None
    assert desk.ledger.entries.get(Key(STORE, "second.txt"))[0] is None, "it was not met anew"


async def test_a_person_s_decision_is_not_made_while_the_folder_is_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(first="one", second="two")
    copied(desk.machine.files)
    desk.machine.save(first="of the other folder")
    desk.machine.delete("second")
    read = Read(desk, monkeypatch)
    await rescan(desk).scan(STORE)
    assert (STORE, Direction.BOTH) in desk.ledger.attention.guards()
    assert read.paths == [], "nobody has said that it is the store's"
    assert (await acts(desk).perform(Approve(store=STORE))).done
    assert read.paths == ["first.txt"]
    assert desk.ledger.places.stores()[STORE].root == desk.replica.identity()
    assert desk.ledger.entries.get(FIRST)[0] is None, "it was not met anew"


async def test_nor_does_a_store_whose_deletions_were_approved_beforehand(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(first="one", second="two")
    desk.machine.approved = frozenset({STORE})
    desk.restart()
    copied(desk.machine.files)
    desk.machine.save(first="of the other folder")
    desk.machine.delete("second")
    read = Read(desk, monkeypatch)
    await rescan(desk).scan(STORE)
    assert read.paths == ["first.txt"]
    assert desk.ledger.places.stores()[STORE].root == desk.replica.identity()
    assert desk.ledger.entries.get(FIRST)[0] is None, "it was not met anew"


async def test_what_is_saved_in_another_folder_since_it_was_read_is_an_edit(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(first="one")
    copied(desk.machine.files)
    read = FileReplica.read

    def saved(replica: FileReplica, path: str, *, within: str | None = None) -> Reading:
        found = read(replica, path, within=within)
        desk.machine.save(first="one, edited")
        return found

    monkeypatch.setattr(FileReplica, "read", saved)
    await rescan(desk).scan(STORE)
    monkeypatch.undo()
    assert desk.ledger.places.stores()[STORE].root == desk.replica.identity()
    await desk.consider(["first"])
    desk.send()
    assert desk.machine.mirror() == {"first": "one, edited"}
    assert desk.ledger.conflicts.unresolved() == []


async def test_a_folder_that_is_another_one_again_when_it_is_adopted_is_read_anew(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agree(first="one")
    copied(desk.machine.files)
    await desk.guards.survey(STORE)
    desk.machine.files.rename(desk.machine.files.with_name("gone too"))
    desk.machine.files.mkdir()
    desk.machine.save(first="of a third folder")
    desk.guards.roots.adopt(STORE, desk.replica.identity(), 0.0)
    assert desk.ledger.entries.get(FIRST)[0] is None


async def test_after_a_boot_the_folder_that_was_known_is_not_read(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [f"n{number:02}" for number in range(20)]
    await desk.agree(**dict.fromkeys(made, "a note"))
    boot(desk)
    monkeypatch.setattr(FileReplica, "read", pytest.fail)
    await rescan(desk).scan(STORE)
    assert desk.ledger.places.stores()[STORE].root == desk.replica.identity()


async def test_an_edit_made_before_a_boot_is_an_edit(desk: Desk) -> None:
    await desk.agree(first="one", second="two")
    desk.machine.save(first="one, edited")
    boot(desk)
    await rescan(desk).scan(STORE)
    await desk.consider(["first"])
    desk.send()
    assert desk.machine.mirror() == {"first": "one, edited", "second": "two"}
    assert desk.ledger.conflicts.unresolved() == []


async def test_after_a_boot_a_long_file_is_known_by_its_stat(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (desk.machine.files / "first.txt").open("wb") as file:
        file.truncate(SLOW_BYTES + 1)
    found = desk.replica.read("first.txt")
    assert isinstance(found, Found)
    with desk.ledger.transaction():
        read = FileState(found.stat, found.content.digest, desk.clock.read_ns())
        desk.ledger.places.record_files([(FIRST, read)])
    desk.restart()
    boot(desk)
    monkeypatch.setattr(transit, "measure", pytest.fail)
    assert desk.guards.root_state(STORE) is RootState.PRESENT


async def test_a_folder_is_not_walked_for_every_turn_that_deletes_what_comes_first_in_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [f"n{number:03}" for number in range(400)]
    await desk.agree(**dict.fromkeys(made, "a note"))
    desk.clock.seconds += 2 * WINDOW
    gone = made[:60]
    desk.machine.delete(*gone)
    walks: list[FileReplica] = []
    scan = FileReplica.scan

    def walked(replica: FileReplica, *, first: bool = False) -> Seen:
        walks.append(replica)
        return scan(replica, first=first)

    monkeypatch.setattr(FileReplica, "scan", walked)
    for start in range(0, len(gone), 10):
        await desk.consider(gone[start : start + 10])
        desk.send()
    assert len(desk.machine.mirror()) == len(made) - len(gone)
    assert len(walks) <= 1
