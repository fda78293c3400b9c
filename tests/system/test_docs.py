"""The pages of docs/, the programs and the dashboard of examples/: everything there is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.embedded.backend import node

from .mirror import Mirror
from .waiting import until

CHECKOUT = Path(__file__).parents[2]
HERE = Path(__file__).parent
STORES = ("workflows", ".workflow-states", "assets", ".deployments", "metrics")
FIRST = ["syncd init --url embedded", "syncd run"]
LATER = ["syncd status", "syncd verify", "syncd explain workflows/release-notes.json"]
ELSEWHERE = [
    "echo CONVEX_URL=https://your-deployment.convex.cloud >> .env.local",
    "CONVEX_DEPLOY_KEY=prod:... syncd init",
    "syncd service install",
]


def blocks(page: str, language: str) -> list[str]:
    text = (CHECKOUT / "docs" / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[str]:
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    return [told for line in lines if (told := line.partition("#")[0].strip())]


class Project:
    """An existing project, with the samples as its stores, and nothing of syncd yet.

    But a port: another backend may run on this machine.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "config.toml").write_text("[embedded]\nport = 0\n")
        for store in STORES:
            shutil.copytree(CHECKOUT / "examples" / store, home / store)
        self._running: subprocess.Popen[bytes] | None = None

    def ran(self, command: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            command, shell=True, cwd=self.home, env=self.environment(**more), check=False,
            capture_output=True, timeout=60,
        )  # fmt: skip

    def python(self, *command: str, **more: str) -> str:
        ended = subprocess.run(
            [sys.executable, *command], cwd=self.home, env=self.environment(**more), check=False,
            capture_output=True, timeout=60,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr.decode()
        assert ended.stderr == b""
        return ended.stdout.decode()

    def environment(self, **more: str) -> dict[str, str]:
        ours = ("CONVEX_", "SYNCD_")
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(ours)}
        path = f"{Path(sys.executable).parent}:{inherited['PATH']}"
        return {**inherited, "PATH": path, "PYTHONPATH": str(CHECKOUT), **more}

    def start(self) -> None:
        """`syncd run`."""
        with (self.home / "run.log").open("wb") as log:
            self._running = subprocess.Popen(
                ["syncd", "run"], cwd=self.home, env=self.environment(), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        until(lambda: self.ran("syncd status").stdout.startswith(b"in-sync: "), "in sync", 30)

    def close(self) -> None:
        if self._running is not None:
            self._running.send_signal(signal.SIGINT)
            self._running.wait(20)

    @property
    def url(self) -> str:
        return (self.home / ".syncd/backend-url").read_text()

    @property
    def token(self) -> str:
        return (self.home / ".syncd/token").read_text().strip()

    def mirror(self) -> Mirror:
        return Mirror(self.url, self.token, "default")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project in which the first block of the page was typed."""
    made = Project(tmp_path_factory.mktemp("adopting"))
    found = made.ran(FIRST[0])
    assert found.returncode == 0, found.stderr
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_the_commands_are_those_that_are_tried_here() -> None:
    assert commands("adopting.md") == FIRST + LATER + ELSEWHERE
    assert commands("reading-the-mirror.md") == ["syncd devices enroll dashboard --read-only"]


@pytest.mark.parametrize("command", LATER)
def test_what_is_typed_beside_it_works(project: Project, command: str) -> None:
    assert project.ran(command).returncode == 0


def test_the_program_of_the_page_runs(project: Project) -> None:
    (program,) = blocks("adopting.md", "python")
    said = project.python("-c", program)
    assert "release-notes Write the release notes release-notes.json" in said
    assert said.endswith("answered by the deployment\n")
    assert '"status": "running"' in (project.home / "workflows/release-notes.json").read_text()


@pytest.mark.parametrize(
    ("page", "name", "expected"),
    [("reading-the-mirror.md", "workflows.py", "Write the release notes"),
     ("reading-the-mirror.md", "deployments.mjs", "deploy-1772442000000-f5g6h7i8j failed")],
)  # fmt: skip
def test_what_follows_the_mirror_is_told(
    project: Project, page: str, name: str, expected: str
) -> None:
    is_python = name.endswith(".py")
    language, runner = ("python", sys.executable) if is_python else ("js", str(node()))
    (program,) = blocks(page, language)
    (project.home / name).write_text(program)
    packages = project.home / "node_modules"
    if not packages.exists():
        packages.symlink_to(CHECKOUT / "convex/node_modules")
    token = project.ran("syncd devices enroll dashboard --read-only").stdout.decode().strip()
    following = subprocess.Popen(
        [runner, name], cwd=project.home, stdout=subprocess.PIPE, text=True,
        env=project.environment(CONVEX_URL=project.url, SYNCD_TOKEN=token),
    )  # fmt: skip
    try:
        assert following.stdout is not None
        lines = [following.stdout.readline()]
        assert any(expected in line for line in lines), lines
    finally:
        following.kill()
        following.wait()
        assert following.stdout is not None
        following.stdout.close()


def test_the_programs_of_the_examples_work_on_the_stores(project: Project) -> None:
    programs = CHECKOUT / "examples/programs"
    ran = project.python(str(programs / "run_workflow.py"), "release-notes")
    assert re.match(r"exec-\d+-\w{9} completed 4 steps\n", ran)
    assert re.search(r"^4 steps so far, \d\d+ ms at the 95th percentile$", ran, re.MULTILINE)
    deployed = project.python(str(programs / "deploy.py"), "shop")
    assert re.match(r"deploy-\d+-\w{9}: success; before: deploy-1772442000000-f5g6h7i8j", deployed)
    plain = project.python(
        str(programs / "plain.py"), "blog", str(project.home / ".deployments/deployments.json")
    ).strip()
    mirror = project.mirror()

    def mirrored() -> bool:
        newest = mirror.query("deployments:getLatest", siteId="blog")
        return newest is not None and (newest["recordId"], newest["status"]) == (plain, "success")

    until(mirrored, "the plain program's deployment")
    runs = mirror.query("workflows:listExecutions", workflowId="release-notes", limit=1)
    assert runs["rows"][0]["completedSteps"] == 4
    assert mirror.query("workflows:get", id="release-notes")["status"] == "completed"


def test_the_dashboard_shows_the_rows(project: Project) -> None:
    page = CHECKOUT / "examples/dashboard/index.html"
    bundle = CHECKOUT / "convex/node_modules/convex/dist/browser.bundle.js"
    shown = subprocess.run(
        [str(node()), str(HERE / "dashboard.mjs"), str(page), str(bundle), project.url,
         project.token],
        check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr.decode()
    tables = json.loads(shown.stdout)
    assert [each["title"].partition(",")[0] for each in tables] == [
        "Workflows", "Executions", "Assets", "Deployments", "Samples of requests"
    ]  # fmt: skip
    assert all(len(each["rows"]) > 1 for each in tables), tables
    assert any("welcome-email" in row for row in tables[2]["rows"])


def test_the_files_that_the_pages_link_to_exist() -> None:
    for page in (CHECKOUT / "docs").glob("*.md"):
        for linked in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
            assert (page.parent / linked).exists(), f"{page.name}: {linked}"
