"""A daemon that is stopped is known at once, and no other process is taken for it."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.errors import AnotherInstance, LedgerError
from syncd.ledger.lock import tell_waiting, waits_for_room
from syncd.ledger.owner import is_stopped, stopped_owner, waiting_owner
from syncd.ledger.state import StateFolder

OWNING = """
import sys
from pathlib import Path
from syncd.ledger.state import StateFolder
from syncd.ledger.lock import tell_waiting
StateFolder(Path(sys.argv[1])).open()
print("owned", flush=True)
for word in sys.stdin:
    tell_waiting(Path(sys.argv[1]), waits=word == "waits\\n")
    print("told", flush=True)
"""


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OWNING, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owned\n"
        yield process
        process.kill()


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)


def test_an_owner_that_is_stopped_is_seen_until_it_goes_on(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    assert stopped_owner(tmp_path) is None
    stop(owner)
    assert stopped_owner(tmp_path) == owner.pid
    owner.send_signal(signal.SIGCONT)
    os.waitid(os.P_PID, owner.pid, os.WCONTINUED | os.WNOWAIT)
    assert stopped_owner(tmp_path) is None


def test_an_owner_that_waits_for_room_is_known_until_it_goes_on(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    def say(word: str) -> None:
        assert owner.stdin is not None
        assert owner.stdout is not None
        owner.stdin.write(word)
        owner.stdin.flush()
        assert owner.stdout.readline() == "told\n"

    assert waiting_owner(tmp_path) is None
    say("waits\n")
    assert waiting_owner(tmp_path) == StateFolder(tmp_path).owner() == owner.pid
    with pytest.raises(AnotherInstance, match=f"process {owner.pid} already owns"):
        StateFolder(tmp_path).open()
    say("goes on\n")
    assert waiting_owner(tmp_path) is None
    assert StateFolder(tmp_path).owner() == owner.pid


def test_who_waited_and_ended_does_not_wait_for_the_next(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.open()
    tell_waiting(tmp_path, waits=True)
    folder.close()
    assert waits_for_room(tmp_path)
    assert waiting_owner(tmp_path) is None
    folder.open()
    assert not waits_for_room(tmp_path)
    folder.close()


def test_without_room_for_the_owner_s_number_nothing_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("syncd.ledger.lock.os.pwrite", full)
    folder = StateFolder(tmp_path)
    with pytest.raises(LedgerError, match="No space left on device; nothing was started") as raised:
        folder.open()
    assert raised.value.advice == "free some space"
    assert folder.owner() is None


def test_a_stopped_process_that_holds_no_lock_is_another(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    stop(owner)
    other = tmp_path / "another"
    other.touch()
    assert not is_stopped(other, owner.pid)
    assert is_stopped(tmp_path / "lock", owner.pid)


def test_a_look_whose_the_folder_is_is_no_owner(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.open()
    folder.close()
    looking = os.open(tmp_path / "lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    ended = threading.Timer(0.05, os.close, [looking])
    ended.start()
    folder.open()
    folder.close()
    ended.join()


def test_nobody_owns_nothing(tmp_path: Path) -> None:
    assert stopped_owner(tmp_path) is None
    assert not is_stopped(tmp_path / "lock", os.getpid())
