"""A quota that is used up counts as a disk that is full: both pass, and nothing is broken."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.errors import LedgerError, LedgerFull
from syncd.ledger.connection import open_ledger, transaction
from syncd.ledger.room import is_full

WRITE = sqlite3.SQLITE_IOERR | 3 << 8  # SQLITE_IOERR_WRITE: what EDQUOT is to SQLite
SHARED = sqlite3.SQLITE_IOERR | 19 << 8  # SQLITE_IOERR_SHMSIZE: what any lack of room is there


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = open_ledger(tmp_path / "a.db")
    yield connection
    connection.close()


def refuse(patch: pytest.MonkeyPatch, number: int, call: str = "write") -> None:
    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    patch.setattr(f"syncd.ledger.room.os.{call}", refused)


def of_code(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize("code", [WRITE, SHARED])
@pytest.mark.parametrize("number", [errno.EDQUOT, errno.ENOSPC])
def test_a_quota_that_is_used_up_is_a_disk_that_is_full(
    ledger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    refuse(monkeypatch, number)
    with pytest.raises(LedgerFull, match="quota used up"), transaction(ledger):
        raise of_code(code)


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_a_disk_that_fails_is_none_that_is_full(
    ledger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse(monkeypatch, number)
    with pytest.raises(LedgerError) as raised, transaction(ledger):
        raise of_code(WRITE)
    assert not isinstance(raised.value, LedgerFull)


def test_where_there_is_room_a_failed_write_stays_one(
    ledger: sqlite3.Connection, tmp_path: Path
) -> None:
    with pytest.raises(LedgerError) as raised, transaction(ledger):
        raise of_code(WRITE)
    assert not isinstance(raised.value, LedgerFull)
    assert not (tmp_path / "room").exists()


def test_a_write_that_is_cut_short_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [1000]

    def write(_: int, body: bytes) -> int:
        if not room:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        return min(room.pop(), len(body))

    monkeypatch.setattr("syncd.ledger.room.os.write", write)
    assert is_full(tmp_path)


def test_what_is_refused_only_when_it_is_flushed_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_full(tmp_path)
    refuse(monkeypatch, errno.EDQUOT, "fsync")
    assert is_full(tmp_path)
    assert list(tmp_path.iterdir()) == []
