"""What bundling does to the packages it is done with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import hatch_build


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The programs that bundling in an empty checkout at `tmp_path` calls."""
    monkeypatch.setattr(hatch_build, "EMBEDDED", tmp_path)
    commands: list[str] = []
    monkeypatch.setattr(hatch_build, "_run", lambda *command: commands.append(" ".join(command)))
    return commands


def _installed(modules: Path, lock: Path) -> None:
    """Packages in `modules` that are older than what `lock` asks for."""
    modules.mkdir()
    (modules / ".package-lock.json").touch()
    os.utime(modules / ".package-lock.json", (1, 1))
    lock.touch()


def test_packages_that_are_old_are_installed_anew(ran: list[str], tmp_path: Path) -> None:
    _installed(tmp_path / "node_modules", tmp_path / "package-lock.json")
    hatch_build._bundle("server", "out")
    assert ["ci" in command for command in ran] == [True, False]


def test_packages_that_a_link_leads_to_are_taken_as_they_are(
    ran: list[str], tmp_path: Path
) -> None:
    """`npm ci` would empty the folder, which is another checkout's, and replace the link."""
    _installed(tmp_path / "elsewhere", tmp_path / "package-lock.json")
    (tmp_path / "node_modules").symlink_to(tmp_path / "elsewhere")
    hatch_build._bundle("server", "out")
    assert ["ci" in command for command in ran] == [False]
