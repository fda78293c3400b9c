"""The files of samples: lines are added at the end of one, and read from all. Does IO."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import orjson

from syncd.config import Config
from syncd.core.model import Kind
from syncd.errors import ConfigError, RecordError
from syncd.files.root import Root
from syncd.files.scan import scan
from syncd.storage.file import append, body_of
from syncd.storage.records import Metric, told
from syncd.storage.rows import Extent, Sample
from syncd.storage.samples import Question, sample_of
from syncd.store_config import StoreConfig

_TAIL = 4096
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
        store.path.mkdir(parents=True, exist_ok=True)
        append(Root.open(store.path), _path(store), b"".join(lines))

    def samples(self, question: Question, mirrored: dict[str, list[Extent]]) -> list[Sample]:
        """The samples asked for in the files, but for those in `mirrored`: logs by store."""
        found = (
            sample
            for store in self._stores
            for body in _bodies(store)
            for sample in _samples(body[_known(body, mirrored.get(store.name, [])) :], question)
        )
        return list(found)


def _line(metric: Metric, now: float) -> bytes:
    if metric.value is None or not metric.type or not metric.name:
        raise RecordError(
            "a sample has a type, a name and a value; nothing was written", "give it these"
        )
    fields = told(metric)
    fields.setdefault("timestamp", now)
    try:
        return orjson.dumps(fields) + b"\n"
    except TypeError as error:
        raise RecordError(f"the sample is no JSON: {error}; nothing was written", "") from error


def _path(store: StoreConfig) -> str:
    path = store.creates_at()
    return _FILE if "{" in path else path


def _bodies(store: StoreConfig) -> Iterator[bytes]:
    """What each file holds in whole lines."""
    try:
        root = Root.open(store.path)
    except FileNotFoundError:
        return
    seen = scan(root, store.patterns())
    for path in seen.files:
        found = body_of(root, seen.spelled.get(path, path))
        if found is not None:
            yield found[0][: found[0].rfind(b"\n") + 1]


def _known(body: bytes, logs: list[Extent]) -> int:
    """How many bytes of a file the deployment has."""
    lengths = (
        log.length
        for log in logs
        if log.length <= len(body)
        and hashlib.sha256(body[max(0, log.length - _TAIL) : log.length]).hexdigest() == log.tail
    )
    return max(lengths, default=0)


def _samples(body: bytes, question: Question) -> Iterator[Sample]:
    # Most lines are of others: what cannot be in a line without the name need not be parsed. A
    # line with an escape may spell it in another way.
    name = None if question.name is None else orjson.dumps(question.name)[1:-1]
    for line in body.splitlines():
        if name is not None and name.isascii() and name not in line and b"\\" not in line:
            continue
        sample = sample_of(line)
        if sample is not None and question.wants(sample):
            yield sample
