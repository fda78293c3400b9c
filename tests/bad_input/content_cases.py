"""The table of `test_content`: bytes that real programs leave in files."""

from __future__ import annotations

import json
from random import Random
from typing import Final, NamedTuple

from syncd.stores.codec import INLINE_LIMIT

MIRRORED: Final = ""
BOM: Final = b"\xef\xbb\xbf"
CONFLICTED: Final = b'{\n<<<<<<< HEAD\n"a": 1\n=======\n"a": 2\n>>>>>>> other\n}\n'
LFS: Final = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
SOPS: Final = b'{"id": "ENC[AES256_GCM,data:xyz=,iv:a=,tag:b=,type:str]", "sops": {"mac": "ENC[]"}}'
LAUGHS: Final = "a: &a [l, l]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(20)
)


def nested(levels: int) -> bytes:
    return b'{"id": "n", "in": ' * levels + b"1" + b"}" * levels


def exactly(size: int) -> bytes:
    return b'"' + b"a" * (size - 2) + b'"'


def record(**fields: object) -> bytes:
    return json.dumps({"id": "r", **fields}, ensure_ascii=False).encode()


class Case(NamedTuple):
    """`body` saved as `case.<kind>`; `reason` it is held for, MIRRORED where it must not be."""

    name: str
    kind: str
    body: bytes
    reason: str = MIRRORED


