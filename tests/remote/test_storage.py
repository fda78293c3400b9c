"""File storage whose answers are no text, or endless, and files whose names mislead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from syncd.core.model import Content, Digest
from syncd.errors import PayloadRefused, ProtocolError, Unavailable
from syncd.remote import pool
from syncd.remote.client import ConvexHttp
from syncd.remote.pool import Timeouts
from syncd.remote.storage import ConvexStorage

CONTENT = Content(Digest("0" * 64), 3)
SILENCE = 0.5
LATIN = "nicht verfügbar".encode("latin-1")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serve = Callable[[Handler], Awaitable[tuple[ConvexStorage, str]]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A deployment whose functions take payloads, and whose file storage is a test's handler."""
    servers: list[TestServer] = []
    calls: list[ConvexHttp] = []

    async def opened(files: Handler) -> tuple[ConvexStorage, str]:
        async def functions(request: web.Request) -> web.Response:
            called = orjson.loads(await request.read())["path"]
            value = {"url": where} if called == "blobs:begin" else {"refusal": None}
            return web.json_response({"status": "success", "value": value})

        application = web.Application()
        application.router.add_post("/api/mutation", functions)
        application.router.add_route("*", "/files", files)
        server = TestServer(application)
        await server.start_server()
        servers.append(server)
        where = str(server.make_url("/files"))
        http = ConvexHttp(str(server.make_url("/")), timeouts=Timeouts(silence=SILENCE, longest=0))
        calls.append(await http.__aenter__())
        return ConvexStorage(calls[-1], "token", "main"), where

    yield opened
    for http in calls:
        await http.__aexit__(None, None, None)
    for server in servers:
        await server.close()


async def _three() -> AsyncIterator[bytes]:
    yield b"abc"


async def _received(storage: ConvexStorage, url: str) -> bytes:
    return b"".join([part async for part in storage.download(url)])


def answering(status: int, body: bytes) -> Handler:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=status, body=body, content_type="text/html")

    return answer


async def endless(request: web.Request) -> web.StreamResponse:
    await request.read()
    response = web.StreamResponse(status=502)
    await response.prepare(request)
    while True:
        await response.write(b"x" * 65536)


@pytest.mark.parametrize(("status", "trouble"), [(502, Unavailable), (404, PayloadRefused)])
async def test_a_refusal_that_is_no_text_is_a_refusal(
    serve: Serve, status: int, trouble: type[Exception]
) -> None:
    storage, url = await serve(answering(status, LATIN))
    with pytest.raises(trouble, match=f"HTTP {status}: nicht verf"):
        await _received(storage, url)
    with pytest.raises(trouble, match=f"HTTP {status}: nicht verf"):
        await storage.upload(CONTENT, _three(), "a.bin")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_payloads_are_led_nowhere_else(serve: Serve, status: int) -> None:
    called: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        await request.read()
        called.append(request.method)
        return web.Response(status=status, headers={"Location": "/files?elsewhere"})

    storage, url = await serve(elsewhere)
    with pytest.raises(Unavailable, match=f"HTTP {status}"):
        await _received(storage, url)
    with pytest.raises(Unavailable, match=f"HTTP {status}"):
        await storage.upload(CONTENT, _three(), "a.bin")
    assert called == ["GET", "POST"]


async def test_an_upload_answered_with_something_else_counts_as_not_made(serve: Serve) -> None:
    storage, _ = await serve(answering(200, LATIN))
    with pytest.raises(ProtocolError, match="not uploaded"):
        await storage.upload(CONTENT, _three(), "a.bin")


async def test_an_endless_refusal_is_not_read_to_its_end(serve: Serve) -> None:
    storage, url = await serve(endless)
    with pytest.raises(Unavailable, match=r"HTTP 502: x+;"):
        await _received(storage, url)
    with pytest.raises(Unavailable, match=r"HTTP 502: x+;"):
        await storage.upload(CONTENT, _three(), "a.bin")


@pytest.mark.parametrize("name", ["a.png", "data:x/y\r\nEvil: 1,a.png", "data:text/plain,\n"])
async def test_a_name_decides_no_more_than_the_type(serve: Serve, name: str) -> None:
    told: list[dict[str, str]] = []

    async def taken(request: web.Request) -> web.Response:
        await request.read()
        told.append(dict(request.headers))
        return web.json_response({"storageId": "1"})

    storage, _ = await serve(taken)
    await storage.upload(CONTENT, _three(), name)
    kind = "image/png" if name.endswith(".png") else "application/octet-stream"
    assert told[0]["Content-Type"] == f"{kind}; syncd=payload"
    assert "Evil" not in told[0]


async def test_what_is_found_to_be_another_is_not_posted_at_all(serve: Serve) -> None:
    posted = 0

    async def taken(request: web.Request) -> web.Response:
        nonlocal posted
        posted += 1
        await request.read()
        return web.json_response({"storageId": "1"})

    async def another() -> AsyncIterator[bytes]:
        raise LookupError
        yield b""

    storage, _ = await serve(taken)
    with pytest.raises(LookupError):
        await storage.upload(CONTENT, another(), "a.bin")
    assert posted == 0


async def test_an_address_that_is_a_secret_is_not_told(serve: Serve) -> None:
    """Whoever knows an upload's may write there, whoever knows a download's may read."""

    async def blurt(request: web.Request) -> web.StreamResponse:
        await request.read()
        assert request.transport is not None
        request.transport.write(b"secret " * 1000 + b"\r\n\r\n")
        request.transport.close()
        return web.Response()

    storage, url = await serve(blurt)
    for told in (url, "http://[secret", "secret"):
        with pytest.raises(Unavailable) as raised:
            await _received(storage, f"{told}?token=secret")
        assert "secret" not in str(raised.value)
    with pytest.raises(Unavailable, match="is no answer of HTTP") as raised:
        await storage.upload(CONTENT, _three(), "a.bin")
    assert "files" not in str(raised.value)
    assert "secret" not in str(raised.value)


async def test_an_upload_takes_as_long_as_it_takes_and_no_longer_than_it_goes_on(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "SLOWEST", float("inf"))
    stuck = asyncio.Event()

    async def taken(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"storageId": "kg1"})

    async def slowly(pause: float) -> AsyncIterator[bytes]:
        for _ in range(16):
            await asyncio.sleep(pause)
            yield b"x" * (large.size // 16)
        if not pause:
            await stuck.wait()

    storage, _ = await serve(taken)
    large = Content(CONTENT.digest, 1 << 19)
    await storage.upload(large, slowly(SILENCE / 8), "a.bin")
    with pytest.raises(Unavailable, match="no progress in time"):
        await storage.upload(Content(CONTENT.digest, large.size + 1), slowly(0), "a.bin")
