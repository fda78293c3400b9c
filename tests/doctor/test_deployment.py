"""The deployment as the doctor meets it, whatever answers behind its URL."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from syncd.config import Config, load
from syncd.doctor import deployment
from syncd.doctor.finding import Finding, Level
from syncd.ledger.state import StateFolder


@asynccontextmanager
async def answering(**response: Any) -> AsyncIterator[str]:
    """The URL of something that answers every request so."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(**response)

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def found(folder: Path, url: str) -> list[Finding]:
    (folder / "config.toml").write_text("")
    config = load(folder / "config.toml", {"CONVEX_URL": url, "SYNCD_TOKEN": "token"})
    return [finding async for finding in deployment.examine(config)]


async def test_nobody_who_answers_is_told_in_few_words(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        (finding,) = await found(tmp_path, url)
    assert finding.evidence == f"{url} does not answer (Connection refused)"


async def test_a_page_that_is_no_deployment_is_not_called_one(tmp_path: Path) -> None:
    async with answering(status=404, text="<html>") as url:
        (finding,) = await found(tmp_path, url)
    assert finding.level is Level.FAIL
    assert finding.evidence == f"{url}/version was answered HTTP 404"


@pytest.mark.parametrize("date", ["nonsense", "", "Thu, 99 Foo 1970 00:00:00 GMT"])
async def test_a_strange_answer_ends_no_doctor(tmp_path: Path, date: str) -> None:
    headers = {"Date": date, "Content-Type": "text/plain; charset=utf-8"}
    async with answering(body=b"\xff" * 1000, headers=headers) as url:
        answers, functions = await found(tmp_path, url)
    assert "version \ufffd" in answers.evidence
    assert len(answers.evidence) < 200
    assert functions.level is Level.FAIL


@asynccontextmanager
async def functions(**known: Any) -> AsyncIterator[str]:
    """The URL of a deployment that has these functions of `sync.ts`, each with its answer."""

    async def called(request: web.Request) -> web.Response:
        path = (await request.json())["path"].removeprefix("sync:")
        if path in known:
            return web.json_response({"status": "success", "value": known[path]})
        words = f"Could not find public function for 'sync:{path}'."
        return web.json_response({"status": "error", "errorMessage": words})

    async def version(_: web.Request) -> web.Response:
        return web.Response(text="1")

    app = web.Application()
    app.router.add_get("/version", version)
    app.router.add_post("/api/query", called)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_functions_of_an_earlier_version_are_told(tmp_path: Path) -> None:
    async with functions(head={"head": "7"}) as url:
        *_, earlier = await found(tmp_path, url)
    assert (earlier.check, earlier.level) == ("functions", Level.WARN)
    assert "earlier version" in earlier.evidence
    assert "deploy" in earlier.fix
    async with functions(head={"head": "7"}, authors={"names": []}) as url:
        *_, same = await found(tmp_path, url)
    assert (same.check, same.level) == ("functions", Level.OK)


async def test_an_embedded_backend_without_its_token_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('url = "embedded"')
    config: Config = load(tmp_path / "config.toml", {})
    state = StateFolder(config.state)
    state.open()
    try:
        async with answering(text="x") as url:
            state.backend_url.write_text(url)
            *_, token = [finding async for finding in deployment.examine(config)]
    finally:
        state.close()
    assert (token.check, token.level) == ("token", Level.FAIL)
