"""Output that cannot be written: a line about it, no traceback; and no daemon ends for its log."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFIG = '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'
SYNCD = [sys.executable, "-m", "syncd"]


@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["status"], ["doctor"], ["schema", "status"]]
)
def test_a_full_disk_takes_one_line(tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*SYNCD, *words], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE,
                               text=True, check=False, timeout=60)  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.startswith("syncd: what is to be said here cannot be written: No space")
    assert len(ended.stderr.splitlines()) == 2


def test_a_reader_that_is_gone_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    for words in (["--version"], ["status"]):
        started = subprocess.Popen([*SYNCD, *words], cwd=tmp_path, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)  # fmt: skip
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        assert (started.stderr.read(), started.wait(60)) == ("", 1)


def test_what_was_closed_before_the_start_takes_everything(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$0" -m syncd status >&-; "$0" -m syncd log 2>&-', sys.executable],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "", 2)


def test_a_daemon_whose_log_has_no_room_goes_on(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    (tmp_path / "flows").mkdir()
    with Path("/dev/full").open("w") as full:
        daemon = subprocess.Popen([*SYNCD, "run"], cwd=tmp_path, stdout=full, stderr=full)
    answering = tmp_path / ".syncd" / "control.sock"
    deadline = time.monotonic() + 30
    while daemon.poll() is None and not answering.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answering.exists()
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(30) == 0


def test_a_log_that_nobody_reads_keeps_nobody_waiting(tmp_path: Path) -> None:
    code = (
        "import sys; from syncd.cli.streams import let_errors_be_lost; let_errors_be_lost();"
        "[print('x' * 9999, file=sys.stderr) for _ in range(50)]; print('went on', flush=True);"
        "sys.stdin.readline(); print('y' * 9999, file=sys.stderr)"
    )
    started = subprocess.Popen([sys.executable, "-c", code], text=True, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert started.stdout is not None
    assert started.stderr is not None
    ready, _, _ = select.select([started.stdout], [], [], 20)
    if not ready:
        started.kill()
    assert started.stdout.readline() == "went on\n"
    os.read(started.stderr.fileno(), 1 << 20)
    _, said = started.communicate("\n", timeout=20)
    assert said.count("y") == 9999, "who reads again is told again"
