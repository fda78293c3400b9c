"""One round: every probe on a backend of its own with an empty data folder; and their summary."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.embedded.backend import Backend
from tests.system.deployment import enroll, started
from tests.system.machine import Machine
from tests.system.proxy import Proxy

from . import measured, probes

WORKSPACE = "bench"


@dataclass(frozen=True)
class Load:
    """How much is mirrored. `saves` and `sample` are at most `files`."""

    files: int
    size: int
    saves: int
    sample: int


Round = Mapping[str, list[float]]
"""Probe -> what it took: seconds, or milliseconds where the name says so."""


@contextmanager
def deployment(data: Path) -> Iterator[Backend]:
    backend = started(data)
    try:
        yield backend
    finally:
        backend.close()


def machine(home: Path, backend: Backend, url: str | None = None) -> Machine:
    token = enroll(backend, WORKSPACE, home.name)
    told = {"CONVEX_URL": url or backend.url, "SYNCD_TOKEN": token}
    return Machine(home, WORKSPACE, environment=told)


def target(backend: Backend, name: str) -> probes.Target:
    return probes.Target(backend.url, enroll(backend, WORKSPACE, name), WORKSPACE)


def measure(home: Path, load: Load) -> Round:
    """Every timed probe once."""
    source = home / "source"
    measured.make(source, load.files, load.size)
    found: dict[str, list[float]] = {"start": [measured.start_up()]}
    with deployment(home / "bare") as backend:
        found["bare loop"] = [probes.bare_loop(target(backend, "bare"), source)]
    with deployment(home / "naive") as backend:
        found["naive"] = [probes.naive(target(backend, "naive"), source, load.sample)]
    with deployment(home / "syncd") as backend:
        found |= _syncd(home, load, backend)
    return found


def _syncd(home: Path, load: Load, backend: Backend) -> dict[str, list[float]]:
    first = machine(home / "first", backend)
    measured.make(first.folder, load.files, load.size)
    found = {"mirror": [measured.once(first).seconds]}
    second = machine(home / "second", backend)
    found["pull"] = [measured.once(second).seconds]
    assert second.tree() == first.tree()
    found["walk"] = [probes.walk(first.folder)]
    found["restart"] = [measured.once(first).seconds]
    paths = probes.files(first.folder)[: load.saves]
    bare = probes.BareSaver(target(backend, "bare"), first.folder)
    found["bare save ms"] = measured.saves(first, paths, load.size, bare.send)
    first.start()
    try:
        first.until_in_sync()
        found["save ms"] = measured.saves(first, paths, load.size, lambda *_: None)
    finally:
        first.close()
    return found


def count(home: Path, load: Load) -> dict[str, Any]:
    """Untimed: function calls through a counting proxy, and most bytes resident."""
    with deployment(home / "counted") as backend:
        proxy = Proxy(backend.port)
        try:
            first = machine(home / "counted first", backend, proxy.url)
            measured.make(first.folder, load.files, load.size)
            second = machine(home / "counted second", backend, proxy.url)
            spent: dict[str, measured.Spent] = {}
            calls: dict[str, int] = {}
            for name, each in (("mirror", first), ("restart", first), ("pull", second)):
                before = proxy.calls
                spent[name] = measured.once(each)
                calls[name] = proxy.calls - before
            return {
                "calls": calls,
                "peak bytes": {name: each.peak for name, each in spent.items()},
                "processor seconds": {name: each.processor for name, each in spent.items()},
            }
        finally:
            proxy.close()


def summary(load: Load, rounds: list[Round]) -> dict[str, Any]:
    """Medians over rounds, percentiles over all saves, and the ratios between them."""
    found = {name: [value for each in rounds for value in each[name]] for name in rounds[0]}
    median = {name: statistics.median(values) for name, values in found.items()}
    per_file = median["mirror"] / load.files
    working = median["mirror"] - median["start"]
    return {
        "version": 1,
        "files": load.files,
        "size": load.size,
        "rounds": len(rounds),
        "seconds": {name: value for name, value in median.items() if not name.endswith(" ms")},
        "save ms": {"p50": median["save ms"], "p99": _worst(found["save ms"])},
        "bare save ms": {"p50": median["bare save ms"], "p99": _worst(found["bare save ms"])},
        "ratios": {
            "rate beside the bare loop": median["bare loop"] / median["mirror"],
            "the same, start of the process aside": median["bare loop"] / working,
            "rate beside the naive script": median["naive"] / per_file,
            "pull beside mirror": median["mirror"] / median["pull"],
            "restart beside a bare walk": median["restart"] / median["walk"],
        },
    }


def _worst(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.99 * len(values)))]
