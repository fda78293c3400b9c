"""Files to mirror: real ones where the checkout has them beside it, else made ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

CORPUS = Path(__file__).parents[3] / "shared/corpus/n8n"


def flow(name: str, step: str = "start") -> str:
    """A small workflow file's text."""
    told = {"id": name, "name": name, "steps": [{"id": step, "agent": "tester"}]}
    return json.dumps(told, indent=2, ensure_ascii=False)


def fill(folder: Path) -> int:
    """Put some hundred workflow files into `folder`; how many."""
    if CORPUS.is_dir():
        ignored = shutil.ignore_patterns("LICENSE")
        shutil.copytree(CORPUS, folder, ignore=ignored, dirs_exist_ok=True)
    else:
        _make(folder, 300)
    return sum(1 for path in folder.rglob("*.json") if path.is_file())


def _make(folder: Path, files: int) -> None:
    for number in range(files):
        path = folder / f"group {number % 7}" / f"flow-{number}.json"
        path.parent.mkdir(exist_ok=True)
        nodes = [{"id": str(n), "type": "http", "_hidden": n} for n in range(number % 90)]
        told = {"name": f"Flow {number}", "nodes": nodes, "connections": {"Où?": {"": []}}}
        indent = 2 if number % 3 else None
        path.write_text(json.dumps(told, indent=indent, ensure_ascii=number % 2 == 0))
