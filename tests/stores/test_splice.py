"""Versions merged as bytes: what stands in the file afterwards, to the byte."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncd.core import merge as core
from syncd.core.model import Format, Kind
from syncd.core.value import Value
from syncd.stores.annotations import annotation
from syncd.stores.merge import (
    MERGE_LIMIT,
    Combined,
    Merge,
    Whole,
    merge,
    only_counters_changed,
    summed,
)
from syncd.stores.tree import DEEPEST, parse
from tests.core.json_values import triples
from tests.stores.written import Layout, layouts, usual_layouts

thorough = settings(max_examples=400, deadline=None)


def merged(
    base: str | None,
    local: str,
    remote: str,
    kind: Kind = Kind.DOCUMENT,
    format: Format = Format.JSON,
) -> str:
    result = outcome(base, local, remote, kind, format)
    assert isinstance(result, Combined), result
    assert result.clashes == ()
    return result.body.decode()


def outcome(
    base: str | None,
    local: str,
    remote: str,
    kind: Kind = Kind.DOCUMENT,
    format: Format = Format.JSON,
) -> Merge:
    before = None if base is None else base.encode()
    return merge(before, local.encode(), remote.encode(), format, kind)


SPLICED = {
    "a value": (
        '{\n  "a": 1,\n  "b": 1\n}',
        '{\n  "a": 2.50,\n  "b" : 1\n}\n',
        '{"a":1,"b":{"x":[1,2],"y":"\\u00e9"}}',
        '{\n  "a": 2.50,\n  "b" : {\n    "x": [\n      1,\n      2\n    ],\n'
        '    "y": "\\u00e9"\n  }\n}\n',
    ),
    "a field after its predecessor": (
        '{"a": 1, "z": 1}',
        '{\n\t"a": 2,\n\t"z": 1\n}',
        '{"a": 1, "n": 1e2, "z": 1}',
        '{\n\t"a": 2,\n\t"n": 1e2,\n\t"z": 1\n}',
    ),
    "a field in front": (
        '{"a": 1}',
        '{"a": 2}',
        '{"n": 1, "a": 1}',
        '{"n": 1, "a": 2}',
    ),
    "a field last": (
        '{"a":1}',
        '{"a":2}',
        '{"a":1,"n":[1, 2]}',
        '{"a":2,"n":[1,2]}',
    ),
    "a field removed": (
        '{"a": 1, "b": 1, "c": 1}',
        '{\n  "a": 1,\n  "b": 1,\n  "c": 2\n}',
        '{"b": 1, "c": 1}',
        '{\n  "b": 1,\n  "c": 2\n}',
    ),
    "the last field removed": (
        '{"a": 1, "b": 1}',
        '{\n  "a": 2,\n  "b": 1\n}',
        '{"a": 1}',
        '{\n  "a": 2\n}',
    ),
    "everything removed": (
        '{"a": {"b": 1}, "c": 1}',
        '{"a": { "b": 1 }, "c": 2}',
        '{"a": {}, "c": 1}',
        '{"a": {}, "c": 2}',
    ),
    "an empty object filled": (
        '{"a": {}, "c": 1}',
        '{\n  "a": {},\n  "c": 2\n}',
        '{"a": {"x": []}, "c": 1}',
        '{\n  "a": {\n    "x": []\n  },\n  "c": 2\n}',
    ),
    "a list on one line": (
        '{"a": [1, 2], "c": 1}',
        '{\n  "a": [1, 2],\n  "c": 2\n}',
        '{\n  "a": [\n    1,\n    3\n  ],\n  "c": 1\n}',
        '{\n  "a": [1, 3],\n  "c": 2\n}',
    ),
    "what the remote wrote on one line": (
        '{\n  "c": 1\n}',
        '{\n  "c": 2\n}',
        '{\n  "c": 1,\n  "p": [1, 2]\n}',
        '{\n  "c": 2,\n  "p": [1, 2]\n}',
    ),
    "elements": (
        '[{"id":"x","v":1},{"id":"y","v":1}]',
        '[\n  {"id": "x", "v": 1},\n  {"v": 2, "id": "y"}\n]\n',
        '[{"id":"n"},{"id":"x","v":3},{"id":"y","v":1}]',
        '[\n  {"id": "n"},\n  {"id": "x", "v": 3},\n  {"v": 2, "id": "y"}\n]\n',
    ),
    "an element removed": (
        '[{"id":"x"},{"id":"y"},{"id":"z"}]',
        '[\n  {"id": "x"},\n  {"id": "y"},\n  {"id": "z", "v": 1}\n]',
        '[{"id":"x"},{"id":"z"}]',
        '[\n  {"id": "x"},\n  {"id": "z", "v": 1}\n]',
    ),
    "elements moved": (
        '[{"id":"x"},{"id":"y"}]',
        '[\n  {"id": "x", "v": 1},\n  {"id":   "y"}\n]',
        '[{"id":"y"},{"id":"x"}]',
        '[\n  {"id":   "y"},\n  {"id": "x", "v": 1}\n]',
    ),
    "tags": (
        '{"tags": ["a", "b"]}',
        '{\n  "tags": ["b", "\\u0061", "l"]\n}',
        '{"tags": ["a", "r"]}',
        '{\n  "tags": ["\\u0061", "l", "r"]\n}',
    ),
    "line ends and mark": (
        '{"a": 1, "b": 1}',
        '\ufeff{\r\n  "a": 2,\r\n  "b": 1\r\n}\r\n',
        '{"a": 1, "b": {"c": [1]}, "d": 1}',
        '\ufeff{\r\n  "a": 2,\r\n  "b": {\r\n    "c": [\r\n      1\r\n    ]\r\n  },\r\n'
        '  "d": 1\r\n}\r\n',
    ),
    "text by lines": (
        '{"content": "a\\nb\\nc\\u00e9\\nd"}',
        '{"content": "A\\nb\\nc\\u00e9\\nd"}',
        '{"content": "a\\nb\\nc\\u00e9\\nD"}',
        '{"content": "A\\nb\\nc\\u00e9\\nD"}',
    ),
    "tags that repeat": (
        '{"tags": ["a"]}',
        '{"tags": ["a", "b",    "a"]}',
        '{"tags": ["a", "c"]}',
        '{"tags": ["a", "b",    "a", "c"]}',
    ),
    "white space by hand": (
        '{"a": 1, "b": 1, "c": 1, "d": 1}',
        '{ "a": 2 ,\n\n  "b": 1   ,\n     "c":1\n  ,"d":   1 }',
        '{"a": 1, "b": 3, "c": 1, "n": 0, "d": 1}',
        '{ "a": 2 ,\n\n  "b": 3   ,\n     "c":1\n  ,\n\n  "n": 0,"d":   1 }',
    ),
    "the ends of a list without ids": (
        '{"a": [[1, 2], [3], [5, 6]], "c": 1}',
        '{"a": [[1,   2], [ 3 ], [5,   6]], "c": 2}',
        '{"a": [[1, 2], [4], [7], [5, 6]], "c": 1}',
        '{"a": [[1,   2], [4], [7], [5,   6]], "c": 2}',
    ),
    "a list without ids that grows by its like": (
        '{"a": [[1, 2], [1, 2]], "c": 1}',
        '{"a": [[1,   2], [1,   2]], "c": 2}',
        '{"a": [[1, 2], [1, 2], [1, 2]], "c": 1}',
        '{"a": [[1,   2], [1,   2], [1, 2]], "c": 2}',
    ),
    "a list without ids that shrinks by its like": (
        '{"a": [[1, 2], [1, 2]], "c": 1}',
        '{"a": [[1,   2], [1,   2]], "c": 2}',
        '{"a": [[1, 2]], "c": 1}',
        '{"a": [[1,   2]], "c": 2}',
    ),
    "an object that repeats a key": (
        '{"a": {"k": 1, "k": 2}, "c": 1}',
        '{"a": {"k": 1,  "k": 2}, "c": 2}',
        '{"a": {"k": 3, "k": 4}, "c": 1}',
        '{"a": {"k": 3, "k": 4}, "c": 2}',
    ),
    "a remote that only laid out anew": (
        '{"a": 1, "b": 1}',
        '{"a":2, "b":   1}',
        '{\n  "b": 1,\n  "a": 1\n}',
        '{"a":2, "b":   1}',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPLICED)
def test_the_remote_is_spliced_into_the_local_text(case: str) -> None:
    base, local, remote, expected = SPLICED[case]
    assert merged(base, local, remote) == expected


def test_on_a_clash_the_local_value_stands_and_the_rest_is_merged() -> None:
    result = outcome('{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":3,"b":4}')
    assert isinstance(result, Combined)
    assert result.body == b'{"a":2,"b":4}'
    assert [clash.pointer for clash in result.clashes] == ["/a"]


WHOLE = {
    "broken here": ('{"a":1}', '{"a":2', '{"a":1,"b":1}', Kind.DOCUMENT, Format.JSON),
    "broken there": ('{"a":1}', '{"a":2}', "{", Kind.DOCUMENT, Format.JSON),
    "broken before": ("{", '{"a":2}', "{}", Kind.DOCUMENT, Format.JSON),
    "a repeated key on top": ('{"a":1}', '{"a":1,"a":1}', '{"b":1}', Kind.DOCUMENT, Format.JSON),
    "opaque": ('{"a":1}', '{"a":2}', '{"a":1,"b":1}', Kind.FILE, Format.JSON),
    "text, one line": ("a\nb", "A\nb", "X\nb", Kind.DOCUMENT, Format.TEXT),
    "text, never met": (None, "A\nb", "X\nb", Kind.DOCUMENT, Format.TEXT),
    "no id": (None, '{"a":1}', '{"b":1}', Kind.DOCUMENT, Format.JSON),
    "other ids": (None, '{"id":"x"}', '{"id":"y"}', Kind.DOCUMENT, Format.JSON),
    "ids of other types": (None, '{"id":"1"}', '{"id":1}', Kind.DOCUMENT, Format.JSON),
    "lists": ("[1]", "[2]", "[3]", Kind.DOCUMENT, Format.JSON),
    "too deep": ("[]", "[" * 999 + "]" * 999, "[1]", Kind.DOCUMENT, Format.JSON),
    "a step that another needs is gone": (
        '{"steps":[{"id":"a"},{"id":"b"}]}',
        '{"steps":[{"id":"b"}]}',
        '{"steps":[{"id":"a"},{"id":"b","dependsOn":["a"]}]}',
        Kind.WORKFLOW, Format.JSON,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOLE)
def test_what_cannot_be_merged_is_one_whole_conflict(case: str) -> None:
    assert isinstance(outcome(*WHOLE[case]), Whole)


def test_a_flaw_that_the_merge_makes_does_not_keep_it_from_being_merged_anyhow() -> None:
    base, local, remote, kind, format = WHOLE["a step that another needs is gone"]
    assert base is not None
    assert local is not None
    sides = base.encode(), local.encode(), remote.encode()
    assert isinstance(merge(*sides, format, kind, anyhow=True), Combined)


@pytest.mark.parametrize("long", [0, 1, 2])
def test_only_what_is_kept_whole_for_its_length_is_merged_anyhow(long: int) -> None:
    texts = [b'{"a": 1, "b": 1}', b'{"a": 2, "b": 1}', b'{"a": 1, "b": 2}']
    texts[long] = texts[long].ljust(MERGE_LIMIT)
    base, local, remote = texts
    assert isinstance(merge(base, local, remote, Format.JSON, Kind.DOCUMENT), Combined)
    texts[long] += b" "
    base, local, remote = texts
    assert isinstance(merge(base, local, remote, Format.JSON, Kind.DOCUMENT), Whole)
    anyhow = merge(base, local, remote, Format.JSON, Kind.DOCUMENT, anyhow=True)
    assert isinstance(anyhow, Combined)
    assert anyhow.body.rstrip() == b'{"a": 2, "b": 2}'


@pytest.mark.parametrize("side", ["local", "remote"])
def test_a_flaw_that_a_side_had_keeps_nothing_from_being_merged(side: str) -> None:
    flawed = '"steps":[{"id":"b","dependsOn":["a"]}]'
    ours, theirs = (flawed if side == each else '"steps":[]' for each in ("local", "remote"))
    local, remote = f'{{"n":2,"o":1,{ours}}}', f'{{"n":1,"o":2,{theirs}}}'
    base = '{"n":1,"o":1,"steps":[]}'
    assert merged(base, local, remote, Kind.WORKFLOW) == f'{{"n":2,"o":2,{flawed}}}'


def test_text_is_merged_by_lines() -> None:
    sides = "a\nb\nc\n", "A\nb\nc\n", "a\nb\nc\nd\n"
    assert merged(*sides, format=Format.TEXT) == "A\nb\nc\nd\n"


def test_values_as_deep_as_they_parse_are_merged() -> None:
    opening, closing = '{"a":' * (DEEPEST - 1), "}" * (DEEPEST - 1)
    base, local, remote = (
        opening + inner + closing for inner in ('{"b":1}', '{"b":2}', '{"b":1,"c":1}')
    )
    assert merged(base, local, remote) == opening + '{"b":2,"c":1}' + closing


def test_bytes_that_are_no_text_do_not_raise() -> None:
    for format in Format:
        assert isinstance(merge(b"\xff", b"\xff\n1", b"2\n\xff", format, Kind.DOCUMENT), Whole)


def test_first_contact_of_one_id() -> None:
    local = '{"id": "x", "tags": ["a"], "metadata": {"downloads": 3}, "l": 1}'
    remote = '{"id": "x", "tags": ["b"], "metadata": {"downloads": 5}, "r": 1}'
    expected = '{"id": "x", "tags": ["a", "b"], "metadata": {"downloads": 5}, "r": 1, "l": 1}'
    assert merged(None, local, remote, Kind.ASSET) == expected


def test_first_contact_of_deployment_queues() -> None:
    local, remote = '{"deployments":[],"queue":["a"]}', '{"deployments":[],"queue":["b","a"]}'
    expected = '{"deployments":[],"queue":["a","b"]}'
    assert merged(None, local, remote, Kind.DEPLOYMENT) == expected


def counted(number: int, name: str = "n") -> bytes:
    return b'{"name": "%s", "metadata": {"downloads": %d}}' % (name.encode(), number)


def test_two_increments_that_came_to_equal_bytes_are_summed() -> None:
    assert summed(counted(1), counted(2), Format.JSON, Kind.ASSET) == counted(3)
    assert only_counters_changed(counted(1), counted(2), counted(5), Format.JSON, Kind.ASSET)


@pytest.mark.parametrize("base", [b'{"name": "n"}', b'{"name": "n", "metadata": {}}'])
def test_two_first_increments_are_summed(base: bytes) -> None:
    assert summed(base, counted(1), Format.JSON, Kind.ASSET) == counted(2)
    assert summed(base, counted(0), Format.JSON, Kind.ASSET) is None


@pytest.mark.parametrize(
    ("base", "both", "format", "kind"),
    [
        (None, counted(2), Format.JSON, Kind.ASSET),
        (counted(1), counted(1), Format.JSON, Kind.ASSET),
        (counted(1), counted(2, "other"), Format.JSON, Kind.ASSET),
        (counted(1), counted(2), Format.JSON, Kind.DOCUMENT),
        (counted(1), counted(2), Format.TEXT, Kind.ASSET),
        (counted(1), b"{", Format.JSON, Kind.ASSET),
        (counted(9), counted(0), Format.JSON, Kind.ASSET),
    ],
)
def test_other_equal_bytes_are_convergence(
    base: bytes | None, both: bytes, format: Format, kind: Kind
) -> None:
    assert summed(base, both, format, kind) is None


written = st.tuples(triples, layouts, layouts, layouts)
kinds = st.sampled_from([Kind.DOCUMENT, Kind.EXECUTION, Kind.WORKFLOW])


@thorough
@given(written, kinds)
def test_what_is_written_reads_as_the_merged_value(
    sides: tuple[tuple[Value, Value, Value], Layout, Layout, Layout], kind: Kind
) -> None:
    values, *laid_out = sides
    base, local, remote = (
        layout.write(each) for layout, each in zip(laid_out, values, strict=True)
    )
    result = merge(base, local, remote, Format.JSON, kind)
    if isinstance(result, Whole):
        assert "does not read as" not in result.why
        return
    node = parse(result.body.decode())
    expected = core.merge(*values, annotation(kind))
    assert node is not None
    if base not in (local, remote):
        assert node.value == expected.value
        assert result.clashes == expected.clashes
    if node.value == values[1] and local != base:
        assert result.body == local
    again = merge(base, result.body, remote, Format.JSON, kind)
    assert isinstance(again, Combined)
    assert again.body == result.body


@thorough
@given(triples, usual_layouts)
def test_sides_of_one_layout_merge_into_that_layout(
    values: tuple[Value, Value, Value], layout: Layout
) -> None:
    base, local, remote = (layout.write(each) for each in values)
    result = merge(base, local, remote, Format.JSON, Kind.DOCUMENT)
    assume(isinstance(result, Combined))
    assert isinstance(result, Combined)
    node = parse(result.body.decode())
    assert node is not None
    assert result.body in (layout.write(node.value), local, remote)


@thorough
@given(triples, layouts, layouts, kinds)
def test_what_one_side_wrote_is_taken_to_the_byte(
    values: tuple[Value, Value, Value], one: Layout, other: Layout, kind: Kind
) -> None:
    base, local = one.write(values[0]), other.write(values[1])
    assert merge(base, local, base, Format.JSON, kind) == Combined(local)
    assert merge(base, base, local, Format.JSON, kind) == Combined(local)
    assert merge(base, local, local, Format.JSON, kind) == Combined(local)
    assert merge(None, local, local, Format.JSON, kind) == Combined(local)


@settings(max_examples=1000, deadline=None)
@given(
    st.none() | st.binary(max_size=20),
    st.binary(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(Format),
    st.sampled_from(Kind),
)
def test_no_bytes_raise(
    base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind
) -> None:
    assert isinstance(merge(base, local, remote, format, kind), Combined | Whole)
    assert only_counters_changed(base, local, remote, format, kind) in (True, False)
