"""Records files taken apart and put together: nothing is lost, and nothing changed needlessly."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from syncd.core.model import Hold
from syncd.core.value import Opaque, Value, spelled
from syncd.stores.join import join
from syncd.stores.records import (
    ENVELOPE,
    ID_BYTES,
    Part,
    Split,
    differing,
    fitting,
    part_of,
    split,
    tokens,
    unfit,
)
from syncd.stores.tree import MARK
from tests.core.json_values import plain, values

AT = "/deployments"
NAMES = ["a", "b", "deploy-1", "caf\u00e9", 'q"\\', "\u2028", "0"]
BLANK = st.text(" \t\n\r", max_size=3)


@st.composite
def record(draw: st.DrawFn, name: str, inner: st.SearchStrategy[Value] = values) -> str:
    """The compact tokens of a record."""
    fields = draw(st.dictionaries(st.sampled_from(["x", "y", "", "id2"]), inner, max_size=3))
    members = [f"{json.dumps(key)}:{spelled(value)}" for key, value in fields.items()]
    place = draw(st.integers(0, len(members)))
    spelling = draw(st.sampled_from([json.dumps(name), json.dumps(name, ensure_ascii=False)]))
    return "{" + ",".join([*members[:place], f'"id":{spelling}', *members[place:]]) + "}"


@st.composite
def wanted(draw: st.DrawFn, inner: st.SearchStrategy[Value] = values) -> dict[str, bytes]:
    """Parts of a records file, the envelope first."""
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=5))
    others = draw(st.dictionaries(st.sampled_from(["queue", "v", "", "/"]), inner, max_size=3))
    members = [f"{json.dumps(key)}:{spelled(value)}" for key, value in others.items()]
    members.insert(draw(st.integers(0, len(members))), '"deployments":[]')
    envelope = "{" + ",".join(members) + "}"
    return {ENVELOPE: envelope.encode(), **{n: draw(record(n, inner)).encode() for n in names}}


@st.composite
def spread(draw: st.DrawFn, text: str) -> str:
    """A JSON text with white space between its tokens, as somebody's editor leaves it."""
    style = draw(st.sampled_from(["two", "one", "tabs", "wild", "windows"]))
    if style == "wild":
        found = re.split(r'("(?:[^"\\]|\\.)*"|[{}\[\],:])', text)
        return draw(BLANK).join(["", *filter(None, found), ""])
    blanks = {"one": (None, None), "two": (2, None), "tabs": ("\t", None), "windows": (4, None)}
    if not _plain(text):
        return text
    laid = json.dumps(json.loads(text), indent=blanks[style][0], ensure_ascii=False)
    return laid.replace("\n", "\r\n") if style == "windows" and "\\n" not in laid else laid


def _plain(text: str) -> bool:
    """Whether the standard library writes the tokens as they are."""
    try:
        again = json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
        again.encode()
    except (ValueError, UnicodeEncodeError):
        return False
    return again == text


def whole(parts: dict[str, bytes]) -> str:
    records = b",".join(body for name, body in parts.items() if name != ENVELOPE)
    return (
        parts[ENVELOPE].replace(b'"deployments":[]', b'"deployments":[' + records + b"]").decode()
    )


def opened(text: str) -> Split:
    found = split(text.encode(), AT)
    assert isinstance(found, Split), found
    return found


files = wanted().flatmap(lambda parts: st.tuples(st.just(parts), spread(whole(parts))))


@given(files)
def test_a_file_is_its_parts_whatever_its_white_space(file: tuple[dict[str, bytes], str]) -> None:
    parts, text = file
    assert tokens(opened(text).parts) == parts


@given(files)
def test_joining_what_is_there_changes_no_byte(file: tuple[dict[str, bytes], str]) -> None:
    parts, text = file
    assert join(opened(text), parts, AT) == text.encode()


@given(files, wanted())
def test_a_byte_order_mark_belongs_to_no_part_and_stays(
    file: tuple[dict[str, bytes], str], asked: dict[str, bytes]
) -> None:
    parts, text = file
    marked = opened(MARK + text)
    assert tokens(marked.parts) == parts
    joined = join(marked, asked, AT).decode()
    assert joined.startswith(MARK)
    assert joined.removeprefix(MARK) == join(opened(text), asked, AT).decode()


