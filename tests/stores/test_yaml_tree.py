"""The tree of a YAML text: what is read, where it stands, and by which parser."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.value import Number, Opaque, Value
from syncd.stores import yaml_events, yaml_tree
from syncd.stores.tree import Node
from syncd.stores.yaml_scalar import resolved, written
from syncd.stores.yaml_tree import Document, parse_yaml
from tests.core.json_values import values
from tests.stores.written_yaml import YamlLayout, sayable, yaml_layouts


@pytest.fixture
def without_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_events, "libyaml", None)


def read(text: str) -> Document:
    found = parse_yaml(text)
    assert isinstance(found, Document), found
    return found


READ = {
    "": None,
    "# nothing\n": None,
    "a:": {"a": None},
    "a: ~\nb: Null\nc: TRUE\nd: false": {"a": None, "b": None, "c": True, "d": False},
    "[1, -0, 1.50, 1.0e+3]": [Number("1"), Number("-0"), Number("1.50"), Number("1.0e+3")],
    "[1e3, yes, 0o7, '1e3', \"yes\"]": [Opaque("1e3"), Opaque("yes"), Opaque("0o7"), "1e3", "yes"],
    "- |\n  a\n   b\n\n- >-\n  a\n  b\n- |+\n  c\n\n": ["a\n b\n", "a b", "c\n\n"],
    "a: b\n   c\nd: 'e\n\n  f'": {"a": "b c", "d": "e\nf"},
    "- - 1\n  - 2\n-\n  - 3\n-\n": [[Number("1"), Number("2")], [Number("3")], None],
    "a:\n- b: c\n  d: e\n- f": {"a": [{"b": "c", "d": "e"}, "f"]},
    "{a: [x, 'y'], \"b\":1, }": {"a": ["x", "y"], "b": Number("1")},
    "on: 1\n1: 2\n~: 3": {"on": Number("1"), "1": Number("2"), "~": Number("3")},
    "\ufeff--- # c\na: 1\r\n...\r\n": {"a": Number("1")},
    "1.2.3": "1.2.3",
    "a: x#y # z": {"a": "x#y"},
}


@pytest.mark.parametrize("text", READ)
def test_what_is_read(text: str) -> None:
    assert read(text).root.value == READ[text]


@pytest.mark.usefixtures("without_libyaml")
@pytest.mark.parametrize("text", READ)
def test_what_is_read_without_libyaml(text: str) -> None:
    assert read(text).root.value == READ[text]


LAID_OUT = st.builds(
    lambda value, layout: layout.write(sayable(value)).decode(), values, yaml_layouts
)


@settings(max_examples=150, deadline=None)
@given(LAID_OUT)
def test_with_and_without_libyaml_the_tree_is_the_same(text: str) -> None:
    found = parse_yaml(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(yaml_events, "libyaml", None)
        assert parse_yaml(text) == found


@settings(max_examples=150, deadline=None)
@given(LAID_OUT)
def test_every_part_knows_its_place(text: str) -> None:
    document = read(text)
    assert_placed(document.text, document.root)


def assert_placed(text: str, node: Node) -> None:
    part = text[node.start : node.end]
    indentation = node.start - text.rfind("\n", 0, node.start) - 1
    # A part lacks the indentation of its first line, and a block scalar its last line break.
    again = read(" " * indentation + part + "\n")
    assert again.root.value == node.value
    for item in node.items or ():
        if isinstance(node.value, dict):
            assert read(text[item.start : item.stop]).root.value == item.key
        else:
            assert item.start == item.stop or text[item.start : item.stop] == "-"
        assert_placed(text, item.node)


@settings(max_examples=150, deadline=None)
@given(values, st.text())
def test_what_is_spelled_anew_is_read_again(value: Value, text: str) -> None:
    assert read(written(sayable(value))).root.value == sayable(value)
    assert read(written(text.replace("\ud800", ""))).root.value == text


@given(st.sampled_from(["yes", "1", "~", "1e3", "", "a: b", "- a", "#", "x #y", "[", "null", "<<"]))
def test_text_that_looks_like_something_else_is_quoted(text: str) -> None:
    assert read(written(text)).root.value == text
    assert written(text).startswith('"')


def test_what_no_version_disputes() -> None:
    for plain in ("y", "n", "1.2.3", "10.0.0.1", "v1", "a b", "2024", "-", "1-2"):
        assert not isinstance(resolved(plain), Opaque)


def test_long_texts_are_neither_checked_nor_merged_without_libyaml(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (yaml_events, yaml_tree):
        monkeypatch.setattr(module, "LONGEST", 10)
    assert yaml_events.broken("a: [" + " " * 10) is None
    assert "longer than" in str(parse_yaml("a: 1" + " " * 10))


def test_comments_are_known_from_text() -> None:
    text = "# a\nb: 'x # y' # c\nd: |\n  # text\ne: f#g\n#h\n"
    assert read(text).comments == ("# a", "# c", "#h")


def test_every_layout_of_the_tests_is_its_own() -> None:
    value: Value = {"a": ["x", {"b": "l\nm\n"}], "c": True}
    layouts = [YamlLayout(), YamlLayout(flat_lists=True), YamlLayout(flow=1), YamlLayout(notes="n")]
    assert len({layout.write(value) for layout in layouts}) == len(layouts)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: 1\n\t\nb: 2\n", "it has tabs where not every YAML"),
        ("\t\na: 1\n", "it has tabs where not every YAML"),
        ("a:\n-\tb\n", "it has tabs where not every YAML"),
        ("?\ta\n:\tb\n", "it has tabs where not every YAML"),
        ("a: 1\n\t# x\nb: 2\n", "it has tabs where not every YAML"),
    ],
)
def test_what_is_whole_and_has_no_tree_is_not_called_broken(text: str, why: str) -> None:
    assert yaml_events.broken(text) is None
    told = parse_yaml(text)
    assert isinstance(told, str)
    assert why in told
