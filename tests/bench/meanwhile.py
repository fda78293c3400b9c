"""Single saves while much else is on its way: a first mirror, and a second machine's pull."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.embedded.backend import Backend
from tests.system.machine import Machine
from tests.system.mirror import Mirror

from .row import Figures, Row
from .saving import CUT, PACE, PATIENCE, Side
from .stage import WORKSPACE, Load, deployment, machine
from .trees import files, flow, make

SAMPLE = 200
"""Files, spread evenly, that tell when the others are there."""


def rows(home: Path, load: Load) -> list[Row]:
    """Of saves made on the machine that is busy."""
    with deployment(home / "data") as backend:
        mirroring, pulling = (machine(home / name, backend) for name in ("first", "second"))
        make(mirroring.folder, load.files, load.size)
        told = _spread(files(mirroring.folder))
        digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in told}
        side = _side(mirroring, backend)
        mirrored = _saves(
            mirroring, side, load,
            begun=lambda: side.holds(told), over=lambda: max(side.committed(digests).values()),
        )  # fmt: skip
        wanted = [pulling.folder / path.relative_to(mirroring.folder) for path in told]
        pulled = _saves(
            pulling, _side(pulling, backend), load,
            begun=lambda: any(path.exists() for path in wanted), over=lambda: _arrived(wanted),
        )  # fmt: skip
    return [
        Row(f"save to commit beside a {what} of {load.files:,}", "ms", Figures.of(found))
        for what, found in (("first mirror", mirrored), ("pull", pulled))
    ]


def _saves(
    each: Machine, side: Side, load: Load, begun: Callable[[], bool], over: Callable[[], int]
) -> list[float]:
    """Milliseconds to the commit of each new file that was saved before all else was `over`."""
    each.folder.mkdir(parents=True, exist_ok=True)
    each.start()
    try:
        _until(begun)
        saved, digests = _paced(each.home.name, side, load)
        committed, ended = side.committed(digests), over()
    finally:
        each.close()
    # Of few files all may be there before anything is saved: then the first save tells.
    beside = [path for path, at in saved.items() if at < ended] or list(saved)[:1]
    return _taken(beside, saved, committed)


def _paced(name: str, side: Side, load: Load) -> tuple[dict[Path, int], dict[Path, str]]:
    """Save new files one by one: when each was, in ns, and their digests."""
    saved: dict[Path, int] = {}
    digests: dict[Path, str] = {}
    for number in range(load.saves):
        path = side.root / f"{name}-{number:06}.json"
        saved[path] = time.time_ns()
        digests[path] = side.save(path, flow(number, load.size, f"of {name}, {number} "))
        time.sleep(PACE)
    return saved, digests


def _taken(
    paths: Sequence[Path], saved: Mapping[Path, int], committed: Mapping[Path, int]
) -> list[float]:
    return [max(0.0, (committed[path] - saved[path]) / 1e6 + CUT) for path in paths]


def _arrived(wanted: Sequence[Path]) -> int:
    """When the last of these files was made, in ns, once all are there."""
    _until(lambda: all(path.exists() for path in wanted))
    return max(path.stat().st_ctime_ns for path in wanted)


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.02)


def _spread(paths: Sequence[Path]) -> list[Path]:
    return list(paths[:: max(1, len(paths) // SAMPLE)])


def _side(each: Machine, backend: Backend) -> Side:
    return Side(each.folder, Mirror(backend.url, each.environment["SYNCD_TOKEN"], WORKSPACE))
