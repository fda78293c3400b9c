"""The launcher: ready, dead and started again on the same port, stopped, not to be started."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import aiohttp
import pytest

from syncd.embedded import launcher
from syncd.embedded.launcher import EmbeddedBackend, EmbeddedUnavailable
from syncd.embedded.node import find_node


async def version(url: str) -> int:
    async with aiohttp.ClientSession() as http, http.get(f"{url}/version") as answer:
        return answer.status


def pid_of(backend: EmbeddedBackend) -> int:
    process = backend._process
    assert process is not None
    return process.pid


async def test_it_is_started_again_on_the_same_port(bundles: Path, tmp_path: Path) -> None:
    backend = EmbeddedBackend(tmp_path / "data", functions=bundles / "probes.mjs")
    await backend.start()
    url = backend.url
    assert await version(url) == 200
    assert backend.admin_key.read_text().count("|") == 1
    events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    watching = asyncio.create_task(backend.supervise(lambda *event: events.put_nowait(event)))
    os.kill(pid_of(backend), signal.SIGKILL)
    assert (await asyncio.wait_for(events.get(), 5))[0] == "backend_ended"
    assert await asyncio.wait_for(events.get(), 5) == ("backend_restarted", url)
    assert await version(url) == 200
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    last = pid_of(backend)
    await backend.stop()
    await backend.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)


async def test_a_taken_folder_is_reported_until_it_is_free(bundles: Path, tmp_path: Path) -> None:
    first, second = (
        EmbeddedBackend(tmp_path / "data", functions=bundles / "probes.mjs") for _ in range(2)
    )
    await first.start()
    with pytest.raises(EmbeddedUnavailable, match="in use by another process") as trouble:
        await second.start()
    assert "another folder" in trouble.value.advice
    events: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    watching = asyncio.create_task(second.supervise(lambda *event: events.put_nowait(event)))
    assert (await asyncio.wait_for(events.get(), 5))[0] == "backend_ended"
    assert (await asyncio.wait_for(events.get(), 5))[0] == "backend_unavailable"
    await first.stop()
    event = ""
    while event != "backend_restarted":
        event, _ = await asyncio.wait_for(events.get(), 5)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await second.stop()


async def test_where_no_process_can_be_started_it_says_so(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuses(*_: object, **__: object) -> NoReturn:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    node = await find_node()

    async def found() -> Path | None:
        return node

    monkeypatch.setattr(launcher, "find_node", found)
    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuses)
    backend = EmbeddedBackend(tmp_path / "data", functions=bundles / "probes.mjs")
    with pytest.raises(EmbeddedUnavailable, match="temporarily unavailable") as raised:
        await backend.start()
    assert "syncd doctor" in raised.value.advice
    await backend.stop()


async def test_without_node_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none() -> None:
        return None

    monkeypatch.setattr(launcher, "find_node", none)
    with pytest.raises(EmbeddedUnavailable, match=r"needs Node 22\.13 or later") as trouble:
        await EmbeddedBackend(tmp_path / "data").start()
    assert "`pipx install '.[embedded]'` in a checkout" in trouble.value.advice


async def test_a_line_of_any_length_does_not_end_the_log(tmp_path: Path) -> None:
    functions = tmp_path / "functions.mjs"
    functions.write_text("""
        const words = `${"x".repeat(1_000_000)}\\nlast words\\n`;
        process.stderr.write(words, () => process.exit(3));
        await new Promise(() => {});
    """)
    said: list[str] = []
    backend = EmbeddedBackend(tmp_path / "data", functions=functions, log=said.append)
    with pytest.raises(EmbeddedUnavailable, match="last words") as trouble:
        await backend.start()
    assert "choose another port" in trouble.value.advice
    assert said[-1] == "last words"
    assert len(str(trouble.value)) < 3000


async def test_one_that_ends_in_the_middle_of_its_ready_line_did_not_start(tmp_path: Path) -> None:
    functions = tmp_path / "functions.mjs"
    functions.write_text("""
        process.stdout.write('{"url": "http:', () => process.exit(1));
        await new Promise(() => {});
    """)
    backend = EmbeddedBackend(tmp_path / "data", functions=functions)
    with pytest.raises(EmbeddedUnavailable, match="did not start"):
        await backend.start()


async def test_a_stop_in_the_moment_in_which_it_listens_is_not_lost(tmp_path: Path) -> None:
    backend, line = EmbeddedBackend(tmp_path), asyncio.get_running_loop().create_future()
    process = SimpleNamespace(stdout=SimpleNamespace(readline=lambda: line))
    starting = asyncio.create_task(backend._ready(cast("asyncio.subprocess.Process", process)))
    await asyncio.sleep(0)
    line.set_result(b'{"url": "http://127.0.0.1:1"}')
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
