"""What a command imports: no more than it needs, and all that there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from syncd import __version__
from syncd.cli import COMMANDS, registered


def python(code: str) -> str:
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return ran.stdout


def test_every_command_is_known_by_its_module() -> None:
    named = [command for commands in COMMANDS.values() for command in commands]
    assert sorted(named) == sorted(get_command(registered()).commands)  # type: ignore[attr-defined]


def test_help_lists_first_what_a_stranger_needs_first_and_groups_among_commands() -> None:
    named = [command for commands in COMMANDS.values() for command in commands]
    said = CliRunner().invoke(registered(), ["--help"], env={"COLUMNS": "200"}).output
    assert re.findall(r"^│ ([a-z]+) ", said, re.MULTILINE) == named


def test_help_of_an_argument_says_what_it_is_and_not_how_it_is_parsed() -> None:
    for command in ("restore", "explain", "conflicts resolve"):
        words = [*command.split(), "--help"]
        said = CliRunner().invoke(registered(), words, env={"COLUMNS": "200"}).output
        arguments = said.partition("Arguments")[2].partition("Options")[0]
        assert arguments
        assert "<" not in arguments


@pytest.mark.parametrize("module", COMMANDS)
def test_a_command_registers_itself_and_its_neighbours_alone(module: str) -> None:
    command = COMMANDS[module][0]
    code = (
        "from typer.main import get_command; from syncd.cli import registered; "
        f"print(*get_command(registered({command!r})).commands)"
    )
    assert sorted(python(code).split()) == sorted(COMMANDS[module])


def test_the_version_is_told_without_importing_anything_else() -> None:
    code = (
        "import sys; sys.argv = ['syncd', '--version']; from syncd.cli import main; main(); "
        "print({'typer', 'pydantic', 'aiohttp', 'yaml', 'syncd.cli.app'} & sys.modules.keys())"
    )
    assert python(code) == f"syncd {__version__}\nset()\n"


def test_the_official_client_is_left_to_the_process_that_listens() -> None:
    assert python("import sys, syncd.daemon; print('_convex' in sys.modules)") == "False\n"


def test_a_single_pass_imports_nothing_of_a_daemon_that_stays() -> None:
    stays = ("syncd.control", "syncd.monitoring.pulse", "syncd.remote.listener")
    lasting = ("yaml", "watchdog", *stays)
    for module, expected in (("daemon", []), ("running", [*lasting])):
        code = f"import sys, syncd.{module}; print([m for m in {lasting} if m in sys.modules])"
        assert python(code) == f"{expected}\n"


def test_a_single_pass_for_people_imports_nothing_of_what_is_told_as_json(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[[store]]\nname = "a"\nkind = "file"\npath = "a"\n')
    told = python(
        "import sys; from pathlib import Path; from syncd.cli import run; "
        "from syncd.config import load; "
        f"run._summary(load(Path({str(tmp_path / 'config.toml')!r}), {{}}), as_json=False); "
        "print('syncd.cli.reports' in sys.modules)"
    )
    assert told.splitlines()[-1] == "False"


def test_a_start_that_fails_waits_for_what_is_imported_beside_it(tmp_path: Path) -> None:
    # An interpreter that ends under an import may die of it: half of such starts did.
    store = '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'
    (tmp_path / "config.toml").write_text(store)
    slow = "import pathlib, time; time.sleep(1); pathlib.Path('imported').touch()"
    (tmp_path / "aiohttp.py").write_text(slow)
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-m", "syncd", "sync", "--once"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "CONVEX_URL": "http://127.0.0.1:9", "PYTHONPATH": paths},
    )  # fmt: skip
    assert (ran.returncode, "no device token" in ran.stderr) == (2, True)
    assert (tmp_path / "imported").exists()


def test_rich_is_loaded_by_what_shows_something_with_it() -> None:
    code = (
        "import sys; from syncd.cli import registered; registered('run'); "
        "print({'rich', 'structlog'} & sys.modules.keys()); import rich.progress"
    )
    assert python(code) == "{'structlog'}\n"


@pytest.mark.parametrize("words", [["status", "--help"], ["--help"], ["nonsense"], []])
def test_help_and_mistakes_are_answered(words: list[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "syncd", *words], capture_output=True, text=True, check=False
    )
    said = ran.stdout + ran.stderr
    assert ("No such command 'nonsense'" in said) == (words == ["nonsense"])
    assert ran.returncode == (0 if "--help" in words else 2)


def test_help_is_folded_by_the_terminal_and_not_by_the_source() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "syncd", "init", "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "80"},
    )  # fmt: skip
    assert "a deployment      \n stays as it is; to one that" in ran.stdout
