"""How far the properties look: the same examples every time, so that a commit that was green
stays green; others at each run with SYNCD_SEARCH set, for those who go looking for faults. And what
tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

settings.register_profile("same", derandomize=True)
settings.register_profile("search", print_blob=True)
settings.load_profile("search" if "SYNCD_SEARCH" in os.environ else "same")


@pytest.fixture(autouse=True)
def _logs_of_its_own() -> None:
    # A command that another test ran logs to a stream that is closed by now.
    structlog.reset_defaults()


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the machine does not know, as in a container that runs as some number."""

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("HOME", "XDG_CONFIG_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What `systemctl` does, and nothing else: a script."""
    (folder := tmp_path / "bin").mkdir()
    (program := folder / "systemctl").write_text(f"#!/bin/sh\n. {folder}/does\n")
    program.chmod(0o755)
    (does := folder / "does").touch()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return does
