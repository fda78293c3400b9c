"""`syncd service` as scripts use it: JSON, and exit codes that tell whether the service runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from syncd.cli import registered

Service = Callable[..., Result]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    (tmp_path / "config.toml").write_text(
        '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'
    )
    app = registered("service")

    def run(*words: str) -> Result:
        return CliRunner().invoke(
            app, ["service", *words, "--config", str(tmp_path / "config.toml")]
        )

    return run


def told(ran: Result) -> dict[str, Any]:
    told = json.loads(ran.stdout)
    assert told["version"] == 1
    assert told["unit"].startswith("syncd@")
    assert isinstance(told, dict)
    return told


def test_a_service_is_told_from_its_installation_to_its_end(
    systemctl: Path, service: Service
) -> None:
    shown = told(service("install", "--print", "--json"))
    assert (shown["installed"], shown["enabled"], shown["active"]) == (False, False, None)
    assert all("[Service]" in text for text in shown["files"].values())
    assert not any(Path(path).exists() for path in shown["files"])
    systemctl.write_text('case "$*" in *is-active*) echo active;; esac')
    installed = told(service("install", "--json"))
    assert (installed["installed"], installed["active"]) == (True, "active")
    ran = service("status", "--json")
    assert (ran.exit_code, told(ran)) == (0, installed)
    systemctl.write_text('case "$*" in *is-active*) echo inactive; exit 3;; esac')
    gone = told(service("uninstall", "--json"))
    assert (gone["installed"], gone["enabled"], gone["active"]) == (False, False, "inactive")


@pytest.mark.parametrize(
    ("word", "code"), [("active", 0), ("activating", 0), ("failed", 6), ("inactive", 6)]
)
def test_the_exit_code_tells_whether_it_runs(
    systemctl: Path, service: Service, word: str, code: int
) -> None:
    systemctl.write_text(f"echo {word}; exit 3")
    assert service("status").exit_code == service("status", "--json").exit_code == code


def test_what_was_never_installed_is_said_to_be_so(systemctl: Path, service: Service) -> None:
    systemctl.write_text('case "$*" in *is-active*) echo inactive;; esac; exit 4')
    ran = service("status")
    assert ran.exit_code == 6
    assert ran.stdout.endswith(".service is not installed\n")


def test_without_systemd_nothing_is_said_of_the_service(systemctl: Path, service: Service) -> None:
    systemctl.write_text("echo Failed to connect to bus: No medium found >&2; exit 1")
    ran = service("status")
    assert ran.exit_code == 1
    assert "not installed" not in ran.stdout
    assert "systemd does not run here" in ran.stderr


@pytest.mark.usefixtures("homeless")
def test_a_user_without_name_or_home_is_told_so_and_may_have_one_of_the_machine(
    service: Service,
) -> None:
    for words in (("install",), ("uninstall",), ("status",)):
        ran = service(*words)
        assert ran.exit_code == 2
        assert "has no home folder" in ran.stderr
        assert "nothing was changed" in ran.stderr
    shown = told(service("install", "--system", "--print", "--json"))
    assert any(f"User={os.getuid()}\n" in text for text in shown["files"].values())