@given(files, wanted())
def test_what_is_joined_is_what_was_asked_for(
    file: tuple[dict[str, bytes], str], asked: dict[str, bytes]
) -> None:
    local = opened(file[1])
    again = split(join(local, asked, AT), AT, local)
    assert isinstance(again, Split)
    assert tokens(again.parts) == asked
    kept = [name for name in local.names if name in asked]
    assert again.names[: len(kept)] == kept


@given(wanted())
def test_a_file_that_is_not_there_holds_what_was_asked_for(asked: dict[str, bytes]) -> None:
    assert tokens(opened(join(None, asked, AT).decode()).parts) == asked


@given(wanted(plain))
def test_a_file_that_is_not_there_is_two_space_json(asked: dict[str, bytes]) -> None:
    assume(_plain(whole(asked)))
    body = join(None, asked, AT)
    assert body == json.dumps(json.loads(whole(asked)), indent=2, ensure_ascii=False).encode()


@given(files, st.data())
def test_one_change_leaves_the_bytes_of_all_else(
    file: tuple[dict[str, bytes], str], data: st.DataObject
) -> None:
    parts, text = file
    local = opened(text)
    assume(local.names)
    name = data.draw(st.sampled_from(local.names))
    joined = join(local, parts | {name: data.draw(record(name)).encode()}, AT).decode()
    start, end = local.place.elements[local.names.index(name)]
    assert joined.startswith(text[:start])
    assert joined.endswith(text[end:])


DEPLOYMENT: dict[str, object] = {
    "id": "d1",
    "siteId": "s",
    "status": "pending",
    "buildArtifacts": ["x", "y"],
    "e": {},
}


def written(*deployments: dict[str, object], queue: list[str], indent: int | str | None = 2) -> str:
    return json.dumps({"deployments": deployments, "queue": queue}, indent=indent)


@pytest.mark.parametrize("queue", [[], ["d1"], ["d1", "d2"]])
@pytest.mark.parametrize("before", [[], [DEPLOYMENT]])
@pytest.mark.parametrize("indent", [None, 2, 4, "\t"])
def test_a_file_of_a_program_stays_as_the_program_writes_it(
    before: list[dict[str, object]], queue: list[str], indent: int | str | None
) -> None:
    after = [*before, {**DEPLOYMENT, "id": "d2"}]
    local = written(*before, queue=["d0"], indent=indent)
    there = written(*after, queue=queue, indent=indent)
    assert join(opened(local), tokens(opened(there).parts), AT) == there.encode()


HELD = {
    "no list": "{}",
    "something else": '{"deployments": {}}',
    "an element that is no object": '{"deployments": [1]}',
    "no id": '{"deployments": [{"name": "a"}]}',
    "an id that is no text": '{"deployments": [{"id": 1}]}',
    "an empty id": '{"deployments": [{"id": ""}]}',
    "an id that is not Unicode": '{"deployments": [{"id": "\\ud800"}]}',
    "two with one id": '{"deployments": [{"id": "a"}, {"id": "\\u0061"}]}',
    "two lists": '{"deployments": [], "deployments": []}',
    "no JSON": '{"deployments": [{"id": "a"}',
    "no JSON in a record": '{"deployments": [{"id": "a", "b": 1,}]}',
    "no JSON beside": '{"deployments": [{"id": "a"}], "queue": [1,,2]}',
    "two tokens that are none": '{"deployments": [], "a": 1 2}',
    "white space that is none": '{"deployments": [], "a":\u00a01}',
    "something behind": '{"deployments": [{"id": "a"}]} x',
    "something between": '{"deployments": [{"id": "a"} {"id": "b"}]}',
    "a comma too many": '{"deployments": [{"id": "a"},]}',
}


@pytest.mark.parametrize("why", HELD)
def test_what_cannot_be_taken_apart_is_held(why: str) -> None:
    assert isinstance(split(HELD[why].encode(), AT), Hold)


DEEP = '{"id": "a", "v": ' + "[" * 40 + "]" * 40 + "}"


@pytest.mark.parametrize(("text", "at"), [(f'{{"deployments": [{DEEP}]}}', AT), (f"[{DEEP}]", "")])
def test_what_nests_too_deep_is_held_and_told_so(text: str, at: str) -> None:
    found = split(text.encode(), at)
    assert isinstance(found, Hold)
    assert "deep" in found.detail


