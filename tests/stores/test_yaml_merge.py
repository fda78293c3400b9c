"""YAML versions merged as bytes: what stands in the file afterwards."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncd.core import merge as core
from syncd.core.merge import Clash
from syncd.core.model import Format, Kind
from syncd.core.value import Value
from syncd.stores.annotations import annotation
from syncd.stores.codec import unparsable
from syncd.stores.merge import (
    Combined,
    Whole,
    counted_on,
    merge,
    only_counters_changed,
    summed,
)
from syncd.stores.yaml_tree import Document, parse_yaml
from tests.core.json_values import KEYS
from tests.stores.written import TWO_SPACES
from tests.stores.written_yaml import (
    PLAIN_YAML,
    YamlLayout,
    noted_yaml,
    sayables,
    usual_yaml,
    yaml_layouts,
    yaml_triples,
)

thorough = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
Triple = tuple[Value, Value, Value]
records = st.dictionaries(st.sampled_from(KEYS), sayables, min_size=1)
kinds = st.sampled_from([Kind.DOCUMENT, Kind.EXECUTION, Kind.WORKFLOW])


def read(body: bytes) -> Document:
    found = parse_yaml(body.decode())
    assert isinstance(found, Document), (found, body)
    return found


def valued(clashes: tuple[Clash, ...]) -> tuple[Clash, ...]:
    """The clashes of values, without that of comments."""
    return tuple(clash for clash in clashes if clash.path)


@thorough
@given(yaml_triples, yaml_layouts)
def test_what_is_written_is_read(sides: Triple, layout: YamlLayout) -> None:
    for value in sides:
        assert read(layout.write(value)).root.value == value


@thorough
@given(yaml_triples, yaml_layouts, yaml_layouts, yaml_layouts, kinds)
def test_what_is_merged_reads_as_the_merged_value(
    sides: Triple, one: YamlLayout, two: YamlLayout, three: YamlLayout, kind: Kind
) -> None:
    base, local, remote = one.write(sides[0]), two.write(sides[1]), three.write(sides[2])
    result = merge(base, local, remote, Format.YAML, kind)
    if isinstance(result, Whole):
        assert "does not read as" not in result.why
        return
    if base not in (local, remote):
        expected = core.merge(*sides, annotation(kind))
        assert read(result.body).root.value == expected.value
        assert valued(result.clashes) == expected.clashes
    again = merge(base, result.body, remote, Format.YAML, kind)
    assert isinstance(again, Combined)
    assert again.body == result.body


@thorough
@given(yaml_triples, usual_yaml, usual_yaml, kinds)
def test_json_and_yaml_merge_to_the_same_value(
    sides: Triple, one: YamlLayout, other: YamlLayout, kind: Kind
) -> None:
    before, ours, theirs = map(TWO_SPACES.write, sides)
    as_json = merge(before, ours, theirs, Format.JSON, kind)
    before, ours, theirs = one.write(sides[0]), other.write(sides[1]), one.write(sides[2])
    as_yaml = merge(before, ours, theirs, Format.YAML, kind)
    if len({*map(repr, sides)}) < 3:
        return  # equal bytes are one version, and another layout is an edit
    assert type(as_json) is type(as_yaml)
    if isinstance(as_json, Combined) and isinstance(as_yaml, Combined):
        in_json = read(as_json.body).root.value
        assert read(as_yaml.body).root.value == in_json
        assert valued(as_yaml.clashes) == as_json.clashes


@thorough
@given(yaml_triples, noted_yaml, yaml_layouts)
def test_comments_survive_and_those_of_the_remote_are_at_least_told(
    sides: Triple, layout: YamlLayout, other: YamlLayout
) -> None:
    base, local = PLAIN_YAML.write(sides[0]), layout.write(sides[1])
    remote = other.write(sides[2])
    result = merge(base, local, remote, Format.YAML, Kind.DOCUMENT)
    if isinstance(result, Whole) or base == local:
        return
    kept = Counter(read(result.body).comments)
    assert not Counter(read(local).comments) - kept
    told = [str(clash.remote) for clash in result.clashes if not clash.path]
    lost = Counter(read(remote).comments) - kept
    assert base == remote or set(lost) == set("\n".join(told).split("\n")) - {""}


def test_a_comment_that_both_sides_kept_is_told_where_it_finds_no_place() -> None:
    sides = b"a: 1\nb: 2 # n\n", b"a: 1 # mine\nb: 2 # n\n", b"a: 2 # n\n"
    result = merge(*sides, Format.YAML, Kind.DOCUMENT)
    assert isinstance(result, Combined)
    assert result.body == b"a: 2 # mine\n"
    assert [clash.remote for clash in result.clashes] == ["# n"]


@thorough
@given(yaml_triples, yaml_layouts, yaml_layouts, kinds)
def test_what_one_side_wrote_is_taken_to_the_byte(
    sides: Triple, one: YamlLayout, other: YamlLayout, kind: Kind
) -> None:
    base, local = one.write(sides[0]), other.write(sides[1])
    assert merge(base, local, base, Format.YAML, kind) == Combined(local)
    assert merge(base, base, local, Format.YAML, kind) == Combined(local)
    assert merge(base, local, local, Format.YAML, kind) == Combined(local)


@thorough
@given(
    st.dictionaries(st.sampled_from(KEYS), sayables, min_size=1), noted_yaml, usual_yaml, sayables
)
def test_what_the_remote_adds_leaves_every_local_line_as_it_is(
    value: dict[str, Value], layout: YamlLayout, other: YamlLayout, new: Value
) -> None:
    base, local = PLAIN_YAML.write(value), layout.write(value)
    remote = other.write({**value, "new key": new})
    result = merge(base, local, remote, Format.YAML, Kind.DOCUMENT)
    assert isinstance(result, Combined)
    lines, before = result.body.split(b"\n"), local.split(b"\n")
    added = len(lines) - len(before)
    assert added > 0
    place = next(at for at in range(len(lines)) if lines[at : at + 1] != before[at : at + 1])
    assert lines[:place] + lines[place + added :] == before


MERGED = {
    "values in their places": (
        "a: 1\nb: 1  # one\n",
        "# head\na: 2\nb: 1  # one\n",
        "{a: 1, b: {x: 1}}",
        "# head\na: 2\nb: {x: 1}  # one\n",
    ),
    "an item with its comments": (
        "s:\n  - id: a\n  - id: b\n",
        "s:\n    - id: a # A\n      v: 1\n    - id: b",
        "s:\n  - id: a\n  # about c\n  - id: c\n    # deep\n    v: |\n      t\n       u\n"
        "  - id: b\n",
        "s:\n    - id: a # A\n      v: 1\n    # about c\n    - id: c\n      # deep\n"
        "      v: |\n        t\n         u\n    - id: b",
    ),
    "a block in the place of a scalar": (
        "a: 1\nb: 1\n",
        "a: 2\nb: 1  # note\n",
        "a: 1\nb:\n- x\n- y: 1\n  z: 2\n",
        "a: 2\nb:  # note\n- x\n- y: 1\n  z: 2\n",
    ),
    "a scalar in the place of a block": (
        "a: 1\nb:\n  - x\n",
        "a: 2\nb: # note\n  - x\n",
        "a: 1\nb: 'y'\n",
        "a: 2\nb: 'y' # note\n",
    ),
    "an element removed, its comment stays": (
        "- id: x\n- id: y\n- id: z\n",
        "- id: x\n# about y\n- id: y\n\n# about z\n- id: z\n  v: 1\n",
        "- id: x\n- id: z\n",
        "- id: x\n# about y\n\n# about z\n- id: z\n  v: 1\n",
    ),
    "the first of a compact mapping removed": (
        "- a: 1\n  b: 1\n  id: x\n- id: y\n",
        "- a: 1\n  b: 1\n  id: x\n- id: y\n  l: 1\n",
        "[{b: 1, id: x}, {id: y}]",
        "- b: 1\n  id: x\n- id: y\n  l: 1\n",
    ),
    "a value beside a comment": ("", "#c", "a: 1", "#c\n{a: 1}"),
    "a value between markers": ("", "---\n...\n", "a: 1", "---\n{a: 1}\n...\n"),
    "everything removed": (
        "a:\n  x: 1\nb: 1\n",
        "a:\n  x: 1\nb: 2\n",
        "a: {}\nb: 1\n",
        "a: {}\nb: 2\n",
    ),
    "a flow list": (
        "tags: [a, b]\nz: 1\n",
        "tags: [ b,  'a',   l ]\nz: 2\n",
        "tags:\n- a\n- r\n- 'it, s'\nz: 1\n",
        "tags: [ 'a',   l,  r,  \"it, s\" ]\nz: 2\n",
    ),
    "what the remote quotes in a flow list": (
        "t: [a]\nz: 1\n",
        "t: [a]\nz: 2\n",
        "t: [a, 'b']\nz: 1\n",
        "t: [a, 'b']\nz: 2\n",
    ),
    "what would be a marker where it is put is spelled anew": (
        "s:\n- id: a\n",
        "s:\n- id: a\n  l: 1\n",
        "s:\n    - id: a\n    - id: c\n      v: 'x\n   --- y'\n",
        "s:\n- id: a\n  l: 1\n- {id: c, v: x --- y}\n",
    ),
    "text by lines in a literal": (
        "content: |\n  a\n  b\n  c\n  d\nz: 1\n",
        "content: |\n   A\n   b\n   c\n   d\nz: 1\n",
        "content: \"a\\nb\\nc\\nD\\n\"\nz: 2\n",
        "content: |\n   A\n   b\n   c\n   D\nz: 2\n",
    ),
    "line ends, mark, document markers": (
        "a: 1\nb: 1\n",
        "\ufeff---\r\na: 2\r\nb: 1\r\n...\r\n",
        "a: 1\nb: 1\nc:\n  d: |\n    t\n",
        "\ufeff---\r\na: 2\r\nb: 1\r\nc:\r\n  d: |\r\n    t\r\n...\r\n",
    ),
    "a block scalar last, without a final line break": (
        "- {id: a}\n",
        "- {id: a, b: 1}",
        "- id: a\n- id: t\n  text: |\n    l\n",
        "- {id: a, b: 1}\n- id: t\n  text: |\n    l\n",
    ),
    "a block scalar that is brought with its empty lines": (
        "a: 1\nb: 1\n",
        "a: 2\nb: 1\n",
        "a: 1\nk: |+\n  t\n\nb: 1\n",
        "a: 2\nk: |+\n  t\n\nb: 1\n",
    ),
    "the last item removed, its comment stays": (
        "a: 1\nb: 1\n",
        "a: 2\n# about b\nb: 1\n",
        "a: 1\n",
        "a: 2\n# about b\n",
    ),
    "a block scalar that keeps its empty lines": (
        "a: 1\nb: 1\n",
        "a: |+\n  t\n\n\nb: 1",
        "{a: 1, b: 1, c: 2}",
        "a: |+\n  t\n\n\nb: 1\nc: 2",
    ),
    "keys that are not text": (
        "on: 1\n1: a\nb: 1\n",
        "on: 1\n1: a\nb: 2\n",
        "on: 2\n1: a\nb: 1\nc: yes\n",
        "on: 2\n1: a\nb: 2\nc: yes\n",
    ),
    "a line of text that looks like a comment": (
        "a: 1\nk: |\n  t\n  # x\n",
        "a: 2\nk: |\n  t\n  # x\nl: 1\n",
        "a: 1\nk: |\n  t\n  # x\nb: 1\n",
        "a: 2\nk: |\n  t\n  # x\nb: 1\nl: 1\n",
    ),
    "comments of both, by lines": (
        "a: 1\n\nb: 1\n\nc: 1\n",
        "a: 2  # here\n\nb: 1\n\nc: 1\n",
        "a: 1\n\nb: 1\n\nc: 1  # there\n# end\n",
        "a: 2  # here\n\nb: 1\n\nc: 1  # there\n# end\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MERGED)
def test_the_remote_is_written_into_the_local_text(case: str) -> None:
    base, local, remote, expected = (text.encode() for text in MERGED[case])
    result = merge(base, local, remote, Format.YAML, Kind.DOCUMENT)
    assert result == Combined(expected)


WHOLE = {
    "anchors or aliases": ("a: &x 1\n", "a: &x 2\n", "a: &x 1\nb: 1\n"),
    "merge keys": ("a: {<<: {b: 1}}\n", "a: {<<: {b: 2}}\n", "a: {<<: {b: 1}}\nc: 1\n"),
    "tags": ("a: !t 1\n", "a: 2\n", "a: 1\nb: 1\n"),
    "several documents": ("a: 1\n---\nb: 1\n", "a: 2\n", "a: 1\nb: 1\n"),
    "directives": ("%YAML 1.2\n---\na: 1\n", "a: 2\n", "a: 1\nb: 1\n"),
    "there twice": ("a: 1\n", "a: 2\na: 2\n", "a: 1\nb: 1\n"),
    "more than a scalar": ("a: 1\n", "? [x]\n: 2\n", "a: 1\nb: 1\n"),
    "question mark": ("a: 1\n", "? x\n: 2\n", "a: 1\nb: 1\n"),
    "pairs without braces": ("a: 1\n", "a: [x: 1]\n", "a: 1\nb: 1\n"),
    "has no colon": ("a: 1\n", "a: {x}\n", "a: 1\nb: 1\n"),
    "by tabs": ("a: 1\n", "a: [\n\t1]\n", "a: 1\nb: 1\n"),
    "lines end in ways": ("a: 1\n", "a: 'x\u2028y'\n", "a: 1\nb: 1\n"),
    "end in two ways": ("a: 1\n", "a: 2\r\nc: 1\n", "a: 1\nb: 1\n"),
    "not the same on both sides": ("a: 1\n", "a: 2\non: 1\n", "a: 1\nb: 1\n"),
    "not text are not the same": ("1: a\n", "1: b\nc: d\n", "'1': a\nb: 1\n"),
    "that are not text are not the same": (
        "a: {on: 1}\nb: {on: 1}\n", "a: {on: 2}\nb: {on: 1}\n", "a: {on: 1}\nb: {'on': 1}\nc: 1\n",
    ),
    "keys that are not text are not the same": (
        "a: 1\nb: {no: 1, x: 1}\nc: {no: 1, x: 1}\n",
        "a: 2\nb: {no: 1, x: 1}\nc: {x: 1}\n",
        "a: 1\nb: {x: 1}\nc: {no: 1, x: 1}\n",
    ),
    "nests": ("a: 1\n", "[" * 101 + "]" * 101, "a: 1\nb: 1\n"),
    "the base cannot be merged": ("a: [\n", "a: 2\n", "a: 1\nb: 1\n"),
    "the file cannot be merged": ("a: 1\n", "a: [\n", "a: 1\nb: 1\n"),
    "the remote version cannot": ("a: 1\n", "a: 2\n", "a: [\n"),
    "nothing in common": ("a: 1\n", "- a\n", "b: 1\n"),
    "is on what the remote removed": ("a: 1\nb: 1\n", "a: 2\n# mine\nb: 1 # mine\n", "a: 1\n"),
    "do not carry the same id": (None, "id: 1\n", "id: '1'\n"),
}  # fmt: skip


@pytest.mark.parametrize("why", WHOLE)
def test_what_cannot_be_merged_is_one_whole_conflict_that_says_why(why: str) -> None:
    base, local, remote = (text if text is None else text.encode() for text in WHOLE[why])
    assert local is not None
    assert remote is not None
    result = merge(base, local, remote, Format.YAML, Kind.DOCUMENT)
    assert isinstance(result, Whole)
    assert why in result.why


DISPUTED = ["yes", "On", "0o7", "012", "0x1F", "1_000", "1:30", "1e3", "1.", ".5", "+1", ".inf",
            ".NaN", "2024-01-02", "2024-01-02T03:04:05Z", "="]  # fmt: skip


@pytest.mark.parametrize("scalar", DISPUTED)
def test_what_versions_of_yaml_read_differently_is_never_reinterpreted(scalar: str) -> None:
    base, remote = b"a: 0\nb: 1\n", f"a: {scalar}\nb: 1\n".encode()
    result = merge(base, b"a: 0\nb: 2\n", remote, Format.YAML, Kind.DOCUMENT)
    assert result == Combined(f"a: {scalar}\nb: 2\n".encode())
    quoted = merge(remote, f"a: '{scalar}'\nb: 1\n".encode(), remote + b"c: 1\n", Format.YAML,
                   Kind.DOCUMENT)  # fmt: skip
    assert quoted == Combined(f"a: '{scalar}'\nb: 1\nc: 1\n".encode())
    both = merge(base, f"a: '{scalar}'\nb: 1\n".encode(), remote, Format.YAML, Kind.DOCUMENT)
    assert isinstance(both, Combined)
    assert [clash.pointer for clash in both.clashes] == ["/a"]


def counted(number: int, name: str = "n") -> bytes:
    return f"name: {name}\nmetadata:\n  downloads: {number}  # so far\n".encode()


def test_thousands_of_new_items_are_brought_at_once() -> None:
    """A bound and not a budget: where each was looked for from the text's beginning it was 20 s."""
    base, new = b"a: 1\n", "".join(f"k{number}:\n  v: {number}\n" for number in range(10_000))
    began = time.process_time()
    result = merge(base, b"a: 1\nl: 1\n", base + new.encode(), Format.YAML, Kind.DOCUMENT)
    assert result == Combined(f"a: 1\n{new}l: 1\n".encode())
    assert time.process_time() - began < 8.0


