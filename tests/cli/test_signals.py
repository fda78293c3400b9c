"""Signals in every phase of a command: before it began, while it opens, and twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'

WHILE_IT_LOADS = """
import os, sys, syncd.cli as cli
cli.registered = lambda command: os.kill(os.getpid(), {signal})
sys.argv = ["syncd", "run"]
cli.main()
"""

WHILE_IT_IS_PUT_TOGETHER = """
import os, sys, typer.main, syncd.cli as cli
typer.main.get_command = lambda app: os.kill(os.getpid(), {signal})
sys.argv = ["syncd", "run"]
cli.main()
"""

WHILE_ITS_WORDS_ARE_READ = """
import os, sys, typer.main, syncd.cli as cli
typer.main.get_command = lambda app: lambda: os.kill(os.getpid(), {signal})
sys.argv = ["syncd", "run"]
cli.main()
"""

WHILE_IT_OPENS = """
import asyncio, contextlib, os, sys, syncd.daemon as daemon

@contextlib.asynccontextmanager
async def open_daemon(config):
    try:
        os.kill(os.getpid(), {signal})
        await asyncio.Event().wait()
        yield
    finally:
        print("closed", flush=True)
        {more}

daemon.open_daemon = open_daemon
sys.argv = ["syncd", "run"]
from syncd.cli import main
main()
"""

WHILE_THE_BACKEND_STARTS = """
import asyncio, os, sys, syncd.embedded.launcher as launcher

async def start(self):
    os.kill(os.getpid(), {signal})
    await asyncio.Event().wait()

async def stop(self):
    print("stopped", flush=True)

launcher.EmbeddedBackend.start, launcher.EmbeddedBackend.stop = start, stop
sys.argv = ["syncd", "dev"]
from syncd.cli import main
main()
"""

AGAIN = "os.kill(os.getpid(), {signal}); await asyncio.Event().wait()"


def ran(folder: Path, code: str, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    (folder / "config.toml").write_text(CONFIG)
    return subprocess.run(
        [sys.executable, "-c", code.replace("{signal}", str(number.value))],
        cwd=folder, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("phase", [WHILE_IT_LOADS, WHILE_IT_IS_PUT_TOGETHER])
def test_before_anything_began_it_ends_without_a_trace(
    tmp_path: Path, phase: str, number: signal.Signals
) -> None:
    ended = ran(tmp_path, phase, number)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-number, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_before_it_knows_what_is_asked_it_ends_without_a_trace(
    tmp_path: Path, number: signal.Signals
) -> None:
    ended = ran(tmp_path, WHILE_ITS_WORDS_ARE_READ, number)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_it_opens_what_was_opened_is_closed(tmp_path: Path, number: signal.Signals) -> None:
    ended = ran(tmp_path, WHILE_IT_OPENS.replace("{more}", ""), number)
    assert (ended.returncode, ended.stdout) == (0, "closed\n")
    assert '"stopping"' in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "mirroring" not in ended.stderr


def test_the_second_signal_waits_for_nothing(tmp_path: Path) -> None:
    ended = ran(tmp_path, WHILE_IT_OPENS.replace("{more}", AGAIN), signal.SIGTERM)
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "closed\n")
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_backend_that_does_not_begin_is_not_waited_for(
    tmp_path: Path, number: signal.Signals
) -> None:
    ended = ran(tmp_path, WHILE_THE_BACKEND_STARTS, number)
    assert (ended.returncode, ended.stdout) == (0, "stopped\n")
    assert "Traceback" not in ended.stderr
