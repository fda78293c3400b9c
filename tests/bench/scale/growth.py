"""What each function reads and writes, as one thing at a time becomes many."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .crowd import SIZE, STORE, Crowd, paths
from .metered import Metered, Spent

SHARED = "shared.json"
"""A file that everybody writes."""

Grow = Callable[[Crowd, int], None]

Measured = Mapping[str, Spent]
"""What one call of each function used."""


@dataclass(frozen=True)
class Growth:
    """A function's documents, bytes and index ranges at the sizes of one dimension."""

    function: str
    dimension: str
    sizes: tuple[int, ...]
    spent: tuple[Spent, ...]

    @property
    def slope(self) -> float:
        """The exponent: 0 where bytes read stay the same, 1 where they grow as the size does."""
        first, last = self.spent[0].bytes_read, self.spent[-1].bytes_read
        return math.log(max(1, last) / max(1, first)) / math.log(self.sizes[-1] / self.sizes[0])


def entries(crowd: Crowd, count: int) -> None:
    """Files of one machine."""
    crowd.fill(crowd.devices[0], paths(count, "many"))


def tombstones(crowd: Crowd, count: int) -> None:
    """Files that are deleted again, before the newest change."""
    crowd.fill(crowd.devices[0], paths(count, "gone"))
    crowd.fill(crowd.devices[0], paths(count, "gone"), delete=True)


def feed(crowd: Crowd, count: int) -> None:
    """Saves of the same ten files."""
    for start in range(0, count, 10):
        crowd.fill(crowd.devices[0], paths(min(10, count - start), "hot"))


def devices(crowd: Crowd, count: int) -> None:
    """Machines with the same stores."""
    for device in crowd.enroll(count):
        crowd.register(device)


def writers(crowd: Crowd, count: int) -> None:
    """Machines that have all written one file."""
    for device in crowd.enroll(count):
        crowd.push(device, [crowd.operation(SHARED)])


def workspaces(crowd: Crowd, count: int) -> None:
    """Other workspaces of a machine and ten files on the same deployment."""
    for number in range(count):
        other = Crowd(crowd.meter, f"{crowd.workspace}-{number}")
        other.fill(other.enroll(1)[0], paths(10))


DIMENSIONS: Mapping[str, Grow] = {
    "entries": entries,
    "tombstones": tombstones,
    "saves": feed,
    "devices": devices,
    "writers of a file": writers,
    "workspaces": workspaces,
}


def begin(meter: Metered, workspace: str, size: int = SIZE) -> Crowd:
    """A small workspace: two machines, twenty files and one that both have written."""
    crowd = Crowd(meter, workspace, size)
    for device in crowd.enroll(2):
        crowd.register(device)
    crowd.fill(crowd.devices[0], paths(20))
    for device in crowd.devices:
        crowd.push(device, [crowd.operation(SHARED)])
    crowd.fill(crowd.devices[0], paths(20))
    return crowd


def probe(crowd: Crowd) -> Measured:
    """Calls each function once, as the daemon or an application would."""
    writer, reader = crowd.devices[:2]
    meter = crowd.meter
    cursor, head = crowd.head(reader)
    push = crowd.push(writer, [crowd.operation(SHARED)])
    _, changes = crowd.changes(reader, cursor)
    crowd.push(writer, [crowd.operation(path) for path in paths(20)])
    cursor, _ = crowd.head(reader)
    keys = [{"store": STORE, "path": SHARED, "record": ""}]
    who = reader.who
    return {
        "sync:push": push,
        "sync:push of 100": meter.attempt("sync:push", **writer.who, operations=_hundred(crowd)),
        "sync:head": head,
        "sync:changes": changes,
        "sync:hello": meter.attempt("sync:hello", **crowd.greeting(reader, cursor, 2)),
        "sync:register": meter.attempt("sync:register", **crowd.registration(reader)),
        "sync:fetch": meter.query("sync:fetch", **who, keys=keys)[1],
        "logs:append": meter.attempt("logs:append", **who, appends=[_append()]),
        "metrics:record": meter.attempt("metrics:record", **who, type="t", name="n", value=1),
        "workflows:get": meter.query("workflows:get", **who, id="f-000000")[1],
        "workflows:list": meter.query("workflows:list", **who, limit=20)[1],
        "workflows:update": meter.attempt(
            "workflows:update", **who, id="f-000000", updates={"a": 1}
        ),
    }


def grown(meter: Metered, dimension: str, sizes: Sequence[int]) -> Iterator[Growth]:
    """Measures every function at each of `sizes`, each in a workspace of its own."""
    measured = []
    for size in sizes:
        crowd = begin(meter, f"{dimension} {size}")
        DIMENSIONS[dimension](crowd, size)
        measured.append(probe(crowd))
    for function in measured[0]:
        yield Growth(function, dimension, tuple(sizes), tuple(each[function] for each in measured))


def _hundred(crowd: Crowd) -> list[dict[str, object]]:
    return [crowd.operation(path) for path in paths(100, "new")]


def _append() -> dict[str, object]:
    tail = hashlib.sha256(b"{}\n").hexdigest()
    return {
        "store": "perf", "path": "a.jsonl", "generation": "0" * 32, "kind": "metric",
        "expect": {"length": 0, "tail": ""}, "next": {"length": 3, "tail": tail}, "lines": ["{}"],
    }  # fmt: skip
