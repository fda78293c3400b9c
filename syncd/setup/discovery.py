"""Which folders of a project look like stores, and the configuration that mirrors them.

A folder is judged by its name and by a few of the files in it. Does IO: reads a few small files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.core.model import Kind
from syncd.store_config import StoreConfig

DEEPEST = 4
"""Levels below the project that are looked at."""

LOOKED_AT = 5
"""Files of a folder that are read to judge it."""

MANY = 3
"""Folders of one kind in one folder that become one store."""

LARGEST = 4 * 1024 * 1024
LARGEST_OF_MANY = 64 * 1024 * 1024
"""Bytes that are read of a file, and of one that holds many records."""

_PASSED_OVER = frozenset(
    {"node_modules", "__pycache__", "dist", "build", "vendor", "venv", ".venv", "target", "convex"}
)
_HIDDEN = frozenset({".workflow-states", ".deployments", ".metrics"})
_EXECUTION = re.compile(r"exec-\d{13}-[0-9a-z]+\.json")


@dataclass(frozen=True, slots=True)
class Found:
    """A folder that looks like a store; `path` is relative to the project. `because` says why."""

    kind: Kind
    path: str
    because: str


def discover(project: Path) -> list[Found]:
    """The stores below `project`: none inside another, the upper one where two could be."""
    found: list[Found] = []
    for folder, folders, files in os.walk(project):
        place = Path(folder)
        if any(place.is_relative_to(project / each.path) for each in found):
            folders.clear()
            continue
        depth = len(place.relative_to(project).parts)
        folders[:] = sorted(f for f in folders if _looked_into(f)) if depth < DEEPEST else []
        store = _judge(place, sorted(files)) if depth else None
        if store is not None:
            found.append(Found(store[0], place.relative_to(project).as_posix(), store[1]))
    return _gathered(project, found)


def _gathered(project: Path, found: list[Found]) -> list[Found]:
    """`found` with one store for a folder that holds nothing but many folders of one kind."""
    below: dict[str, list[Found]] = {}
    for each in found:
        below.setdefault(each.path.rpartition("/")[0], []).append(each)
    parents = {
        parent: Found(each[0].kind, parent, f"{len(each)} folders of {each[0].because}")
        for parent, each in below.items()
        if parent and len(each) >= MANY and _alike(project / parent, each)
    }
    kept = {each.path: each for each in found if each.path.rpartition("/")[0] not in parents}
    kept |= parents
    return [kept[path] for path in sorted(kept)]


def _alike(parent: Path, found: list[Found]) -> bool:
    """Whether `found` is of one kind, one in every folder of `parent`, with no file beside that
    such a store would take along.
    """
    kind, names = found[0].kind, {each.path.rpartition("/")[2] for each in found}
    taken = StoreConfig(name="x", kind=kind, path=parent).patterns()
    entries = [each for each in parent.iterdir() if _looked_into(each.name)]
    folders = {each.name for each in entries if each.is_dir()}
    return (
        kind is Kind.WORKFLOW
        and all(each.kind is kind for each in found)
        and folders == names
        and not any(taken.matches(each.name) for each in entries if not each.is_dir())
    )


def tables(found: list[Found]) -> str:
    """The part of a config.toml that tells of the stores that were found."""
    lines: list[str] = []
    names: set[str] = set()
    for each in found:
        name = _name(each, names)
        names.add(name)
        lines += _table(name, each)
    return "".join(f"{line}\n" for line in lines)


_NO_URL = '# url = "https://your-deployment.convex.cloud"'


def with_url(text: str, url: str) -> str:
    """A configuration that names no deployment, with `url` where one stands, or on top."""
    line = f"url = {_toml(url)}"
    if _NO_URL in text:
        return text.replace(_NO_URL, line, 1)
    return f"{line}\n{text}"  # Behind a table it would be a part of that.


def configuration(
    found: list[Found], url: str | None, workspace: str, port: int | None = None
) -> str:
    """A config.toml for the stores that were found, with comments.

    `port`: where the local backend listens, if not where it usually does.
    """
    lines = [
        "# What syncd mirrors. Every setting is explained in syncd's own config.toml.",
        "# Flags > environment > .env.local > .env > this file. Paths are relative to this file.",
        "",
        "# Where the deployment is. CONVEX_URL, also in .env.local, wins over this line;",
        '# "embedded" is a local backend, for trying and developing.',
        f"url = {_toml(url)}" if url else _NO_URL,
        "",
        "# Machines with the same workspace share one mirror.",
        f"workspace = {_toml(workspace)}",
    ]
    if port is not None:
        lines += ["", "# Where the local backend listens on 127.0.0.1; 0 takes any free port.",
                  "[embedded]", f"port = {port}"]  # fmt: skip
    if not found:
        lines += ["", "# [[store]]", '# name = "workflows"', '# kind = "workflow"',
                  '# path = "workflows"']  # fmt: skip
    return "\n".join(lines) + "\n" + tables(found)


def _table(name: str, found: Found) -> list[str]:
    return [
        "",
        f"# {found.because}",
        "[[store]]",
        f"name = {_toml(name)}",
        f"kind = {_toml(found.kind.value)}",
        f"path = {_toml(found.path)}",
    ]


def _toml(text: str) -> str:
    # A string of JSON, but for escapes: TOML has none for half a surrogate pair.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _looked_into(name: str) -> bool:
    if any("\ud800" <= letter <= "\udfff" for letter in name):
        return False  # It is not UTF-8, and no configuration can name it.
    return name not in _PASSED_OVER and (not name.startswith(".") or name in _HIDDEN)


def _name(found: Found, taken: set[str]) -> str:
    plain = {Kind.EXECUTION: "executions", Kind.DEPLOYMENT: "deployments", Kind.METRIC: "metrics",
             Kind.ASSET: "assets", Kind.WORKFLOW: "workflows"}  # fmt: skip
    wanted = plain.get(found.kind, "documents")
    if wanted in taken:
        wanted = re.sub(r"[^A-Za-z0-9]+", "-", found.path).strip("-") or wanted
    number, name = 1, wanted[:64]
    while name in taken:
        number += 1
        name = f"{wanted[:60]}-{number}"
    return name


def _judge(folder: Path, files: list[str]) -> tuple[Kind, str] | None:
    if any(_EXECUTION.fullmatch(name) for name in files):
        return Kind.EXECUTION, "files named exec-<ms>-<id>.json: executions"
    if "deployments.json" in files and _has(folder / "deployments.json", "deployments"):
        return Kind.DEPLOYMENT, "a deployments.json with a list of deployments"
    if any(name.endswith(".jsonl") for name in files) and _samples(folder, files):
        return Kind.METRIC, ".jsonl files of samples with type, name and value: metrics"
    if folder.name == "library" and folder.parent.name == "assets":
        return Kind.ASSET, "an asset library, by category"
    if _workflows(folder, files):
        return Kind.WORKFLOW, "files with steps, or nodes and connections: workflows"
    return None


def _workflows(folder: Path, files: list[str]) -> bool:
    for name in _some(files, ".json"):
        value = _parsed(folder / name)
        if isinstance(value, dict) and (
            isinstance(value.get("steps"), list)
            or (isinstance(value.get("nodes"), list) and "connections" in value)
        ):
            return True
    texts = (_text(folder / name) for name in _some(files, ".yaml", ".yml"))
    return any(re.search(r"^steps:", text, re.MULTILINE) for text in texts)


def _samples(folder: Path, files: list[str]) -> bool:
    for name in _some(files, ".jsonl"):
        first = _text(folder / name, 4096).partition("\n")[0]
        try:
            value = json.loads(first)
        except ValueError:
            continue
        if isinstance(value, dict) and {"type", "name", "value"} <= value.keys():
            return True
    return False


def _has(path: Path, field: str) -> bool:
    value = _parsed(path, LARGEST_OF_MANY)
    return isinstance(value, dict) and isinstance(value.get(field), list)


def _some(files: list[str], *endings: str) -> Iterator[str]:
    yield from [name for name in files if name.endswith(endings)][:LOOKED_AT]


def _parsed(path: Path, most: int = LARGEST) -> Any:
    try:
        return json.loads(_text(path, most))
    except (ValueError, RecursionError):
        return None


def _text(path: Path, most: int = LARGEST) -> str:
    try:
        if not path.is_file():
            return ""  # A pipe would be waited for without an end.
        with path.open("rb") as file:
            return file.read(most).decode("utf-8-sig", "replace")
    except OSError:
        return ""