def test_two_increments_that_came_to_equal_bytes_are_summed() -> None:
    assert summed(counted(1), counted(2), Format.YAML, Kind.ASSET) == counted(3)
    assert only_counters_changed(counted(1), counted(2), counted(5), Format.YAML, Kind.ASSET)
    assert summed(counted(1), counted(2, "other"), Format.YAML, Kind.ASSET) is None
    assert summed(counted(1), b"a: [", Format.YAML, Kind.ASSET) is None


@pytest.mark.parametrize("kind", [Kind.ASSET, Kind.DOCUMENT])
def test_a_save_that_lacks_a_comment_says_something_else(kind: Kind) -> None:
    before, save, noted = counted(1), counted(1, "m"), counted(1, "m") + b"# noted\n"
    merged = merge(before, save, before + b"# noted\n", Format.YAML, kind)
    assert merged == Combined(noted)
    assert not counted_on(before, save, noted, Format.YAML, kind)
    assert counted_on(before, noted, noted, Format.YAML, kind)


def test_a_save_went_on_counting_whatever_comments_are_its_own() -> None:
    save = counted(3) + b"# mine\n"
    assert counted_on(counted(1), save, counted(5), Format.YAML, Kind.ASSET)
    assert not counted_on(counted(3), save, counted(5), Format.YAML, Kind.ASSET)


