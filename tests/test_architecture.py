"""Imports run one way, the core is pure, and modules stay small."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "syncd"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "node_modules" not in path.parts)

ALLOWED = {
    "core": {"core"},
    "stores": {"core", "stores"},
    "files": {"core", "stores", "files", "errors"},
    "ledger": {"core", "ledger", "errors"},
    "remote": {"core", "remote", "errors"},
    "engine": {"core", "stores", "engine", "ledger", "errors"},
    "storage": {"core", "stores", "files", "remote", "storage", "config", "store_config", "errors",
                "slips"},
    "slips": {"core", "config"},
    "embedded": {"embedded", "remote", "errors"},
    "config": {"errors", "misconfiguration", "store_config", "device_token"},
    "device_token": {"errors"},
    "misconfiguration": set(),
    "store_config": {"core", "stores"},
    "errors": set(),
    "logs": {"monitoring"},
    "report/standing": set(),
    "report/judging": {"core", "report"},
    "report/cost": {"core", "config", "report"},
    "report/status": {"core", "ledger", "config", "errors", "slips", "report"},
    "report": {"core", "stores", "files", "ledger", "engine", "config", "errors", "opening",
               "report"},
    "monitoring/tally": set(),
    "monitoring": {"core", "config", "errors", "monitoring", "report"},
    "leaving": set(),
    "memory": set(),
    "signals": {"leaving"},
    "setup/discovery": {"core", "store_config"},
    "setup": {"ledger", "remote", "config", "errors", "slips"},
    "doctor": {"config", "core", "doctor", "errors", "files", "ledger", "remote", "report", "setup",
               "slips", "store_config", "stores"},
    "control": {"core", "stores", "control", "ledger", "engine", "errors"},
    "beside": {"core", "control", "files", "ledger", "engine", "config", "errors", "opening"},
    "opening": {"core", "files", "ledger", "engine", "config", "errors"},
    "daemon": {"core", "files", "ledger", "remote", "engine", "embedded", "config", "errors",
               "opening", "report"},
    "running": {"core", "daemon", "stores", "files", "ledger", "remote", "engine", "embedded",
                "config", "errors", "beside", "monitoring", "opening", "report", "slips"},
    "attach": {"daemon", "ledger", "remote", "embedded", "config", "errors", "opening", "slips"},
    "cli": {"cli", "daemon", "running", "attach", "opening", "config", "errors", "logs", "engine",
            "embedded", "beside", "control", "core", "ledger", "signals", "monitoring", "doctor",
            "remote", "report", "setup", "leaving", "memory"},
}  # fmt: skip
"""What each part of the house may import of syncd: a module without a line, what its folder may."""

ENGINE = (
    {"ports", "freight", "waiting", "health", "telling", "versions", "registry", "retention"},
    {"stops"},
    {"turns"},
    {"naming"},
    {"exchange"},
    {"payloads", "lines", "looking"},
    {"online"},
    {"session"},
)
"""The engine is built in rows: a part may import itself, and what is in a row before its own."""

PURE = {"core": set(), "stores": {"orjson", "pathspec", "yaml"}}
"""Packages outside the standard library that a pure part may use."""

IO_MODULES = {"asyncio", "os", "pathlib", "sqlite3", "socket", "subprocess", "time", "threading",
              "random", "secrets", "logging", "shutil", "tempfile", "io"}  # fmt: skip


def part_of(path: Path) -> str:
    relative = path.relative_to(PACKAGE).with_suffix("")
    own = relative.as_posix()
    return own if own in ALLOWED else relative.parts[0]


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "syncd":
                found |= {f"syncd.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    part = part_of(path)
    if part in ("__init__", "__main__"):
        return
    wanted = {name.split(".")[1] for name in imports_of(path) if name.startswith("syncd.")}
    assert wanted - {"__version__"} <= ALLOWED[part]


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part_of(path) == "engine"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_engine_is_built_in_rows(path: Path) -> None:
    here = path.relative_to(PACKAGE / "engine").with_suffix("").parts[0]
    if here == "__init__":
        return
    (row,) = (number for number, parts in enumerate(ENGINE) if here in parts)
    lowest = ENGINE[0] if row == 0 else set()
    wanted = {name.split(".")[2] for name in imports_of(path) if name.startswith("syncd.engine.")}
    assert wanted <= {here}.union(lowest, *ENGINE[:row])


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if path.stem == "__init__"],
    ids=lambda path: str(path.parent.relative_to(PACKAGE.parent)),
)
def test_what_a_folder_says_it_holds_is_there(path: Path) -> None:
    told = ast.get_docstring(ast.parse(path.read_text())) or ""
    names = set(re.findall(r"`([a-z_]+)`", told))
    below = {each.stem for each in path.parent.rglob("*.py")}
    assert names <= below | {each.parent.name for each in path.parent.rglob("__init__.py")}


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part_of(path) in PURE],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_pure_parts_know_neither_io_nor_clock(path: Path) -> None:
    names = {name.split(".")[0] for name in imports_of(path)}
    assert not names & IO_MODULES
    outside = {name for name in names if name not in sys.stdlib_module_names and name != "syncd"}
    assert outside <= PURE[part_of(path)]


def test_retries_live_in_one_place() -> None:
    users = [path for path in MODULES if "tenacity" in {n.split(".")[0] for n in imports_of(path)}]
    assert {part_of(path) for path in users} == {"remote"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, f"{node.name} is long"
        if isinstance(node, ast.ClassDef):
            public = [
                member.name
                for member in node.body
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
                and not member.name.startswith("_")
            ]
            assert len(public) <= 12, f"{node.name} has {len(public)} public methods"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part_of(path) == "ledger"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_statements_number_no_parameter(path: Path) -> None:
    # Python 3.12.0 to 3.12.3 warns of every such statement that is given a tuple.
    assert not re.search(r"\?[1-9]", path.read_text())


def test_no_drawer_modules() -> None:
    drawers = {"utils", "util", "helpers", "common", "manager", "handler", "service", "base"}
    assert not {path.stem for path in MODULES} & drawers
