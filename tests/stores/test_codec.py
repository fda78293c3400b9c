"""What may be mirrored as text, and when a JSON file is taken for whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Format
from syncd.stores.codec import (
    PAYLOAD_LIMIT,
    cut_short,
    is_text,
    not_text,
    too_large,
    unparsable,
)

WHOLE = [
    b"{}",
    b"[1, 2]",
    b"\xef\xbb\xbf{}",
    b'{"a": NaN}',
    b'{"a": "\\ud800"}',
    b'{"a": 123456789012345678901234567890}',
    b'{"a": 1, "a": 2}',
    b" \n null \n",
]
PARTIAL = [b"", b"  ", b"{", b'{"a": ', b'{"a": 1}}', b"{'a': 1}", b'{"a": 1,}', b"\x00" * 4]


@pytest.mark.parametrize("body", WHOLE)
def test_whole_json(body: bytes) -> None:
    assert unparsable(Format.JSON, body) is None


@pytest.mark.parametrize("body", PARTIAL)
def test_partial_json_says_where(body: bytes) -> None:
    hold = unparsable(Format.JSON, body)
    assert hold is not None
    assert hold.reason == "not-json"
    assert hold.detail
    assert hold.advice


def test_the_place_of_what_is_wrong_is_told_once() -> None:
    hold = unparsable(Format.JSON, b'{"a": "\n"}')
    assert hold is not None
    assert hold.detail == "Invalid control character at line 1, column 8"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1025 + b"]" * 1025,
        b"[" * 100_000 + b"]" * 100_000,
        b"[NaN,%b]" % (b"[" * 1024 + b"]" * 1024),
    ],
)
def test_json_that_is_too_deep_is_told_as_that_whatever_the_python_reads(body: bytes) -> None:
    hold = unparsable(Format.JSON, body)
    assert hold is not None
    assert (hold.reason, hold.detail) == (
        "not-json", "its values lie too deep in one another to be read"
    )  # fmt: skip


@pytest.mark.parametrize("body", PARTIAL)
def test_text_tells_nothing(body: bytes) -> None:
    assert unparsable(Format.TEXT, body) is None


WHOLE_YAML = [
    *WHOLE,
    b"",
    b"# nothing yet\n",
    b"\xef\xbb\xbfa: 1\r\n",
    b"a: 1\n---\nb: 2\n...\n",
    b"%YAML 1.2\n--- !t\na: &x [*x]\n? [b]\n: <<\n",
    b"a: 1\n\t\nb:\r\n \t \r\n  c: 1\n\t# note\n\t",
    b"a:\n-\tb\n- \t# note\n  c\n- -\t|\n   d\n?\te\n:\tf\n",
    b"a: 1\na: 2\n",
    b'emoji: "\\ud83d\\ude00"\n',
    b"a: [" + b"[" * 900 + b"]" * 900 + b"]",
]
BROKEN_YAML = [
    b"a: [1, 2\n",
    b'a: "half\n',
    b"a: b: c\n",
    b"a: 1\n  b: 2\n c: 3\n",
    b"a:\n\t- b\n",
    b"{{ template }}: }\n",
    b"<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n",
    b"\x00" * 4,
    b"[" * 2_000_000,
    b"- " * 1_000_000,
    b"{a: " * 500_000,
]


@pytest.mark.parametrize("body", WHOLE_YAML, ids=lambda body: repr(body[:20]))
def test_whole_yaml(body: bytes) -> None:
    assert unparsable(Format.YAML, body) is None


@pytest.mark.parametrize("body", BROKEN_YAML, ids=lambda body: repr(body[:20]))
def test_broken_yaml_says_what_and_what_to_do(body: bytes) -> None:
    hold = unparsable(Format.YAML, body)
    assert hold is not None
    assert hold.reason == "not-yaml"
    assert hold.detail
    assert "\n" not in hold.detail
    assert 'kind "file"' in hold.advice


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        (b"a:\n\tb: 1\n", "at line 2, column 1: only spaces indent"),
        ("é: @x\n".encode(), "at line 1, column 4: quote a value that begins with @"),
        (b"a: b: c\n", "at line 1, column 5: quote a value with a colon in it, or mend"),
        (b"k" * 1100 + b": 1\n", "a key has 1,024 characters at most"),
        (b"{" + b"k" * 1100 + b": 1}\n", "a key has 1,024 characters at most"),
        (b"a: [1, 2\n", "at line 2, column 1"),
    ],
)
def test_broken_yaml_says_what_is_mostly_meant(body: bytes, meant: str) -> None:
    hold = unparsable(Format.YAML, body)
    assert hold is not None
    assert meant in hold.detail


@given(st.binary(max_size=30))
def test_no_bytes_of_yaml_raise(body: bytes) -> None:
    hold = unparsable(Format.YAML, body)
    assert hold is None or hold.detail


def test_nesting_beyond_the_parsers_is_a_hold_and_not_a_crash() -> None:
    hold = unparsable(Format.JSON, b"[" * 100_000 + b"]" * 100_000)
    assert hold is not None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_every_prefix_of_an_object_is_not_whole(value: object) -> None:
    body = json.dumps({"value": value}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for cut in range(0, len(body), max(1, len(body) // 10)):
        assert unparsable(Format.JSON, body[:cut]) is not None


@given(st.binary())
def test_text_is_what_round_trips(body: bytes) -> None:
    try:
        expected = body.decode().encode() == body
    except UnicodeDecodeError:
        expected = False
    assert is_text(body) == expected
    assert (not_text(Format.JSON, body) is None) == expected
    assert not_text(Format.TEXT, body) is None


def test_the_limit_of_payloads_is_inclusive() -> None:
    assert too_large(PAYLOAD_LIMIT) is None
    hold = too_large(PAYLOAD_LIMIT + 1)
    assert hold is not None
    assert "1,073,741,825 bytes" in hold.detail


ENDS = [b"{}", b"[]", b'""']


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("blank", [b"", b" \r\n\t"])
@pytest.mark.parametrize("opened", ENDS)
@pytest.mark.parametrize("closed", ENDS)
def test_only_ends_that_belong_together_may_be_those_of_long_json(
    opened: bytes, closed: bytes, blank: bytes, mark: bytes
) -> None:
    first, last = mark + blank + opened[:1] + b"x", b"x" + closed[1:] + blank
    assert (cut_short(Format.JSON, first, last) is None) == (opened == closed)
    assert cut_short(Format.YAML, first, last) is cut_short(Format.TEXT, first, last) is None
