"""Values: their encodings, their order in indexes, the formats of answers."""

from __future__ import annotations

import base64
import math
import random
import struct
from typing import Any

import pytest

from .backend import Backend


def integer(value: int) -> dict[str, str]:
    return {"$integer": base64.b64encode(struct.pack("<q", value)).decode()}


def special(value: float) -> dict[str, str]:
    return {"$float": base64.b64encode(struct.pack("<d", value)).decode()}


def blob(value: bytes) -> dict[str, str]:
    return {"$bytes": base64.b64encode(value).decode()}


VECTORS: list[Any] = [
    None,
    True,
    False,
    0,
    -1.5,
    1e308,
    5e-324,
    2**53,
    special(math.nan),
    special(math.inf),
    special(-math.inf),
    special(-0.0),
    integer(0),
    integer(-1),
    integer(2**63 - 1),
    integer(-(2**63)),
    blob(b""),
    blob(b"\x00\xff\x00"),
    "",
    "a\x00b",
    "é€😀\u2028",
    [],
    [[None], {}],
    {"": 1, "_nested": 2, "with space": {"a": integer(5)}},
]

IN_ORDER: list[Any] = [
    None,
    integer(-(2**63)),
    integer(-1),
    integer(0),
    integer(1),
    integer(2**63 - 1),
    special(-math.inf),
    -1e300,
    -1,
    -5e-324,
    special(-0.0),
    0,
    5e-324,
    1,
    1.5,
    2**53,
    special(math.inf),
    special(math.nan),
    False,
    True,
    "",
    "\x00",
    "\x00\x00",
    "\x00a",
    "a",
    "a\x00",
    "a\x00\x00",
    "a\x00b",
    "a\x01",
    "aa",
    "b",
    "é",
    "\uffff",
    "😀",
    blob(b""),
    blob(b"\x00"),
    blob(b"\x00\x00"),
    blob(b"\x00\xff"),
    blob(b"\x01"),
    blob(b"\xff"),
    [],
    [None],
    [None, None],
    [1],
    [1, 2],
    ["a"],
    [[]],
    {},
    {"a": 1},
    {"a": 1, "b": 1},
    {"a": 2},
    {"b": 0},
]


def same(left: Any, right: Any) -> bool:
    return repr(normal(left)) == repr(normal(right))


def normal(value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int() | float():
            return float(value)
        case list():
            return [normal(each) for each in value]
        case dict():
            return {key: normal(each) for key, each in sorted(value.items())}
    raise TypeError(value)


@pytest.mark.parametrize("value", VECTORS, ids=repr)
def test_a_value_comes_back_as_it_went(backend: Backend, tag: str, value: Any) -> None:
    assert same(backend.query("things:echo", value=value), value)
    stored = backend.mutate("things:insert", tag=tag, value=value)
    assert same(backend.query("things:get", id=stored)["value"], value)


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ({"$odd": 1}, "reserved"),
        ({"$integer": "AA=="}, "reserved"),
        ({"$float": base64.b64encode(struct.pack("<d", 1.0)).decode()}, "reserved"),
        ({"é": 1}, "ASCII"),
        ({"a": {"x" * 1025: 1}}, "maximum field name length"),
        ("\ud800", "lone surrogate"),
        ({"$undefined": None}, "undefined"),
    ],
    ids=repr,
)
def test_what_is_no_value_is_refused(backend: Backend, value: Any, word: str) -> None:
    assert word in backend.call("query", "things:echo", {"value": value}).error


def test_a_number_that_no_float_is_is_refused(backend: Backend) -> None:
    body = '{"path": "things:echo", "args": {"value": 1e400}}'
    headers = {"Content-Type": "application/json"}
    answer = backend.http.post(f"{backend.url}/api/query", data=body, headers=headers, timeout=30)
    assert "not a float64" in answer.json()["errorMessage"]


def test_a_function_meets_keys_in_their_order(backend: Backend) -> None:
    value = {"b": [{"z": 1, "a": {"d": None, "c": 2}}], "B": "x", "a": 1}
    told = backend.query("things:textOf", value=value)
    assert told == '{"B":"x","a":1,"b":[{"a":{"c":2,"d":null},"z":1}]}'


def test_an_index_is_in_the_order_of_values(backend: Backend, tag: str) -> None:
    shuffled = IN_ORDER[:]
    random.Random(7).shuffle(shuffled)
    for value in shuffled:
        backend.mutate("things:insert", tag=tag, value=value)
    up = backend.query("things:range", tag=tag, open=False, order="asc")
    assert same(up, IN_ORDER)
    down = backend.query("things:range", tag=tag, open=False, order="desc")
    assert same(down, IN_ORDER[::-1])


def test_every_range_of_an_index_is_the_slice_of_its_order(backend: Backend, tag: str) -> None:
    for value in IN_ORDER:
        backend.mutate("things:insert", tag=tag, value=value)
    rng = random.Random(11)
    for _ in range(60):
        low, high = sorted(rng.sample(range(len(IN_ORDER)), 2))
        args = {"tag": tag, "lower": IN_ORDER[low], "upper": IN_ORDER[high], "order": "asc"}
        closed = backend.query("things:range", **args, open=False)
        assert same(closed, IN_ORDER[low : high + 1]), (low, high)
        between = backend.query("things:range", **args, open=True)
        assert same(between, IN_ORDER[low + 1 : high]), (low, high)
        start = {key: args[key] for key in ("tag", "lower", "order")}
        head = backend.query("things:range", **start, open=True, limit=3)
        assert same(head, IN_ORDER[low + 1 : low + 4]), low


def test_an_index_reads_nested_fields_and_counts_absent_ones(backend: Backend, tag: str) -> None:
    backend.mutate("things:insert", tag=tag, value={"inner": 1})
    backend.mutate("things:insert", tag=tag, value={"inner": 2})
    backend.mutate("things:insert", tag=tag, value="none")
    assert backend.query("things:byNested", tag=tag, inner=2) == 1


def test_a_filter_compares_and_adds(backend: Backend, tag: str) -> None:
    for value in range(6):
        backend.mutate("things:insert", tag=tag, value=value)
    assert backend.query("things:over", tag=tag, bound=1) == [2, 4, 5]


def test_formats(backend: Backend) -> None:
    value = [integer(7), blob(b"hi"), special(math.inf), special(-0.0), {"a": 1.5}]
    body = {"path": "things:echo", "args": {"value": value}}
    clean = ["7", "aGk=", "Infinity", "-0", {"a": 1.5}]
    assert backend.post("/api/query", {**body, "format": "json"}).value == clean
    assert backend.post("/api/query", body).value == clean
    npm = {"Convex-Client": "npm-1.48.0"}
    assert backend.post("/api/query", body, **npm).value == value
    assert backend.post("/api/query", {**body, "format": "convex_json"}).value == value
    assert backend.post("/api/query", {**body, "format": "odd"}).body["code"] == "BadFormat"
    python = {"Convex-Client": "python-0.8.1"}
    floats = backend.post("/api/query", {**body, "args": {"value": [1, 2.5]}}, **python)
    assert repr(floats.value) == "[1.0, 2.5]"


def test_arguments_come_as_an_object_or_an_array_of_one(backend: Backend) -> None:
    for args in ({"value": 1}, [{"value": 1}]):
        assert backend.call("query", "things:echo", args).value == 1
    assert backend.call("query", "things:echo", [1]).body["code"] == "BadJsonBody"
