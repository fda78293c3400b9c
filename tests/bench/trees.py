"""The files that are mirrored: small ones made for the purpose, and real ones."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

FOLDER = 100
"""Files a folder."""

MEDIAN, SPREAD, LARGEST = 12_000, 1.0, 300_000
"""Bytes of real files where none are given: log-normal, like those of real stores."""


def make(root: Path, files: int, size: int) -> None:
    """Make workflow files of about `size` bytes."""
    for number in range(files):
        _write(root / f"{number // FOLDER:04}" / f"flow-{number:06}.json", flow(number, size))


def make_real(root: Path, files: int, corpus: Path | None) -> None:
    """Make `files` files with the sizes of real ones: those of `corpus`, else of its like.

    A corpus that is too small is used again, with line ends added: equal files would be kept once.
    """
    texts = _corpus(corpus) if corpus is not None else _alike()
    for number in range(files):
        _write(root / f"{number // FOLDER:04}" / f"real-{number:06}.json", next(texts))


def flow(number: int, size: int, note: str = "") -> str:
    """The text of a workflow; `note` tells one version from another."""
    steps = [{"id": f"step-{n}", "agent": "worker", "dependsOn": []} for n in range(3)]
    told = {"id": f"flow-{number}", "name": f"Flow {number}", "steps": steps, "description": note}
    missing = max(0, size - len(json.dumps(told, indent=2)))
    return json.dumps({**told, "description": note + "words " * (missing // 6)}, indent=2)


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.json"))


def size(root: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in files(root))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _corpus(corpus: Path) -> Iterator[str]:
    found = files(corpus)
    assert found, f"{corpus} has no *.json"
    again = 0
    while True:
        yield from (path.read_text() + "\n" * again for path in found)
        again += 1


def _alike() -> Iterator[str]:
    chance, number = random.Random(1), 0
    while True:
        wanted = min(LARGEST, round(MEDIAN * chance.lognormvariate(0, SPREAD)))
        yield flow(number, wanted)
        number += 1
