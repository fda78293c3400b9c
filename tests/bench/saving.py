"""Saves into a folder that something keeps mirrored, and when each was committed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.system.mirror import Mirror

from .trees import flow

PACE = 0.12
"""Seconds between single saves: the one before is committed by then, and nobody asks whether."""

HOT = 20
"""Rewrites of a hot file a second."""

PATIENCE = 300.0
"""Seconds after which saves count as lost."""

CUT = 0.5
"""Milliseconds: the clock that stamps commits is cut to whole ones."""


class LostSaves(AssertionError):
    """Saves that were never mirrored: how many."""

    def __init__(self, count: int) -> None:
        super().__init__(f"{count:,} saves were lost")
        self.count = count


@dataclass(frozen=True)
class Side:
    """A folder, and the deployment it is mirrored to."""

    root: Path
    mirror: Mirror

    def save(self, path: Path, text: str) -> str:
        """Save as careful programs do, a temporary file renamed into place; the digest."""
        temporary = path.with_name(f".#{path.name}")
        temporary.write_text(text)
        temporary.rename(path)
        return hashlib.sha256(text.encode()).hexdigest()

    def replace(self, path: Path, text: str) -> str:
        """Save as git does when it switches branches: gone, and written anew; the digest."""
        path.unlink()
        path.write_text(text)
        return hashlib.sha256(text.encode()).hexdigest()

    def committed(self, wanted: Mapping[Path, str]) -> dict[Path, int]:
        """Wait until the deployment holds these digests: when each was committed, in ns.

        Raises LostSaves after a while.
        """
        deadline = time.monotonic() + PATIENCE
        found: dict[Path, int] = {}
        while missing := [path for path in wanted if path not in found]:
            late = time.monotonic() > deadline
            # The last one first: until it is there the deployment is left to its work.
            for path in (missing,) if late else (missing[-1:], missing):
                entries = self._entries(path)
                held = {p: e for p, e in entries.items() if e["digest"] == wanted[p]}
                found |= {path: int(entry["at"].value) for path, entry in held.items()}
                if missing[-1] not in found:
                    break
            if late and len(found) < len(wanted):
                raise LostSaves(len(wanted) - len(found))
            time.sleep(0.05)
        return found

    def holds(self, paths: Sequence[Path]) -> bool:
        """Whether the deployment holds any of these files by now."""
        return bool(self._entries(paths))

    def _entries(self, paths: Sequence[Path]) -> dict[Path, dict[str, Any]]:
        found: dict[Path, dict[str, Any]] = {}
        left = list(paths)
        while left:
            keys = [
                {"store": "flows", "path": path.relative_to(self.root).as_posix(), "record": ""}
                for path in left
            ]
            entries = self.mirror.query("sync:fetch", keys=keys[:200])["entries"]
            assert entries
            found |= {p: e for p, e in zip(left, entries, strict=False) if e is not None}
            left = left[len(entries) :]
        return found


def singles(side: Side, paths: Sequence[Path], size: int) -> list[float]:
    """Milliseconds from each save to its commit, one save at a time."""
    saved: dict[Path, int] = {}
    digests: dict[Path, str] = {}
    for number, path in enumerate(paths):
        time.sleep(PACE)
        body = flow(number, size, f"saved at {time.time_ns()} ")
        saved[path] = time.time_ns()
        digests[path] = side.save(path, body)
    return [
        max(0.0, (at - saved[path]) / 1e6 + CUT) for path, at in side.committed(digests).items()
    ]


@dataclass(frozen=True)
class Burst:
    """Seconds that the saves took, and that the last commit came behind the last save."""

    saving: float
    behind: float


def burst(side: Side, paths: Sequence[Path], size: int, *, switch: bool = False) -> Burst:
    """Save all at once; `switch`: as git does. Raises LostSaves."""
    save = side.replace if switch else side.save
    bodies = [flow(number, size, f"{time.time_ns()} ") for number in range(len(paths))]
    began = time.time_ns()
    digests = {path: save(path, body) for path, body in zip(paths, bodies, strict=True)}
    ended = time.time_ns()
    last = max(side.committed(digests).values())
    return Burst((ended - began) / 1e9, max(0.0, (last - ended) / 1e9))


def hot(side: Side, path: Path, size: int, seconds: float) -> tuple[int, Burst]:
    """Rewrite one file again and again; how often."""
    began = time.time_ns()
    for number in range(max(1, round(HOT * seconds))):
        digest = side.save(path, flow(number, size, f"{time.time_ns()} "))
        ended = time.time_ns()
        time.sleep(max(0.0, began / 1e9 + (number + 1) / HOT - time.time()))
    last = max(side.committed({path: digest}).values())
    return number + 1, Burst((ended - began) / 1e9, max(0.0, (last - ended) / 1e9))
