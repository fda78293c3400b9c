"""A datetime is taken wherever a time is, and got of whatever tells one; a naive one is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.config import Config
from syncd.errors import RecordError
from syncd.storage import (
    Deployment,
    DeploymentStorage,
    Execution,
    Metric,
    MetricsStorage,
    WorkflowStorage,
    datetime_of,
)
from syncd.storage.records import told
from syncd.storage.times import counted, milliseconds, spelled
from tests.storage.test_metrics import folder

THEN = datetime(2026, 3, 2, 10, 15, 4, 123_987, timezone(timedelta(hours=1)))
THERE = "2026-03-02T09:15:04.123Z"
IN_MS = 1_772_442_904_123


def test_a_datetime_is_in_the_record_as_it_is_in_its_file(project: Config) -> None:
    with WorkflowStorage(project) as storage:
        run = Execution(start_time=THEN)
        run.end_time = THEN
        run.context = {"at": [THEN]}
        storage.save_execution("run", run)
        loaded = storage.load_execution("run")
        assert loaded is not None
        assert loaded == run
        assert (loaded.start_time, loaded.end_time) == (THERE, THERE)
        assert loaded.context == {"at": [THERE]}
        (row,) = storage.list_executions()
        assert (row.start_time, row.end_time) == (IN_MS, IN_MS)
        assert datetime_of(row.start_time) == datetime_of(loaded.start_time) == datetime_of(THEN)
    with DeploymentStorage(project) as deployments:
        deployments.save(Deployment(id="d", site_id="s", started_at=THEN))
        assert [row.started_at for row in deployments.by_site("s")] == [IN_MS]


def test_a_sample_of_a_datetime_has_its_milliseconds_as_all_others(project: Config) -> None:
    with MetricsStorage(project) as storage:
        at = [THEN, IN_MS, None]
        storage.record(*(Metric(type="t", name="n", value=1, timestamp=each) for each in at))
        assert [each.value for each in storage.by_type("t", end=THEN)] == [1, 1]
    lines = (folder(project) / "metrics.jsonl").read_text().splitlines()
    told = [json.loads(line)["timestamp"] for line in lines]
    assert [type(each) for each in told] == [int, int, int]
    assert told[:2] == [IN_MS, IN_MS]


NAIVE = THEN.replace(tzinfo=None)
TAKEN: dict[str, Callable[[MetricsStorage, Any], object]] = {
    "made": lambda _, time: Execution(start_time=time),
    "assigned": lambda _, time: setattr(Deployment(id="d"), "started_at", time),
    "sample": lambda _, time: Metric(timestamp=time),
    "asked": lambda storage, time: storage.by_type("t", start=time),
    "summed": lambda storage, time: storage.aggregate(type="t", end=time),
    "within": lambda _, time: told(Execution(context={"at": time})),
    "got": lambda _, time: datetime_of(time),
}


@pytest.mark.parametrize("act", TAKEN.values(), ids=TAKEN)
def test_a_naive_datetime_is_refused_in_words(
    project: Config, act: Callable[[MetricsStorage, Any], object]
) -> None:
    with (
        MetricsStorage(project) as storage,
        pytest.raises(RecordError, match=rf"^the time {NAIVE} has no zone;") as raised,
    ):
        act(storage, NAIVE)
    assert "datetime.now(UTC)" in raised.value.advice


@pytest.mark.parametrize("time", ["soon", "", NAIVE.date(), True])
def test_what_is_no_time_is_refused_where_it_is_asked_by(project: Config, time: Any) -> None:
    with MetricsStorage(project) as storage, pytest.raises(RecordError, match="is no time"):
        storage.by_name("n", start=time)
    assert datetime_of(time) is None


def test_a_date_is_no_datetime() -> None:
    with pytest.raises(RecordError, match="has no zone"):
        Execution(start_time=NAIVE.date())


def test_a_datetime_that_utc_has_not_is_refused_in_words() -> None:
    with pytest.raises(RecordError, match="beyond the years of UTC"):
        Execution(start_time=datetime.min.replace(tzinfo=timezone(timedelta(hours=2))))


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.timezones() | st.just(UTC))
)
def test_a_datetime_is_got_back_to_the_millisecond(time: datetime) -> None:
    told = spelled(time)
    again = datetime_of(told)
    assert again is not None
    assert timedelta() <= time - again < timedelta(milliseconds=1)
    assert milliseconds(told) == counted(time)
    assert datetime_of(time) == again
    assert datetime_of(milliseconds(told)) == again


@pytest.mark.parametrize("time", [None, 1e15, -1e15, float("nan"), 1e400])
def test_what_no_datetime_can_be_is_none(time: float | None) -> None:
    assert datetime_of(time) is None