def test_first_contact_of_one_id() -> None:
    local = b"id: x\ntags: [a]\nmetadata: {downloads: 3}\nl: 1\n"
    remote = b"id: x\ntags: [b]\nmetadata: {downloads: 5}\nr: 1\n"
    expected = b"id: x\ntags: [a, b]\nmetadata: {downloads: 5}\nr: 1\nl: 1\n"
    assert merge(None, local, remote, Format.YAML, Kind.ASSET) == Combined(expected)


PIECES = ["a: ", "- ", "? ", "#c", "[", "]", "{", "}", ",", ":", "|", "|+", ">", "'", '"', "&a ",
          "*a", "!t ", "<<: ", "---", "...", "%", "\n", "\n", "\n  ", "\r\n", "\t", " ", "x", "yes",
          "1", "\ufeff", "\x85", "\x00", "\"\\ud83d\"", "\U0001f600"]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@settings(max_examples=1200, deadline=None)
@given(texts, texts, texts, st.sampled_from(Kind))
@example("", "#c", "a: ", Kind.WORKFLOW)
@example("", "---", "a: ", Kind.WORKFLOW)
def test_no_text_raises(base: str, local: str, remote: str, kind: Kind) -> None:
    before, ours, theirs = (each.encode("utf-8") for each in (base, local, remote))
    result = merge(before, ours, theirs, Format.YAML, kind)
    assert isinstance(result, Combined) or "does not read as" not in result.why
    assert unparsable(Format.YAML, ours) is None or isinstance(parse_yaml(local), str)
