"""A slow link is asked for less at once, where the functions know of that."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from aiohttp import web

from syncd.core.model import Cursor, Key
from syncd.core.portion import ANSWER
from syncd.errors import FunctionFailed
from syncd.remote.replica import ConvexReplica

from .test_client import deployment, success

PAGE = {"changes": [], "cursor": "7", "done": True, "missed": False, "broken": []}
FETCHED = {"entries": [None]}


class Functions:
    """Answers a page or a fetch, and keeps what was asked; `fails` as many calls before."""

    def __init__(self, fails: int = 0) -> None:
        self.fails = fails
        self.asked: list[dict[str, Any]] = []

    async def answer(self, request: web.Request) -> web.Response:
        call = orjson.loads(await request.read())
        self.asked.append(call["args"])
        if len(self.asked) <= self.fails:
            return web.json_response(
                {"status": "error", "errorMessage": "ArgumentValidationError: extra field `most`"}
            )
        answer = PAGE if call["path"] == "sync:changes" else FETCHED
        return web.json_response(success(answer))


async def asked(functions: Functions, most: int) -> list[int | None]:
    """Up to how many bytes were asked for, by a page and a fetch."""
    async with deployment(functions.answer) as http:
        replica = ConvexReplica(http, "t", "w")
        assert (await replica.changes(["s"], Cursor("1"), most=most)).cursor == "7"
        assert await replica.fetch([Key("s", "a"), Key("s", "b")], most) == [None]
    return [args.get("most") for args in functions.asked]


async def test_less_is_asked_for() -> None:
    assert await asked(Functions(), 1000) == [1000, 1000]


async def test_functions_are_not_told_what_they_do_anyway() -> None:
    assert await asked(Functions(), ANSWER) == [None, None]


async def test_functions_of_an_earlier_version_answer_as_much_as_they_do() -> None:
    assert await asked(Functions(fails=1), 1000) == [1000, None, 1000]
    with pytest.raises(FunctionFailed):
        await asked(Functions(fails=2), 1000)
