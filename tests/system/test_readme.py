"""Every command of the README's code blocks: run in a copy of the checkout, or at least parsed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.cli import registered
from syncd.config import load
from syncd.stores.records import Split, split

from .test_reports import commands as every
from .waiting import until

CHECKOUT = Path(__file__).parents[2]
INSTALLED = CHECKOUT / ".venv/installed"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
BIG = (".venv", "node_modules")

pytestmark = pytest.mark.skipif(
    not INSTALLED.exists(), reason="`make run` and `make test` make the .venv that this needs"
)


def commands() -> list[str]:
    """The lines of the README's shell blocks, without their comments."""
    blocks = BLOCK.findall((CHECKOUT / "README.md").read_text())
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as a newcomer has it, with what was installed already, and any free port."""
    made = tmp_path_factory.mktemp("readme") / "syncd"
    ignored = shutil.ignore_patterns(
        *BIG, ".git", ".syncd", ".*_cache", ".hypothesis", "__pycache__"
    )
    shutil.copytree(CHECKOUT, made, ignore=ignored)
    for big in [*CHECKOUT.glob(".venv"), *CHECKOUT.glob("*/node_modules"),
                *CHECKOUT.glob("*/*/node_modules")]:  # fmt: skip
        (made / big.relative_to(CHECKOUT)).symlink_to(big)
    config = made / "config.toml"
    settings = config.read_text()
    assert settings.count("port = 3210") == 1
    config.write_text(settings.replace("port = 3210", "port = 0"))
    return made


@pytest.fixture(scope="module")
def running(copy: Path) -> Iterator[Path]:
    """`make run`, as in a terminal of its own; Ctrl-C ends it."""
    with (copy / "make.log").open("wb") as log:
        making = subprocess.Popen(
            ["make", "run"], cwd=copy, stdout=log, stderr=log, env=clean(), start_new_session=True
        )

    def in_sync() -> bool:
        assert making.poll() is None, (copy / "make.log").read_text()
        return ran(copy, ".venv/bin/syncd status").returncode == 0

    try:
        until(in_sync, "make run in sync", 60)
        yield copy
    finally:
        if making.poll() is None:
            os.killpg(making.pid, signal.SIGINT)
        try:
            making.wait(20)
        finally:
            if making.poll() is None:
                os.killpg(making.pid, signal.SIGKILL)
                making.wait()


def clean() -> dict[str, str]:
    ours = ("CONVEX_", "SYNCD_", "MAKE", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def test_the_commands_in_its_sentences_exist() -> None:
    known = {command.split()[0] for command in every(registered())}
    named = set(re.findall(r"`syncd ([a-z]+)", (CHECKOUT / "README.md").read_text()))
    assert len(named) > 8
    assert named <= known


def ran(folder: Path, command: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        command, shell=True, cwd=folder, env=clean(), check=False, capture_output=True, timeout=60
    )


def test_the_commands_are_those_that_are_tried_here() -> None:
    assert commands() == [
        "make run",
        "make test",
        ".venv/bin/syncd status",
        ".venv/bin/syncd verify",
        "export CONVEX_URL=https://your-deployment.convex.cloud",
        "CONVEX_DEPLOY_KEY=prod:... syncd init",
        "syncd run",
        "syncd service install",
    ]


def parts(path: Path, pointer: str | None) -> list[str]:
    """What of a file is mirrored by itself."""
    if pointer is None:
        return [path.name]
    found = split(path.read_bytes(), pointer)
    assert isinstance(found, Split)
    return list(found.parts)


def test_make_run_mirrors_the_samples(running: Path) -> None:
    stores = load(running / "config.toml", {}).stores
    samples = [
        part
        for store in stores
        for path in store.path.rglob("*.*")
        if path.is_file()
        for part in parts(path, store.pointer)
    ]
    verified = ran(running, ".venv/bin/syncd verify")
    assert verified.returncode == 0, verified.stdout
    same = re.findall(rb": ([\d,]+) same, no drift, 0 not compared", verified.stdout)
    assert sum(int(count.replace(b",", b"")) for count in same) == len(samples) > 3
    status = ran(running, ".venv/bin/syncd status")
    assert status.stdout.startswith(b"in-sync: ")


def test_a_second_machine_is_enrolled_as_the_readme_says(running: Path) -> None:
    enrolled = ran(running, ".venv/bin/syncd devices enroll laptop")
    assert enrolled.returncode == 0
    assert re.fullmatch(rb"syncd_\S+\n", enrolled.stdout)


def test_what_make_run_suggests_is_there(running: Path) -> None:
    said = (running / "make.log").read_text()
    suggested = re.findall(r"^ +(\.venv/bin/syncd \S.*?)(?:  |$)", said, re.MULTILINE)
    assert suggested
    for command in suggested:
        assert ran(running, command).returncode == 0, command


@pytest.mark.parametrize(
    "command",
    ["syncd init", "syncd run", "syncd service install", "syncd pause --for 1h", "syncd log -f",
     "syncd doctor", "syncd health", "syncd devices list", "syncd resume"],
)  # fmt: skip
def test_what_needs_a_deployment_is_understood(command: str) -> None:
    words = [sys.executable, "-m", *shlex.split(command), "--help"]
    assert subprocess.run(words, check=False, capture_output=True, timeout=30).returncode == 0


def test_the_functions_and_files_that_are_named_exist() -> None:
    readme = (CHECKOUT / "README.md").read_text()
    for linked in re.findall(r"\]\((?!https?:)([^)]+)\)", readme):
        assert (CHECKOUT / linked).exists(), linked
    for module, name in re.findall(r"npx convex run (\w+):(\w+)", readme):
        assert f"export const {name} " in (CHECKOUT / f"convex/{module}.ts").read_text()
