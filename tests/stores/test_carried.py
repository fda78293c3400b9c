"""When an execution began, as its text says it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Format, Kind
from syncd.stores.carried import started_at

TIMES = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


def told(value: object) -> int | None:
    body = json.dumps({"workflowId": "w", "startTime": value}).encode()
    return started_at(Kind.EXECUTION, Format.JSON, body)


@given(TIMES)
def test_iso_and_milliseconds_say_the_same(time: datetime) -> None:
    ms = round(time.timestamp() * 1000)
    written = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
    assert told(written) == told(written.replace("+00:00", "Z")) == told(ms) == ms
    assert told(written.removesuffix("+00:00")) == ms


@pytest.mark.parametrize(
    ("spelled", "ms"),
    [("2026-01-01T00:00:00.999999Z", 1767225600999), ("1960-01-01T00:00:00.1239", -315619199877)],
)
def test_parts_of_a_millisecond_are_cut_off_as_the_functions_do(spelled: str, ms: int) -> None:
    assert told(spelled) == ms


@pytest.mark.parametrize("zone", ["+01", "+0100", "+01:00", " +0100"])
@pytest.mark.parametrize("time", ["2026-01-01T01:00", "2026-01-01 01:00:00.0"])
def test_a_zone_may_be_of_hours_alone(time: str, zone: str) -> None:
    assert told(time + zone) == told("2026-01-01t00:00z") == told("2026-01-01") == 1767225600000


@pytest.mark.parametrize("value", ["2026-01-02T05", "2026-01-02T0506", "2026-01-02T05:06:07,8",
                                   "2026-01-02+01:00", "2026-01-02x05:06",
                                   "2026-01-02T05:06+01:00:30", "2026-01-02T05:06  Z",
                                   "2026-01-02\n"])  # fmt: skip
def test_what_the_functions_do_not_read_tells_nothing(value: str) -> None:
    assert told(value) is None


@pytest.mark.parametrize("value", [None, True, "", "soon", [], {}, 1e300, "2026-99-01T00:00:00Z",
                                   "20260102", "2026-W01-1"])  # fmt: skip
def test_what_is_no_time_tells_nothing(value: object) -> None:
    assert told(value) is None


@pytest.mark.parametrize("value", ["0", '"\\ud800"', "123456789012345678901", "1" * 5000])
def test_what_else_the_file_holds_does_not_matter(value: str) -> None:
    body = f'{{"startTime": 5, "output": {value}}}'.encode()
    assert started_at(Kind.EXECUTION, Format.JSON, body) == 5
    assert started_at(Kind.EXECUTION, Format.JSON, "\ufeff".encode() + body) == 5


@given(st.binary(max_size=80))
def test_no_bytes_raise(body: bytes) -> None:
    started_at(Kind.EXECUTION, Format.JSON, b'"startTime"' + body)


def test_other_kinds_carry_nothing() -> None:
    body = b'{"startTime": 5}'
    assert started_at(Kind.WORKFLOW, Format.JSON, body) is None
    assert started_at(Kind.EXECUTION, Format.YAML, body) is None
    assert started_at(Kind.EXECUTION, Format.JSON, body) == 5
