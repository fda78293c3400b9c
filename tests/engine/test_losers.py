"""What loses a conflict is found without the ledger and without the deployment."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from syncd.core.model import Digest, Key
from syncd.files.swapped import Swapped
from syncd.ledger.contents import Contents

from .fakes import STORE, Machine, deployment, digest

KEY = Key(STORE, "a.txt")


async def clashed(folder: Path) -> Machine:
    """A machine whose note was edited here and elsewhere: the file won."""
    there = deployment()
    mine, theirs = Machine(folder / "mine", there), Machine(folder / "theirs", there, "desk")
    mine.save(a="agreed\n")
    await mine.sync()
    await theirs.sync()
    theirs.save(a="theirs\n")
    await theirs.sync()
    mine.save(a="mine\n")
    await mine.sync()
    assert mine.tree() == {"a": "mine\n"}
    return mine


async def test_the_loser_is_in_history_and_on_its_index(tmp_path: Path) -> None:
    mine = await clashed(tmp_path)
    lost = digest(b"theirs\n")
    assert mine.history.get(lost) == b"theirs\n"
    ledger = mine.ledger()
    assert [each.digest for each in ledger.past.page(0, 9)] == [lost]
    assert ledger.past.starting(KEY, lost[:8]) == {lost}
    assert ledger.past.at(KEY, 0.0) == (False, None), "the file never held it"
    ledger.close()


async def test_a_disk_that_fails_keeps_no_save_back_and_the_next_start_catches_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Swapped, body: bytes) -> Digest:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Swapped, "keep", full)
        mine = await clashed(tmp_path)
    assert mine.mirror() == {"a": "mine\n"}
    assert not mine.history.has(digest(b"theirs\n"))
    await mine.sync()
    assert mine.history.get(digest(b"theirs\n")) == b"theirs\n"


async def test_a_start_reads_nothing_of_conflicts_that_are_in_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = await clashed(tmp_path)
    read: list[Digest] = []
    get = Contents.get

    def recorded(self: Contents, digest: Digest) -> bytes | None:
        read.append(digest)
        return get(self, digest)

    monkeypatch.setattr(Contents, "get", recorded)
    await mine.sync()
    assert digest(b"theirs\n") not in read
