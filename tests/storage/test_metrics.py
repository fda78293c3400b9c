"""Metrics from files alone."""

from __future__ import annotations

import json
import math
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import Config
from syncd.errors import RecordError
from syncd.files.root import Root
from syncd.storage import Metric, MetricsStorage
from syncd.storage.rows import Sample
from syncd.storage.samples import added, sum_up
from tests.storage.conftest import unlisted

T0 = 1772442890000


def folder(project: Config) -> Path:
    return next(each.path for each in project.stores if each.kind == "metric")


def sample(value: float, at: float = 0, name: str = "n", type: str = "t") -> Metric:
    return Metric(type=type, name=name, value=value, timestamp=T0 + at)


def test_samples_are_recorded_found_and_summed_up(project: Config) -> None:
    with MetricsStorage(project) as storage:
        storage.record(*(sample(n, n * 60_000, f"n{n % 2}") for n in range(10)))
        storage.record(Metric(type="u", name="n0", value=1.5, unit="ms", labels={"é": [1]}))
        assert [each.value for each in storage.by_type("t", limit=3)] == [9, 8, 7]
        assert [each.value for each in storage.by_name("n0", type="t", limit=2)] == [8, 6]
        (labelled,) = storage.by_type("u")
        assert (labelled.unit, labelled.labels) == ("ms", {"é": [1]})
        end = datetime.fromtimestamp((T0 + 120_000) / 1000, UTC)
        between = storage.by_type("t", start=T0 + 60_000, end=end)
        assert [each.value for each in between] == [2, 1]
        told = storage.aggregate(type="t", name="n1", bucket=300_000)
        assert (told.count, told.sum, told.min, told.max, told.mean) == (5, 25, 1, 9, 5)
        assert (told.p50, told.p99) == (5, 9)
        assert sum(each.count for each in told.buckets) == 5
        assert storage.aggregate(name="none").count == 0
    lines = (folder(project) / "metrics.jsonl").read_text().splitlines()
    assert json.loads(lines[0]) == {"type": "t", "name": "n0", "value": 0.0, "timestamp": T0}


def test_what_is_no_sample_is_refused_and_nothing_is_written(project: Config) -> None:
    with MetricsStorage(project) as storage:
        with pytest.raises(RecordError):
            storage.record(sample(1), Metric(type="t", name="n"))
        with pytest.raises(RecordError):
            storage.record(sample(1), Metric(type="t", name="n", value=1, labels={"x": object()}))
        with pytest.raises(RecordError):
            storage.aggregate()
        with pytest.raises(RecordError):
            storage.aggregate(type="t", bucket=1)
        with pytest.raises(RecordError, match="no time"):
            storage.by_type("t", start="yesterday")
    assert not folder(project).exists()


@pytest.mark.parametrize(
    "lost",
    [
        {"value": math.nan},
        {"value": math.inf},
        {"timestamp": "yesterday"},
        {"timestamp": math.nan},
        {"timestamp": 1e300},
        {"labels": {"deep": [math.nan]}},
        {"labels": {"at": datetime(2026, 1, 1)}},
    ],
)
def test_what_would_be_no_sample_once_it_is_read_is_refused(
    project: Config, lost: dict[str, Any]
) -> None:
    with MetricsStorage(project) as storage, pytest.raises(RecordError, match="nothing was") as no:
        storage.record(sample(1), Metric(**{"type": "t", "name": "n", "value": 1} | lost))
    assert no.value.advice
    assert not folder(project).exists()


def test_whatever_json_can_say_is_recorded_and_found(project: Config) -> None:
    labels = {"big": 2**70, "half": "\ud800", "deep": {1: None}}
    with MetricsStorage(project) as storage:
        storage.record(Metric(type="t", name="\ud800é", value=2, labels=labels))
        (found,) = storage.by_name("\ud800é")
    assert found.value == 2
    assert found.labels == {"big": 2**70, "half": "\ud800", "deep": {"1": None}}


def test_half_a_line_and_lines_that_are_none_are_passed_over(project: Config) -> None:
    folder(project).mkdir()
    path = folder(project) / "metrics.jsonl"
    path.write_text('nothing\n{"type":"t","name":"n","value":true}\n{"type":"t","na')
    with MetricsStorage(project) as storage:
        assert storage.by_type("t") == []
        storage.record(sample(1))
        assert [each.value for each in storage.by_type("t")] == [1]
    assert path.read_text().splitlines()[2] == '{"type":"t","na'