CASES: Final = [
    Case("empty", "json", b"", "not-json"),
    Case("empty yaml", "yaml", b""),
    Case("empty text", "txt", b""),
    Case("white space only", "json", b" \r\n\t ", "not-json"),
    Case("BOM only", "json", BOM, "not-json"),
    Case("BOM", "json", BOM + b'{"id": "b"}'),
    Case("two BOMs", "json", BOM + BOM + b'{"id": "b"}', "not-json"),
    Case("BOM in the middle", "json", record(name="a\ufeffb")),
    Case("truncated", "json", b'{"id": "t", "steps": [{"', "not-json"),
    Case("truncated inside a character", "json", '{"id": "ü'.encode()[:-1], "not-text"),
    Case("trailing garbage", "json", b'{"id": "t"} x', "not-json"),
    Case("tail of an older, longer save", "json", b'{"id": "t"}"old": 1}', "not-json"),
    Case("two documents", "json", b'{"id": "1"}\n{"id": "2"}\n', "not-json"),
    Case("JSON Lines with one line", "json", b'{"id": "1"}\n'),
    Case("comments", "json", b'{"id": "c" /* why */} // so', "not-json"),
    Case("JSON5", "json", b"{id: 'five', more: [1,],}", "not-json"),
    Case("git's conflict markers", "json", CONFLICTED, "not-json"),
    Case("git's conflict markers in YAML", "yaml", CONFLICTED, "not-yaml"),
    Case("git-lfs pointer", "json", LFS, "not-json"),
    Case("git-crypt", "json", b"\x00GITCRYPT\x00\x8f\xfe\xaa", "not-text"),
    Case("sops", "json", SOPS),
    Case("invalid UTF-8", "json", b'{"id": "\xff\xfe"}', "not-text"),
    Case("Latin-1", "json", '{"id": "Größe"}'.encode("latin-1"), "not-text"),
    Case("Latin-1 YAML", "yaml", "id: Größe".encode("latin-1"), "not-text"),
    Case("overlong UTF-8", "txt", b"\xc0\xaf"),
    Case("surrogate as UTF-8", "txt", b"\xed\xa0\x80"),
    Case("a picture", "txt", b"\x89PNG\r\n\x1a\n\0"),
    Case("UTF-16 with BOM", "json", '{"id": "u"}'.encode("utf-16"), "not-text"),
    Case("UTF-16 without BOM", "json", '{"id": "u"}'.encode("utf-16-le"), "not-json"),
    Case("UTF-32", "json", '{"id": "u"}'.encode("utf-32"), "not-text"),
    Case("extension lies: PNG", "json", b"\x89PNG\r\n\x1a\n\0", "not-text"),
    Case("extension lies: gzip", "yaml", b"\x1f\x8b\x08\x00", "not-text"),
    Case("extension lies: YAML", "json", b"id: y\n", "not-json"),
    Case("NUL bytes after a crash", "json", b"\0" * 512, "not-json"),
    Case("NUL bytes in text", "txt", b"a\0b\0"),
    Case("NUL, raw in a string", "json", b'{"id": "a\0b"}', "not-json"),
    Case("NUL, escaped", "json", b'{"id": "a\\u0000b"}'),
    Case("control characters, raw", "json", b'{"id": "a\x1b[31mb"}', "not-json"),
    Case("control characters in text", "txt", bytes(range(1, 32)) + b"\x7f"),
    Case("C1 controls and line separators", "json", record(name="\x85\u2028\u2029\u202e")),
    Case("noncharacters", "json", record(name="\ufffe\uffff\U0010ffff")),
    Case("emoji with joiners", "json", record(name="👩‍👩‍👧‍👦🏳️‍🌈")),
    Case("CRLF", "json", b'{\r\n  "id": "c"\r\n}\r\n'),
    Case("CR only", "yaml", b"id: c\rname: d\r"),
    Case("mixed line ends, none at the end", "yaml", b"id: c\r\na: 1\nb: 2"),
    Case("lone surrogate", "json", b'{"id": "s", "name": "\\ud800"}'),
    Case("surrogates reversed", "json", b'{"id": "s", "name": "\\udc00\\ud800"}'),
    Case("lone surrogate in a key", "json", b'{"id": "s", "\\udfff": 1}'),
    Case("duplicate keys", "json", b'{"id": "1", "id": "2", "id": "2"}'),
    Case("keys of two Unicode forms", "json", b'{"id": "1", "\xc3\xa9": 1, "e\xcc\x81": 2}'),
    Case("keys of two cases", "json", b'{"id": "1", "Name": 1, "name": 2}'),
    Case("NaN", "json", b'{"id": "n", "a": NaN, "b": [Infinity, -Infinity]}'),
    Case("minus zero", "json", b'{"id": "n", "a": -0, "b": -0.0, "c": 0e-0}'),
    Case("leading zero", "json", b'{"id": "n", "a": 012}', "not-json"),
    Case("integer above 2^53", "json", b'{"id": "n", "a": 9007199254740993}'),
    Case("integer above 2^64", "json", b'{"a": 340282366920938463463374607431768211456}'),
    Case("integer of 5,000 digits", "json", b'{"id": "n", "a": ' + b"7" * 5000 + b"}"),
    Case("1e400", "json", b'{"id": "n", "a": 1e400, "b": -1e999999999, "c": 1e-400}'),
    Case("floats that lose digits", "json", b'{"id": "n", "a": 0.1000000000000000055511151231}'),
    Case("17 levels", "json", nested(17)),
    Case("40 levels", "json", nested(40)),
    Case("1,000 levels", "json", nested(1000)),
    Case("100,000 levels", "json", b"[" * 100_000 + b"]" * 100_000, "not-json"),
    Case("100,000 levels, never closed", "json", b"[" * 100_000, "not-json"),
    Case("1,025 keys", "json", record(**{f"k{n}": n for n in range(1025)})),
    Case("5,000 keys", "json", record(**{f"k{n}": n for n in range(5000)})),
    Case("8,193 items", "json", record(list=[0] * 8193)),
    Case("10,000 objects", "json", record(steps=[{"id": str(n)} for n in range(10_000)])),
    Case("$ keys", "json", record(**{"$schema": 1, "$ref": {"$integer": "AAAAAAAAAAA="}})),
    Case("_ keys", "json", record(_id="x", _creationTime="y", _=1)),
    Case("empty key", "json", record(**{"": {"": []}})),
    Case("non-ASCII keys", "json", record(Größe=1, 流程={"ключ": True})),
    Case("keys of JavaScript", "json", record(__proto__={"a": 1}, constructor=1, toString=2)),
    Case("key of 2,000 characters", "json", record(**{"k" * 2000: 1})),
    Case("control characters in a key", "json", b'{"id": "k", "a\\nb\\u0000": 1}'),
    Case("no id", "json", b"{}"),
    Case("id of another type", "json", b'{"id": {"id": [1]}, "name": 7, "status": []}'),
    Case("empty id", "json", b'{"id": ""}'),
    Case("id of 10,000 characters", "json", b'{"id": "' + b"i" * 10_000 + b'"}'),
    Case("id that is a path", "json", b'{"id": "../../etc/passwd%2e%2e\\u0000\\\\"}'),
    Case("times out of range", "json", record(createdAt="9999-99-99", startedAt=-1e300)),
    Case("number", "json", b"42"),
    Case("string", "json", b'"just a word"'),
    Case("null", "json", b"null"),
    Case("list", "json", b'[1, {"id": "x"}]'),
    Case("newer schema version", "json", record(schemaVersion=999, version={"major": 9})),
    Case("secrets in an ordinary field", "json", record(note="sk-live-0123456789abcdef")),
    Case("one line of 1 MB", "json", record(text="x" * 1_000_000)),
    Case("one line of 2 MB of escapes", "json", b'{"id": "' + b"\\u00e9" * 340_000 + b'"}'),
    Case("exactly 2 MiB", "json", exactly(INLINE_LIMIT)),
    Case("2 MiB and a byte", "json", exactly(INLINE_LIMIT + 1)),
    Case("4 MiB cut short", "json", exactly(2 * INLINE_LIMIT)[:-1], "not-json"),
    Case("3 MiB of noise", "txt", Random(3).randbytes(3 << 20)),
    Case("2 MiB of text", "txt", "日".encode() * (INLINE_LIMIT // 3)),
    Case("YAML anchors and a cycle", "yaml", b"id: &a y\nself: &s [*s, *a]\n"),
    Case("YAML tags", "yaml", b"id: !!python/object/apply:os.system ['touch /tmp/owned']\n"),
    Case("YAML billion laughs", "yaml", LAUGHS.encode()),
    Case("YAML implicit types", "yaml", b"a: no\nb: 012\nc: 1:30\nd: 2024-02-30\ne: ~\n"),
    Case("YAML of two documents", "yaml", b"--- {id: 1}\n--- {id: 2}\n...\n"),
    Case("YAML merge keys", "yaml", b"base: &b {a: 1}\nid: m\n<<: [*b, *b]\n"),
    Case("YAML with tabs", "yaml", b"id: t\n\tsteps:\n\t- a\n", "not-yaml"),
    Case("YAML that does not parse", "yaml", b"id: [\n}: &\n%", "not-yaml"),
]  # fmt: skip
