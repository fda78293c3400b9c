"""Every way a deployment can fail to answer becomes one of our troubles, once, at the edge."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from ssl import SSLCertVerificationError
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from syncd.core.conflict import ListedConflict
from syncd.core.delta import Delta, Splice
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
)
from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.remote.authors import AuthorsAnswer
from syncd.remote.client import TIMEOUTS, ConvexHttp
from syncd.remote.message import Reply
from syncd.remote.pool import SLOWEST, Timeouts
from syncd.remote.replica import ConvexReplica
from syncd.remote.trouble import words_of
from syncd.remote.wire import HeadAnswer

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def deployment(handler: Handler, timeouts: Timeouts = TIMEOUTS) -> AsyncIterator[ConvexHttp]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with ConvexHttp(f"http://{host}:{port}", timeouts=timeouts) as http:
            yield http
    finally:
        await runner.cleanup()


def answering(status: int, body: object) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        text = body if isinstance(body, bytes) else orjson.dumps(body)
        return web.Response(status=status, body=text, content_type="application/json")

    return handler


def answering_slowly(pause: float, parts: int) -> Handler:
    text = orjson.dumps(success({"names": ["a"]}))
    text += b" " * (parts - len(text) % parts)

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        length = len(text) // parts
        for start in range(0, len(text), length):
            await response.write(text[start : start + length])
            await asyncio.sleep(pause)
        return response

    return handler


def success(value: object) -> dict[str, object]:
    return {"status": "success", "value": value}


def thrown(code: str) -> dict[str, object]:
    data = {"code": code, "message": "words"}
    return {"status": "error", "errorMessage": "Uncaught ConvexError", "errorData": data}


def failed(message: str) -> dict[str, object]:
    return {"status": "error", "errorMessage": message}


TROUBLES: list[tuple[int, object, type[SyncdError]]] = [
    (200, thrown("unauthorized"), Unauthorized),
    (560, thrown("forbidden"), Unauthorized),
    (200, thrown("protocol"), ProtocolError),
    (200, thrown("invalid"), FunctionFailed),
    (200, failed("[Request ID: 1234] Server Error"), FunctionFailed),
    (200, failed("Could not find public function for 'sync:head'."), ProtocolError),
    (200, failed("ArgumentValidationError: extra field"), FunctionFailed),
    (200, failed("Cannot run functions while this deployment is paused."), Unavailable),
    (200, success({"other": 1}), ProtocolError),
    (200, b"<html>a captive portal</html>", ProtocolError),
    (400, {"code": "BadJsonBody", "message": "too large"}, FunctionFailed),
    (401, {"code": "InvalidAuthHeader", "message": "no"}, Unauthorized),
    (403, b"", Unauthorized),
    (404, b"not here", ProtocolError),
    (408, b"", Unavailable),
    (429, {"code": "TooManyWrites", "message": "slow down"}, Unavailable),
    (500, {"code": "InternalServerError", "message": "again"}, Unavailable),
    (503, {"code": "OptimisticConcurrencyControlFailure", "message": "again"}, Unavailable),
    (502, b"<html>bad gateway</html>", Unavailable),
]


@pytest.mark.parametrize(
    ("status", "body", "expected"), TROUBLES, ids=lambda value: str(value)[:40]
)
async def test_troubles(status: int, body: object, expected: type[SyncdError]) -> None:
    async with deployment(answering(status, body)) as http:
        with pytest.raises(expected) as raised:
            await http.query("sync:head", {}, HeadAnswer)
    assert "sync:head" in str(raised.value)
    assert raised.value.advice


@pytest.mark.parametrize("said", ["[Request ID: 1] Server Error", "ArgumentValidationError: x"])
async def test_what_earlier_functions_answer_is_told_with_what_to_do(said: str) -> None:
    """In production both are told as the first: an argument that is not known, and any fault."""
    async with deployment(answering(200, failed(said))) as http:
        with pytest.raises(FunctionFailed) as raised:
            await http.query("sync:head", {}, HeadAnswer)
    assert "deploy this version's functions" in raised.value.advice
    assert "logs" in raised.value.advice


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_the_token_and_the_text_are_led_nowhere_else(status: int) -> None:
    called: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        called.append(request.path)
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    async with deployment(elsewhere) as http:
        with pytest.raises(ProtocolError):
            await http.mutation("sync:push", {"token": "secret"}, HeadAnswer)
    assert called == ["/api/mutation"]


async def test_what_reads_an_answer_is_made_once() -> None:
    head = {"status": "success", "value": {"cursor": "1", "epoch": "a"}}
    async with deployment(answering(200, head)) as http:
        made = []
        for _ in range(2):
            with suppress(ProtocolError):
                await http.query("sync:head", {}, HeadAnswer)
            gc.collect()
            made.append([each for each in Reply.__subclasses__() if "HeadAnswer" in str(each)])
        assert made[0] == made[1] != []


async def test_a_dead_port_is_unavailable() -> None:
    async with ConvexHttp("http://127.0.0.1:9") as http:
        with pytest.raises(Unavailable, match=r":9 cannot be reached \(Connection refused\) for"):
            await http.query("sync:head", {}, HeadAnswer)
        assert not await http.reachable()


async def test_a_deployment_that_never_answers_is_given_up() -> None:
    async def never(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with deployment(never, Timeouts(silence=0.2)) as http:
        with pytest.raises(Unavailable, match="no answer in time"):
            await http.query("sync:head", {}, HeadAnswer)


async def test_an_answer_is_heard_however_long_it_takes_as_long_as_it_comes() -> None:
    async with deployment(answering_slowly(0.02, 30), Timeouts(silence=0.25)) as http:
        assert (await http.query("sync:authors", {}, AuthorsAnswer)).names == ["a"]


async def test_an_answer_that_never_ends_is_given_up() -> None:
    slowly = answering_slowly(0.02, 30)
    async with deployment(slowly, Timeouts(silence=0.25, longest=0.1)) as http:
        with pytest.raises(Unavailable, match="no answer in time"):
            await http.query("sync:head", {}, HeadAnswer)


async def test_what_lies_in_buffers_is_waited_for_as_long_as_it_may_take() -> None:
    """What was sent counts as sent once the system has it: the answer comes much later."""

    async def later(request: web.Request) -> web.Response:
        await request.read()
        await asyncio.sleep(0.4)
        return web.json_response(success({"names": ["a"]}))

    async with deployment(later, Timeouts(silence=0.1)) as http:
        text = "x" * SLOWEST
        assert (await http.query("sync:authors", {"text": text}, AuthorsAnswer)).names == ["a"]
        with pytest.raises(Unavailable, match="no answer in time"):
            await http.query("sync:head", {}, HeadAnswer)


async def test_a_connection_cut_in_the_answer_is_unavailable() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"status"')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with deployment(cut) as http:
        with pytest.raises(Unavailable, match="what came is no whole answer of HTTP"):
            await http.query("sync:head", {}, HeadAnswer)


async def test_short_interruptions_are_retried_with_the_same_operations() -> None:
    seen: list[bytes] = []

    async def flaky(request: web.Request) -> web.Response:
        seen.append(await request.read())
        if len(seen) < 3:
            return web.Response(status=503)
        result = {"operation": "0" * 32, "outcome": "applied", "revision": 1.0,
                  "at": {"$integer": "AQAAAAAAAAA="}}  # fmt: skip
        return web.json_response(success({"results": [result]}))

    async with deployment(flaky) as http:
        outcomes = await ConvexReplica(http, "token", "default").push([intent(b"text")])
    assert outcomes == [Applied(1, 1)]
    assert len(seen) == 3
    assert len(set(seen)) == 1


async def test_answers_to_other_operations_are_not_taken() -> None:
    result = {"operation": "f" * 32, "outcome": "refused", "reason": "x", "detail": ""}
    async with deployment(answering(200, success({"results": [result]}))) as http:
        with pytest.raises(ProtocolError, match="other operations"):
            await ConvexReplica(http, "token", "default").push([intent(b"text")])


async def test_a_move_is_one_operation_without_text_and_two_answers() -> None:
    seen: list[dict[str, Any]] = []

    async def answers(request: web.Request) -> web.Response:
        seen.append(await request.json())
        at = {"$integer": "AQAAAAAAAAA="}
        results = [
            {"operation": letter * 32, "outcome": "applied", "revision": revision, "at": at}
            for letter, revision in (("0", 5.0), ("1", 1.0))
        ]
        return web.json_response(success({"results": results}))

    target = replace(intent(b""), operation=OperationId("1" * 32), key=Key("s", "b.json"),
                     body=None, source=Key("s", "a.json"))  # fmt: skip
    move = replace(intent(b""), version=TOMBSTONE, body=None, expect_revision=4,
                   expect_digest=Digest("a" * 64), target=target)  # fmt: skip
    async with deployment(answers) as http:
        outcomes = await ConvexReplica(http, "token", "default").push([move])
    assert outcomes == [Applied(5, 1), Applied(1, 1)]
    (operation,) = seen[0]["args"]["operations"]
    assert operation["write"] is None
    assert operation["expect"] == {"revision": 4, "digest": "a" * 64}
    assert operation["movedTo"] == "b.json"
    assert operation["target"] == {
        "operation": "1" * 32, "expect": {"revision": 0, "digest": None},
    }  # fmt: skip


async def test_bytes_that_are_not_what_they_say_are_left_out() -> None:
    change = {
        "store": "s", "path": "a.json", "record": "", "kind": "document", "format": "json",
        "revision": 1, "digest": "0" * 64, "deleted": False, "lastDigest": None, "movedTo": None,
        "size": 3, "device": "d", "origin": None, "at": {"$integer": "AQAAAAAAAAA="},
        "text": "abc",
        "delta": {"base": "b" * 64, "splices": [
            {"at": 3, "drop": 0.0, "text": "d"}, {"at": 5.0, "drop": 1, "text": ""},
        ]},
    }  # fmt: skip
    page = success({"changes": [change], "cursor": "1", "done": True, "broken": []})
    async with deployment(answering(200, page)) as http:
        found = await ConvexReplica(http, "token", "default").changes(["s"], None)
    assert [told.body for told in found.changes] == [None]
    assert [told.delta for told in found.changes] == [
        Delta("b" * 64, (Splice(3, 0, "d"), Splice(5, 1, ""))),
    ]  # fmt: skip


@pytest.mark.parametrize("place", ["", "soon", "-1", "1" * 20])
async def test_a_place_that_is_none_is_not_remembered(place: str) -> None:
    """Written down as it comes, it would end this daemon and each that starts after it."""
    page = success({"changes": [], "cursor": place, "done": True, "broken": []})
    async with deployment(answering(200, page)) as http:
        with pytest.raises(ProtocolError, match="nothing was recorded"):
            await ConvexReplica(http, "token", "default").changes(["s"], None)


def intent(body: bytes) -> Intent:
    return Intent(OperationId("0" * 32), Key("s", "a.json"), Kind.DOCUMENT, Format.JSON,
                  Content(Digest("a" * 64), len(body)), 0, None, body)  # fmt: skip


@pytest.mark.parametrize("authors", [[], ["you", "you"]])
async def test_authors_of_other_conflicts_than_were_told_are_refused(authors: list[str]) -> None:
    """Written down as they come, they would end the daemon."""
    conflict = ListedConflict(
        1, Key("flows", "a.json"), None, None, Digest("d" * 64), 2, "device", None, 0.0, None, None,
        None,
    )  # fmt: skip
    async with deployment(answering(200, success({"authors": authors}))) as http:
        with pytest.raises(ProtocolError, match="nothing of it counts"):
            await ConvexReplica(http, "token", "main").record([(conflict, b"{}")])


@pytest.mark.parametrize("names", [[], ["you", "you"]])
async def test_names_of_other_devices_than_were_asked_about_are_refused(names: list[str]) -> None:
    async with deployment(answering(200, success({"names": names}))) as http:
        with pytest.raises(ProtocolError, match="nothing of it counts"):
            await ConvexReplica(http, "token", "main").authors(["device"])


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (503, {"code": LONG, "message": LONG}),
        (200, {"status": "error", "errorMessage": LONG}),
        (200, {"status": "error", "errorMessage": "", "errorData": {"code": "a", "message": LONG}}),
        (200, {"status": "error", "errorMessage": "", "errorData": {"code": LONG}}),
    ],
)
async def test_what_a_deployment_says_is_repeated_in_short(status: int, answer: object) -> None:
    """It is logged, and told by every `syncd status`."""
    async with deployment(answering(status, answer)) as http:
        with pytest.raises(SyncdError) as raised:
            await http.query("sync:head", {}, HeadAnswer)
    assert len(str(raised.value)) < 500


async def test_what_is_no_answer_of_http_is_not_repeated() -> None:
    """A proxy's, say, or another program's at that port; it is logged too."""

    async def blurt(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"secret " * 1000 + b"\r\n\r\n")
        request.transport.close()
        return web.Response()

    async with deployment(blurt) as http:
        with pytest.raises(Unavailable, match="is no answer of HTTP") as raised:
            await http.query("sync:head", {}, HeadAnswer)
    assert "secret" not in str(raised.value)


async def test_a_url_that_is_none_is_called_so() -> None:
    async with ConvexHttp("http://[") as http:
        with pytest.raises(Unavailable, match="not a URL"):
            await http.query("sync:head", {}, HeadAnswer)


@pytest.mark.parametrize(("code", "said"), [(10, "expired, by this machine's clock"), (18, "own")])
def test_a_certificate_that_is_refused_is_told_with_the_clock_where_that_refuses_it(
    code: int, said: str
) -> None:
    refused = SSLCertVerificationError(1, "certificate verify failed: expired (_ssl.c:1006)")
    refused.verify_code, refused.verify_message = code, "expired" if code == 10 else "own"
    where = ConnectionKey("example.org", 443, True, True, None, None, None)
    error = aiohttp.ClientConnectorCertificateError(where, refused)
    assert words_of(error) == f"its certificate is refused: {said}"
