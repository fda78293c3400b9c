"""The platform's limits, each at its edge: the last that passes, the first that does not."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .backend import Backend

MIB = 1 << 20
DOCUMENT_OVERHEAD = 2 + (len("_id") + 1 + 34) + (len("_creationTime") + 1 + 9)
"""Bytes of a document before its own fields, by the platform's formula."""


def insert(backend: Backend, document: Any) -> str | None:
    """The error of inserting a document, or None."""
    answer = backend.call("mutation", "things:insertLoose", {"document": document})
    return None if answer.body["status"] == "success" else answer.error


def test_document_size(backend: Backend) -> None:
    room = MIB - DOCUMENT_OVERHEAD - len("text") - 1 - 2
    assert insert(backend, {"text": "x" * room}) is None
    assert "maximum size 1 MiB" in (insert(backend, {"text": "x" * (room + 1)}) or "")
    # Two bytes a character in UTF-8.
    assert "maximum size 1 MiB" in (insert(backend, {"text": "é" * (room // 2 + 1)}) or "")


def test_nesting(backend: Backend) -> None:
    assert backend.call("mutation", "things:insertNested", {"levels": 16}).value is None
    error = backend.call("mutation", "things:insertNested", {"levels": 17}).error
    assert "nested 17 levels deep > maximum nesting 16" in error


def test_array_length(backend: Backend) -> None:
    assert insert(backend, {"list": [0] * 8192}) is None
    assert "8193 > maximum length 8192" in (insert(backend, {"list": [0] * 8193}) or "")


def test_number_of_keys(backend: Backend) -> None:
    assert insert(backend, {"map": {f"k{n}": 0 for n in range(1024)}}) is None
    assert "1025 > maximum number 1024" in (
        insert(backend, {"map": {f"k{n}": 0 for n in range(1025)}}) or ""
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("f" * 64, None),
        ("f" * 65, "identifier"),
        ("has-dash", "identifier"),
        ("1st", "identifier"),
        ("_own", "underscore"),
        ("", "identifier"),
    ],
)
def test_field_names(backend: Backend, name: str, said: str | None) -> None:
    error = insert(backend, {name: 1})
    assert (error is None) if said is None else said in (error or "")


def test_documents_match_the_schema(backend: Backend, tag: str) -> None:
    thing = backend.mutate("things:insert", tag=tag, value=1)
    loose = backend.mutate("things:insertLoose", document={})

    def unchecked(table: str, document: Any) -> str:
        args = {"table": table, "document": document}
        answer = backend.call("mutation", "things:insertUnchecked", args)
        return "" if answer.body["status"] == "success" else answer.error

    assert unchecked("links", {"thing": thing, "note": "a"}) == ""
    assert "does not match the schema" in unchecked("links", {"thing": loose, "note": "a"})
    assert "does not match the schema" in unchecked("links", {"thing": thing, "note": "b"})
    assert "`note`" in unchecked("links", {"thing": thing})
    assert "`other`" in unchecked("links", {"thing": thing, "note": None, "other": 1})
    assert "not in the schema" in unchecked("nowhere", {})
    patch = {"id": thing, "fields": {"tag": 1}}
    assert "does not match" in backend.call("mutation", "things:patch", patch).error
    document = {"id": thing, "document": {"value": 1}}
    assert "does not match" in backend.call("mutation", "things:replace", document).error


def test_documents_and_bytes_written(backend: Backend, tag: str) -> None:
    def many(count: int, size: int) -> str | None:
        args = {"tag": tag, "count": count, "size": size}
        answer = backend.call("mutation", "things:insertMany", args)
        return None if answer.body["status"] == "success" else answer.error

    assert "Too many bytes written" in (many(17, MIB - 1000) or "")
    assert backend.query("things:count", tag=tag) == 0
    assert many(15, MIB - 1000) is None


def test_bytes_read(backend: Backend, tag: str) -> None:
    for _ in range(2):
        backend.mutate("things:insertMany", tag=tag, count=9, size=MIB - 1000)
    assert "Too many bytes read" in backend.call("query", "things:count", {"tag": tag}).error


def test_index_ranges(backend: Backend) -> None:
    assert backend.call("query", "platform:look", {"times": 4096}).value is None
    error = backend.call("query", "platform:look", {"times": 4097}).error
    assert "Too many index ranges read" in error


@pytest.mark.parametrize(("kind", "name"), [("query", "dive"), ("action", "diveInActions")])
def test_depth_of_calls(backend: Backend, kind: str, name: str) -> None:
    assert backend.call(kind, f"platform:{name}", {"levels": 8}).value is None
    error = backend.call(kind, f"platform:{name}", {"levels": 9}).error
    assert "more than 8 deep" in error


def test_user_time(backend: Backend) -> None:
    assert backend.call("query", "platform:spin", {"ms": 100}).value is None
    assert "timed out (maximum duration: 1s)" in (
        backend.call("query", "platform:spin", {"ms": 1100}).error
    )


def test_returned_size(backend: Backend) -> None:
    assert len(backend.query("platform:large", size=16 * MIB - 2)) == 16 * MIB - 2
    error = backend.call("query", "platform:large", {"size": 16 * MIB}).error
    assert "return value of platform:large are too large" in error


def test_argument_size(backend: Backend) -> None:
    # As JSON text a number takes 2 bytes and by the formula 9: the body passes, the arguments not.
    value = [[0] * 8192 for _ in range(16 * MIB // (9 * 8192) + 1)]
    error = backend.call("query", "things:echo", {"value": value}).error
    assert "arguments of things:echo are too large" in error


def test_body_size(backend: Backend) -> None:
    body = b'{"path":"things:echo","args":{"value":"' + b"x" * (16 * MIB + 2000) + b'"}}'
    try:
        answer = requests.post(
            f"{backend.url}/api/query",
            data=body,
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
    except requests.ConnectionError:
        return  # closed while the client was still writing
    assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")