@given(st.text('{}[]",:\\ adeploymentsid1\n', max_size=60))
def test_whatever_the_text_something_is_answered(text: str) -> None:
    body = ('{"deployments": [' + text).encode()
    found = split(body, AT)
    if isinstance(found, Split):
        assert json.loads(body)["deployments"] is not None


def test_pointers_lead_through_objects_and_may_be_empty() -> None:
    nested = '{"a/b": {"~": [{"id": "x"}], "n": 1}, "c": [[1], {"d": "]"}]}'
    found = split(nested.encode(), "/a~1b/~0")
    assert isinstance(found, Split)
    assert found.names == ["x"]
    assert found.parts[ENVELOPE].body == b'{"a/b":{"~":[],"n":1},"c":[[1],{"d":"]"}]}'
    alone = split(b' [\n  {"id": "x"}\n]\n', "")
    assert isinstance(alone, Split)
    more = join(alone, {**tokens(alone.parts), "y": b'{"id":"y","n":1}'}, "")
    assert more == b' [\n  {"id": "x"},\n  {"id":"y","n":1}\n]\n'.replace(
        b'":"y","n":1', b'": "y", "n": 1'
    )


def test_parts_from_elsewhere_must_fit() -> None:
    assert fitting("a", b'{"id": "a"}', AT) == part_of('{"id":"a"}')
    assert fitting(ENVELOPE, b'{"deployments": []}', AT) == part_of('{"deployments":[]}')
    for name, body in [
        ("a", b'{"id":"b"}'), ("a", b"[]"), ("a", b"{"), ("a", b"\xff"),
        (ENVELOPE, b'{"deployments":[{"id":"a"}]}'), (ENVELOPE, b"{}"), (ENVELOPE, b"\xff"),
    ]:  # fmt: skip
        assert isinstance(fitting(name, body, AT), Hold)


@pytest.mark.parametrize("pointer", ["", AT, "/a~1b/deployments"])
def test_a_part_fits_where_the_file_with_it_can_be_taken_apart(pointer: str) -> None:
    fits: list[bool] = []
    for levels in range(30, 45):
        body = '{"id":"a","n":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"
        names = [name.replace("~1", "/") for name in pointer.split("/")[1:]]
        text = f"[{body}]"
        for name in reversed(names):
            text = json.dumps({name: 0}).replace("0", text)
        fits.append(isinstance(fitting("a", body.encode(), pointer), Split | Part))
        assert fits[-1] == isinstance(split(text.encode(), pointer), Split)
    assert set(fits) == {True, False}


def test_the_limit_of_an_id_is_inclusive_and_counts_bytes() -> None:
    assert unfit("n" * ID_BYTES) is None
    assert unfit("\u00e9" * (ID_BYTES // 2)) is None
    for name in ("n" * (ID_BYTES + 1), "\u00e9" * (ID_BYTES // 2 + 1), "a\0", "\ud800"):
        assert isinstance(unfit(name), Hold)


def test_thousands_of_records_are_taken_apart_at_once() -> None:
    """Bounds and not budgets: a tree of this text takes seconds."""
    many = [{**DEPLOYMENT, "id": f"d{n}", "log": "x" * 300} for n in range(5000)]
    local = opened(written(*many, queue=[]))
    began = time.process_time()
    again = split(local.text.encode(), AT, local)
    assert isinstance(again, Split)
    changed = {**tokens(again.parts), "d7": b'{"id":"d7"}', "new": b'{"id":"new"}'}
    join(again, changed, AT)
    assert time.process_time() - began < 1.0


def test_parts_are_versions() -> None:
    part = part_of('{"id":"a"}')
    assert part.content.size == 10
    value: Value = Opaque('{"id":"a"}')
    assert spelled(value).encode() == part.body


@pytest.mark.parametrize(
    ("other", "fields"),
    [
        (b'{"n":1,"id":"a"}', 0),
        (b'{"id":"a","n":2}', 1),
        (b'{"id":"a"}', 1),
        (b'{"id":"a","m":1}', 2),
        (b"[]", 1),
    ],
)
def test_versions_differ_in_so_many_fields(other: bytes, fields: int) -> None:
    one = b'{"id":"a","n":1}'
    assert differing(one, other) == differing(other, one) == fields
