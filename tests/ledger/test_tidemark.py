"""A ledger that was written less often than is known is an old copy of itself."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.ledger.ledger import Ledger
from syncd.ledger.state import StateFolder
from syncd.ledger.tidemark import Tidemark, commits

URL = "http://x"


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / "state")
    folder.open()
    return folder


def opened(state: StateFolder) -> Ledger:
    return state.open_ledger(URL, "w")


def written(ledger: Ledger, *names: str) -> None:
    for name in names:
        with ledger.transaction():
            ledger.places.put(name, "")


def copied(state: StateFolder) -> bytes:
    """The ledger as it is now, though somebody may have it open."""
    path = state.ledger_path(URL, "w")
    assert path is not None
    source, copy = sqlite3.connect(path), sqlite3.connect(":memory:")
    source.backup(copy)
    source.close()
    copied = copy.serialize()
    copy.close()
    return copied


def put_back(state: StateFolder, copy: bytes) -> None:
    path = state.ledger_path(URL, "w")
    assert path is not None
    path.write_bytes(copy)


def is_old(state: StateFolder) -> bool:
    ledger = opened(state)
    try:
        return ledger.epochs.is_old_copy
    finally:
        ledger.close()


def test_a_copy_made_while_the_ledger_was_open_is_found_out(state: StateFolder) -> None:
    ledger = opened(state)
    copy = copied(state)
    written(ledger, "one more")
    ledger.close()
    assert not is_old(state)
    put_back(state, copy)
    assert is_old(state)
    assert is_old(state), "until its epoch is ended, however often it is opened"


def test_an_old_copy_is_one_until_its_epoch_ends_and_then_counts_on(state: StateFolder) -> None:
    ledger = opened(state)
    copy = copied(state)
    written(ledger, *"abc")
    ledger.close()
    known = ledger_commits(state)
    put_back(state, copy)
    ledger = opened(state)
    with ledger.transaction():
        ledger.epochs.end()
    ledger.close()
    assert not is_old(state)
    assert ledger_commits(state) > known
    put_back(state, copy)
    assert is_old(state), "the same copy once more"


def ledger_commits(state: StateFolder) -> int:
    ledger = opened(state)
    try:
        return commits(ledger._connection)
    finally:
        ledger.close()


@pytest.mark.parametrize("left", [None, b"", b"0000", b"\0" * 20])
def test_what_a_power_cut_takes_of_the_mark_makes_no_ledger_old(
    state: StateFolder, left: bytes | None
) -> None:
    ledger = opened(state)
    written(ledger, *"abc")
    ledger.close()
    path = state.ledger_path(URL, "w")
    assert path is not None
    mark = state.path / "tidemarks" / path.name
    if left is None:
        mark.unlink()
    else:
        mark.write_bytes(left)
    assert not is_old(state)


def test_a_ledger_ends_with_its_daemon_and_is_no_old_copy(state: StateFolder) -> None:
    ledger = opened(state)
    with suppress(RuntimeError), ledger.transaction():
        ledger.places.put("name", "")
        raise RuntimeError
    written(ledger, "name")
    ledger._connection.close()  # Killed: nothing is tidied up.
    assert not is_old(state)


def test_a_transaction_that_writes_nothing_is_not_written_for_its_count(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path, Tidemark(tmp_path / "mark"))
    written(ledger, "name")
    logged = path.with_name("ledger.db-wal")
    before = commits(ledger._connection), logged.stat().st_size
    with ledger.transaction():
        ledger.places.get("name")
    assert (commits(ledger._connection), logged.stat().st_size) == before
    ledger.close()


def test_a_mark_that_cannot_be_written_fails_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    mark = Tidemark(tmp_path / "mark")
    ledger = Ledger.open(tmp_path / "ledger.db", mark)
    written(ledger, "one")
    told = mark.read()
    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        written(ledger, "two")
    assert ledger.places.get("two") == ""
    assert mark.read() == told
    written(ledger, "three")
    assert mark.read() == commits(ledger._connection) == told + 2
    ledger.close()
