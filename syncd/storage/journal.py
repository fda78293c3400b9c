"""The files of samples: lines are added at the end of one, and read from all. Does IO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from syncd.config import Config
from syncd.core.model import Kind
from syncd.errors import ConfigError, RecordError
from syncd.files.scan import scan
from syncd.storage.edit import json_of
from syncd.storage.growing import append, lines_behind
from syncd.storage.records import Metric, expect, told
from syncd.storage.root import hidden, made_root, root_of
from syncd.storage.rows import Extent, Sample
from syncd.storage.samples import Question, sample_of
from syncd.storage.times import counted, finite, milliseconds
from syncd.store_config import StoreConfig

_FILE = "metrics.jsonl"


class Journal:
    """All stores of metrics. New samples go into one file of the first."""

    def __init__(self, config: Config) -> None:
        self._stores = [each for each in config.stores if each.kind is Kind.METRIC]
        if not self._stores:
            raise ConfigError(
                f"{config.source} has no store of kind 'metric'; nothing was opened",
                'add a [[store]] with kind = "metric" and the path of its folder',
            )

    @property
    def names(self) -> list[str]:
        """The stores' names."""
        return [each.name for each in self._stores]

    def record(self, metrics: Sequence[Metric], now: float) -> None:
        """Add a line for each, durably; one that tells no time has the time `now`."""
        lines = [_line(metric, now) for metric in metrics]
        store = self._stores[0]
        path = _path(store)
        if not store.patterns().matches(path):
            raise RecordError(
                f"{path} is not among the files of store {store.name!r}; nothing was added",
                f"name one that is: create = ... in the [[store]] of {store.name!r}",
            )
        append(made_root(store.path, "nothing was added"), path, b"".join(lines))

    def samples(self, question: Question, mirrored: dict[str, list[Extent]]) -> list[Sample]:
        """The samples asked for in the files, but for those in `mirrored`: logs by store."""
        found = (
            sample
            for store in self._stores
            for body in _bodies(store, mirrored.get(store.name, []))
            for sample in _samples(body, question)
        )
        return list(found)


def _line(metric: Metric, now: float) -> bytes:
    expect(metric, Metric)
    if finite(metric.value) is None or not metric.type or not metric.name:
        raise RecordError(
            "a sample has a type, a name and a finite value; nothing was written", "give it these"
        )
    fields = told(metric)
    if isinstance(metric.timestamp, datetime):
        # As the lines of all others, which other programs read.
        fields["timestamp"] = counted(metric.timestamp)
    elif metric.timestamp is None:
        fields["timestamp"] = now
    if milliseconds(fields["timestamp"]) is None:
        raise RecordError(
            f"the sample's timestamp {metric.timestamp!r} is no time; nothing was written",
            "give it milliseconds since the epoch or ISO 8601, or none: then it has that of now",
        )
    return json_of(fields).encode() + b"\n"


def _path(store: StoreConfig) -> str:
    path = store.creates_at()
    return _FILE if "{" in path else path


def _bodies(store: StoreConfig, extents: list[Extent]) -> Iterator[bytes]:
    """What each file holds in whole lines, but for what is in the `extents`."""
    root = root_of(store.path, "it was not read")
    if root is None:
        return
    seen = scan(root, store.patterns())
    for folder, hold in seen.unread.items():
        raise hidden(folder or str(store.path), hold, "its samples were not read")
    for path in seen.files:
        yield lines_behind(root, seen.spelled.get(path, path), extents)


def _samples(body: bytes, question: Question) -> Iterator[Sample]:
    # Most lines are of others: what cannot be in a line without the name need not be parsed. A
    # line with an escape may spell it in another way.
    name = None if question.name is None else json_of(question.name).encode()[1:-1]
    for line in body.splitlines():
        if name is not None and name.isascii() and name not in line and b"\\" not in line:
            continue
        sample = sample_of(line)
        if sample is not None and question.wants(sample):
            yield sample
