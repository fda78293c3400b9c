"""A file is trusted by its stat from before it was looked at: a turn may take long after it.

What is saved within the tick of the kernel's clock in which the file was read leaves the same stat.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.core.decision import RACY_NS, FileState
from syncd.core.model import Key
from syncd.files.replica import FileReplica
from syncd.ledger.ledger import Ledger

from .fakes import STORE, Desk, Machine, RunningClock, deployment
from .yard import FILE, Yard, deploy

KEY = Key(STORE, "note.txt")

LONG = 10 * RACY_NS
"""How long what comes after a look takes."""


class Crash(BaseException):
    """The process ends here."""


class Watch(RunningClock):
    """The clock that stamps files, stopped a moment after what was saved last."""

    def __init__(self) -> None:
        super().__init__()
        self.ns = time.time_ns()

    def read_ns(self) -> int:
        return self.ns

    def stop_after(self, file: Path, ns: int) -> None:
        self.ns = file.stat().st_ctime_ns + ns


def known(ledger: Ledger, key: Key) -> FileState:
    found = ledger.places.file(key.store, key.path)
    assert found is not None
    return found


def crash(*_: object) -> None:
    raise Crash


def lasting(replica: object, name: str, clock: Watch, patch: pytest.MonkeyPatch) -> None:
    """Let what a method of the replica does be over long before it returns."""
    method: Callable[..., object] = getattr(replica, name)

    def slow(*args: object, **kwargs: object) -> object:
        found = method(*args, **kwargs)
        clock.ns += LONG
        return found

    patch.setattr(replica, name, slow)


@pytest.mark.parametrize(("before", "racy"), [(1, True), (RACY_NS, True), (RACY_NS + 1, False)])
async def test_a_file_that_was_just_saved_is_read_again_however_long_the_turn_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, racy: bool
) -> None:
    clock = Watch()
    desk = Desk(tmp_path, clock)
    desk.machine.save(note="one")
    clock.stop_after(desk.machine.files / KEY.path, before)
    lasting(desk.replica, "read_first", clock, monkeypatch)
    await desk.reconciler.consider([KEY])
    assert known(desk.ledger, KEY).racy is racy
    desk.ledger.close()


@pytest.mark.parametrize(("before", "racy"), [(1, True), (RACY_NS + 1, False)])
async def test_so_is_a_file_of_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, racy: bool
) -> None:
    yard = Yard(tmp_path, deployment(), "laptop")
    yard.clock = clock = Watch()
    yard.restart()
    yard.put(deploy("d1"))
    clock.stop_after(yard.path, before)
    lasting(yard.replica, "read_first", clock, monkeypatch)
    await yard.reconciler.consider([FILE])
    assert known(yard.ledger, FILE).racy is racy
    yard.ledger.close()


async def test_what_was_written_here_is_read_again_however_much_was_written_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = deployment()
    (tmp_path / "there").mkdir()
    there = Machine(tmp_path / "there", remote, "there")
    there.save(note="one")
    await there.sync()
    here = Machine(tmp_path / "here", remote, "here")
    here.clock = clock = Watch()
    lasting(FileReplica, "perform", clock, monkeypatch)
    await here.sync()
    assert here.tree() == {"note": "one"}
    ledger = here.ledger()
    assert known(ledger, KEY).racy
    ledger.close()


async def test_what_a_crash_left_written_is_read_whatever_its_stat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Watch()
    desk = Desk(tmp_path, clock)
    (tmp_path / "there").mkdir(exist_ok=True)
    there = Machine(tmp_path / "there", desk.machine.deployment, "there")
    there.save(note="one")
    await there.sync()
    desk.hear()
    with monkeypatch.context() as patch:
        patch.setattr(desk.ledger, "commit", crash)
        with pytest.raises(Crash):
            await desk.reconciler.consider([KEY])
    file = desk.machine.files / KEY.path
    file.write_text("two")
    clock.stop_after(file, LONG)
    desk.restart()
    assert await desk.reconciler.recover() == [KEY]
    assert known(desk.ledger, KEY).racy, "another crash may come before it is read"
    desk.ledger.close()