def test_a_name_is_found_however_its_program_escapes_it(project: Config) -> None:
    folder(project).mkdir()
    line = rb'{"type": "t", "name": "GET \/a", "value": 1, "timestamp": 1772442890000}'
    (folder(project) / "php.jsonl").write_bytes(line + b"\n")
    with MetricsStorage(project) as storage:
        assert [each.name for each in storage.by_name("GET /a")] == ["GET /a"]


def test_rotated_files_are_read_too(project: Config) -> None:
    with MetricsStorage(project) as storage:
        storage.record(sample(1))
        (folder(project) / "metrics.jsonl").rename(folder(project) / "metrics-1.jsonl")
        storage.record(sample(2, 1))
        assert [each.value for each in storage.by_name("n")] == [2, 1]


def test_lines_are_found_while_a_program_adds_some_all_the_time(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MetricsStorage(project) as storage:
        storage.record(sample(1))
        path, fstat = folder(project) / "metrics.jsonl", os.fstat

        def adding(fd: int) -> os.stat_result:
            with path.open("a") as file:
                file.write('{"type":"u"')
            return fstat(fd)

        monkeypatch.setattr(os, "fstat", adding)
        monkeypatch.setattr("syncd.storage.file.PATIENCE", 0.0)
        assert [each.value for each in storage.by_type("t")] == [1]


def test_samples_in_a_folder_that_cannot_be_listed_are_not_left_out_silently(
    project: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder(project) / "team").mkdir(parents=True)
    monkeypatch.setattr(Root, "folder", unlisted("team"))
    with MetricsStorage(project) as storage, pytest.raises(RecordError, match="team: Permission"):
        storage.aggregate(type="t")


def test_a_file_that_the_store_leaves_out_gets_no_samples(tmp_path: Path) -> None:
    store = '[[store]]\nname = "m"\nkind = "metric"\npath = "m"\ninclude = ["app.jsonl"]\n'
    (tmp_path / "config.toml").write_text(store)
    with MetricsStorage(tmp_path / "config.toml") as storage:
        with pytest.raises(RecordError, match=r"metrics\.jsonl is not among the files of store"):
            storage.record(sample(1))
        assert storage.by_type("t") == []
    (tmp_path / "config.toml").write_text(store + 'create = "app.jsonl"\n')
    with MetricsStorage(tmp_path / "config.toml") as storage:
        storage.record(sample(1))
        assert [each.value for each in storage.by_type("t")] == [1]
    assert [each.name for each in (tmp_path / "m").iterdir()] == ["app.jsonl"]


def test_lines_of_many_programs_never_mix(project: Config) -> None:
    def record(number: int) -> None:
        with MetricsStorage(project) as storage:
            for _ in range(20):
                storage.record(*(sample(number, name="x" * 500) for _ in range(5)))

    threads = [threading.Thread(target=record, args=(n,)) for n in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with MetricsStorage(project) as storage:
        told = storage.aggregate(type="t")
    assert (told.count, told.sum) == (400, 600)


values = st.lists(
    st.tuples(st.floats(-1e9, 1e9), st.integers(0, 10**7)), max_size=40
)  # value, time


def test_sums_beyond_all_floats_are_infinite() -> None:
    huge = Sample(type="", name="", value=1e308, timestamp=0.0)
    found = sum_up([huge, huge, huge], 60_000)
    assert (found.sum, found.mean, found.buckets[0].sum) == (math.inf, math.inf, math.inf)


@given(values, values)
def test_two_aggregates_are_added_exactly(
    one: list[tuple[float, int]], other: list[tuple[float, int]]
) -> None:
    samples = [
        [Sample(type="t", name="n", value=value, timestamp=at) for value, at in each]
        for each in (one, other)
    ]
    whole = sum_up(samples[0] + samples[1], 60_000)
    parts = added(sum_up(samples[0], 60_000), sum_up(samples[1], 60_000))
    assert (parts.count, parts.min, parts.max) == (whole.count, whole.min, whole.max)
    assert math.isclose(parts.sum, whole.sum, rel_tol=1e-9, abs_tol=1e-3)
    assert [(b.start, b.count, b.max) for b in parts.buckets] == [
        (b.start, b.count, b.max) for b in whole.buckets
    ]
