"""One daemon a store, whatever its state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncd.errors import AnotherInstance
from syncd.files.claim import Claims

HOLDER = """
import sys
from pathlib import Path
from syncd.files.claim import Claims
with Claims({"theirs": Path(sys.argv[1])}):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.communicate()
    assert process.returncode == 0


def test_the_second_is_told_who_owns_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    link = tmp_path / "link"
    link.symlink_to(folder)
    process = holder(folder)
    try:
        with pytest.raises(AnotherInstance, match=f"process {process.pid} already") as raised:
            Claims({"ours": link}).take()
        assert raised.value.exit_code == 9
    finally:
        end(process)
    with Claims({"ours": link}):
        pass


def test_where_one_is_taken_none_stays_claimed(tmp_path: Path) -> None:
    free, taken = tmp_path / "free", tmp_path / "taken"
    free.mkdir()
    taken.mkdir()
    with Claims({"theirs": taken}):
        with pytest.raises(AnotherInstance), Claims({"free": free, "taken": taken}):
            pass
        with Claims({"free": free}):
            pass


def test_a_killed_daemon_leaves_nothing_behind(tmp_path: Path) -> None:
    process = holder(tmp_path)
    process.kill()
    process.communicate()
    with Claims({"ours": tmp_path}):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_replaced_or_comes_back_is_claimed_anew(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with Claims({"ours": folder}) as claims:
        folder.mkdir()
        claims.take()
        with pytest.raises(AnotherInstance, match=f"process {os.getpid()} "):
            Claims({"theirs": folder}).take()
        folder.rename(tmp_path / "former")
        folder.mkdir()
        claims.take()
        with pytest.raises(AnotherInstance):
            Claims({"theirs": folder}).take()
        with Claims({"theirs": tmp_path / "former"}):
            pass
