"""Values of Convex are read as the official package writes them."""

from __future__ import annotations

import pytest
from convex.values import ConvexInt64
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from syncd.remote.wire import Int64

INT64 = TypeAdapter(Int64)


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_int64_is_read_as_the_official_package_writes_it(value: int) -> None:
    assert INT64.validate_python(ConvexInt64(value).to_json()) == value


@pytest.mark.parametrize(
    "told",
    [
        {"$integer": ""},
        {"$integer": "AAAA"},
        {"$integer": "AAAAAAAAAAAA"},
        {"$integer": "AQAAAAAAAAA"},
        {"$integer": "AQAAAA AAAAA="},
        {"$integer": 1},
        {"$bytes": "AQAAAAAAAAA="},
        {"$integer": "AQAAAAAAAAA=", "more": 1},
        {},
    ],
)
def test_what_is_no_int64_is_refused(told: object) -> None:
    with pytest.raises(ValidationError):
        INT64.validate_python(told)
