"""The tree of a JSON text is what the standard parser reads, and every part knows its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from syncd.core.value import Number, Opaque, Value
from syncd.stores.tree import DEEPEST, Node, parse
from tests.core.json_values import values
from tests.stores.written import CORPUS, Layout, layouts, needs_corpus


def read(text: str) -> Value:
    """What the standard parser makes of a text without repeated keys."""

    def refuse(constant: str) -> Value:
        raise ValueError(constant)

    parsed: Value = json.loads(text, parse_int=Number, parse_float=Number, parse_constant=refuse)
    return parsed


@settings(max_examples=300, deadline=None)
@given(values, layouts)
def test_what_is_written_is_read(value: Value, layout: Layout) -> None:
    node = parse(layout.write(value).decode())
    assert node is not None
    assert node.value == value


PIECES = ["{", "}", "[", "]", ",", ":", '"a"', '"b"', '"\\ud800"', '"\\x"', '"', "1", "-", "0",
          ".", "e5", "true", "null", "nul", "NaN", " ", "\n", "\t", "\f", "\u00a0",
          "\x01"]  # fmt: skip


@settings(max_examples=3000, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
@example('{"a":1,}')
@example("[1,]")
@example("[,]")
@example("{,}")
@example('{"a" : [ ] , "b":{ } }')
@example("01")
@example("1.")
@example("1 2")
def test_a_text_is_read_where_the_standard_parser_reads_it(text: str) -> None:
    try:
        expected = read(text)
    except ValueError:
        assert parse(text) is None
        return
    node = parse(text)
    assert node is not None
    if "{" not in text or text.count('"a"') + text.count('"b"') < 2:
        assert node.value == expected


@needs_corpus
def test_real_files_are_read_and_every_part_knows_its_place() -> None:
    for path in CORPUS[::5]:
        text = path.read_text(encoding="utf-8")
        node = parse(text)
        assert node is not None
        assert node.value == read(text)
        assert_placed(text, node)


def assert_placed(text: str, node: Node) -> None:
    assert read(text[node.start : node.end]) == node.value
    for item in node.items or ():
        if isinstance(node.value, dict):
            assert json.loads(text[item.start : item.stop]) == item.key
        assert_placed(text, item.node)


def test_numbers_keep_their_spelling() -> None:
    node = parse("[1, 1.0, 1e400, 9007199254740993, -0]")
    assert node is not None
    assert node.value == [Number(t) for t in ("1", "1.0", "1e400", "9007199254740993", "-0")]


@pytest.mark.parametrize("text", ['{"a":1,"b":2,"a":3}', '{ "a" : 1,\n"b":2, "a" :3 }'])
def test_an_object_that_repeats_a_key_is_one_thing_whatever_its_layout(text: str) -> None:
    node = parse(text)
    assert node is not None
    assert node.value == Opaque('{"a":1,"b":2,"a":3}')
    assert node.items is None


@pytest.mark.parametrize("text", ["", " ", "{", "[1", '"a', "\ufeff", "\ufeff\ufeff1", "[NaN]"])
def test_what_is_not_json_has_no_tree(text: str) -> None:
    assert parse(text) is None


def test_nesting_has_an_end() -> None:
    assert parse("[" * DEEPEST + "]" * DEEPEST) is not None
    assert parse("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1)) is None
    assert parse('{"a":' * 100_000) is None
