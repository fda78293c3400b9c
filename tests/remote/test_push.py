"""A long text that changed little is sent as what changed, and never lost by that."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

import orjson
import pytest
from aiohttp import web

from syncd.core.delta import Splice, spliced
from syncd.core.model import (
    TOMBSTONE,
    Applied,
    Content,
    Digest,
    Format,
    Intent,
    Key,
    Kind,
    OperationId,
    Refused,
)
from syncd.errors import FunctionFailed
from syncd.remote.replica import ConvexReplica

from .test_client import deployment, success

FORMER = b"".join(b"line %d\n" % number for number in range(1000))
TEXT = FORMER + b"more\n"


def intent(letter: str, body: bytes, former: bytes | None) -> Intent:
    digest = Digest(sha256(body).hexdigest())
    return Intent(OperationId(letter * 32), Key("s", f"{letter}.txt"), Kind.DOCUMENT, Format.TEXT,
                  Content(digest, len(body)), 1, Digest("b" * 64), body, former=former)  # fmt: skip


class Functions:
    """What is pushed, and answers to it: each call takes `answers` off the front."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.pushed: list[list[dict[str, Any]]] = []

    async def answer(self, request: web.Request) -> web.Response:
        operations = orjson.loads(await request.read())["args"]["operations"]
        self.pushed.append(operations)
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, str):
            return web.json_response({"status": "error", "errorMessage": answer})
        results = [self._result(each, answer or set()) for each in operations]
        return web.json_response(success({"results": results}))

    def _result(self, operation: dict[str, Any], whole: set[str]) -> dict[str, Any]:
        told = {"operation": operation["operation"]}
        if operation["path"] in whole:
            return {**told, "outcome": "refused", "reason": "send-whole", "detail": ""}
        at = {"$integer": "AQAAAAAAAAA="}
        return {**told, "outcome": "applied", "revision": 2, "at": at}


async def test_a_change_is_sent_as_what_it_is() -> None:
    functions = Functions()
    async with deployment(functions.answer) as http:
        told = await ConvexReplica(http, "t", "w").push(
            [intent("a", TEXT, FORMER), intent("b", TEXT, None), intent("c", FORMER[::-1], FORMER)]
        )
        assert http.meter.spending.costs
    assert told == [Applied(2, 1)] * 3
    writes = [operation["write"] for operation in functions.pushed[0]]
    splices = [Splice(**each) for each in writes[0]["splices"]]
    assert spliced(FORMER, splices) == TEXT
    assert len(orjson.dumps(writes[0])) < 200
    assert writes[0]["digest"] == sha256(TEXT).hexdigest()
    assert writes[0]["size"] == len(TEXT)
    assert writes[1]["text"] == TEXT.decode()
    assert writes[2]["text"] == FORMER[::-1].decode(), "another text is told whole"


async def test_what_cannot_be_taken_as_a_change_is_sent_whole_and_alone() -> None:
    functions = Functions({"b.txt"})
    intents = [intent(letter, TEXT, FORMER) for letter in "abc"]
    async with deployment(functions.answer) as http:
        assert await ConvexReplica(http, "t", "w").push(intents) == [Applied(2, 1)] * 3
    assert [[each["path"] for each in call] for call in functions.pushed] == [
        ["a.txt", "b.txt", "c.txt"], ["b.txt"],
    ]  # fmt: skip
    first, again = functions.pushed[0][1], functions.pushed[1][0]
    assert again["write"]["text"] == TEXT.decode()
    assert {**first, "write": None} == {**again, "write": None}, "the same operation"


async def test_an_answer_that_goes_on_asking_is_no_loop() -> None:
    functions = Functions({"a.txt"}, {"a.txt"})
    async with deployment(functions.answer) as http:
        (told,) = await ConvexReplica(http, "t", "w").push([intent("a", TEXT, FORMER)])
    assert isinstance(told, Refused)
    assert len(functions.pushed) == 2


async def test_functions_that_know_of_no_changes_are_sent_whole_texts() -> None:
    functions = Functions("ArgumentValidationError: extra field `splices`")
    async with deployment(functions.answer) as http:
        told = await ConvexReplica(http, "t", "w").push([intent("a", TEXT, FORMER)])
    assert told == [Applied(2, 1)]
    assert [list(call[0]["write"]) for call in functions.pushed] == [
        ["digest", "size", "splices"], ["digest", "size", "text"],
    ]  # fmt: skip
    functions = Functions("it threw", "it threw")
    async with deployment(functions.answer) as http:
        with pytest.raises(FunctionFailed):
            await ConvexReplica(http, "t", "w").push([intent("a", TEXT, FORMER)])
    assert len(functions.pushed) == 2


async def test_moves_keep_their_two_answers_beside_a_change() -> None:
    target = replace(intent("d", b"", None), body=None, source=Key("s", "c.txt"))
    move = replace(intent("c", b"", None), version=TOMBSTONE, body=None, target=target)

    class Both(Functions):
        async def answer(self, request: web.Request) -> web.Response:
            operations = orjson.loads(await request.read())["args"]["operations"]
            self.pushed.append(operations)
            told = [h for each in operations for h in (each, each.get("target")) if h]
            whole = {"a.txt"} if len(self.pushed) == 1 else set()
            results = [self._result({"path": "", **each}, whole) for each in told]
            return web.json_response(success({"results": results}))

    functions = Both()
    async with deployment(functions.answer) as http:
        told = await ConvexReplica(http, "t", "w").push([move, intent("a", TEXT, FORMER)])
    assert told == [Applied(2, 1)] * 3
    assert [each["path"] for each in functions.pushed[1]] == ["a.txt"]
