"""What the listener does where it cannot listen."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from syncd.remote import listener as module
from syncd.remote.listener import Listener


async def test_where_no_process_can_be_started_it_polls_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def refuses(*_: object, **__: object) -> NoReturn:
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    async def reachable() -> bool:
        return True

    monkeypatch.setattr(asyncio, "create_subprocess_exec", refuses)
    told: list[tuple[str, str]] = []
    polled, reported = asyncio.Event(), asyncio.Event()

    def report(state: str, detail: str) -> None:
        told.append((state, detail))
        reported.set()

    listener = Listener({}, polled.set, report, reachable, lambda *_: None)
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(10):
        await polled.wait()
        await reported.wait()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    why = "no process could be started to listen: Resource temporarily unavailable"
    assert told[0] == ("polling", why)


async def test_what_is_no_place_in_the_feed_only_wakes(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        '{"head": "12", "before": "7"}', '{"head": "x"}', '{"head": 5, "before": null}',
        '{"head": "9", "before": "-1"}', "no JSON", '{"head": null}', "x" * 100_000,
        '{"head": "13"}',
    ]  # fmt: skip
    start = asyncio.create_subprocess_exec

    async def prints(*_: object, **pipes: Any) -> asyncio.subprocess.Process:
        said = "\n".join(lines)
        return await start(sys.executable, "-c", f"print({said!r}); input(); input()", **pipes)

    async def reachable() -> bool:
        return True

    monkeypatch.setattr(asyncio, "create_subprocess_exec", prints)
    told: list[tuple[str, str | None] | str] = []
    last = asyncio.Event()

    def tell(head: str, before: str | None) -> None:
        told.append((head, before))
        if head == "13":
            last.set()

    def wake() -> None:
        if told:  # Not the polls from before it hears.
            told.append("woken")

    listener = Listener({}, wake, lambda *_: None, reachable, tell)
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(30):
        await last.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (told[0], told[-1]) == (("12", "7"), ("13", None))
    assert set(told[1:-1]) == {"woken"}
    assert len(told) >= len(lines), "one that is too long may wake more than once"


async def test_a_child_that_hears_nothing_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    start, started = asyncio.create_subprocess_exec, asyncio.Semaphore(0)

    async def says_nothing(*_: object, **pipes: Any) -> asyncio.subprocess.Process:
        started.release()
        return await start(sys.executable, "-c", "input(); input()", **pipes)

    async def reachable() -> bool:
        return True

    monkeypatch.setattr(asyncio, "create_subprocess_exec", says_nothing)
    monkeypatch.setattr(module, "LATE", 0.1)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.01)
    listener = Listener({}, lambda: None, lambda *_: None, reachable, lambda *_: None)
    running = asyncio.create_task(listener.run())
    async with asyncio.timeout(30):
        for _ in range(3):
            await started.acquire()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


CLIENT = """
import asyncio, os, socket

class ConvexClient:
    def __init__(self, url):
        self.pings = int(url)

    def subscribe(self, name, args):
        assert args == {"token": "t", "workspace": "w"}
        return self.heard()

    async def heard(self):
        yield {"head": "0"}
        while self.pings < 0:
            with socket.create_server(("127.0.0.1", 0)) as server:
                self.client = socket.create_connection(server.getsockname())
                self.server, _ = server.accept()
            self.server.send(b"welcome")
            self.client.recv(7)
            await asyncio.sleep(0.15)
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.client = socket.create_connection(server.getsockname())
            self.server, _ = server.accept()
        yield {"head": "1"}
        for _ in range(self.pings):
            await asyncio.sleep(0.1)
            self.server.send(b"ping")
            self.client.recv(4)
        yield {"head": str(len(os.listdir("/proc/self/fd")))}
        if not self.pings:
            self.client.close()
            self.server.close()
        await asyncio.Event().wait()
"""
"""What stands for the official client: it hears so many pings, and then nothing any more; with -1
it connects anew again and again, and hears no more than that it may."""


@pytest.mark.parametrize("pings", [0, 12, -1])
def test_a_subscription_that_hears_nothing_any_more_ends(tmp_path: Path, pings: int) -> None:
    (tmp_path / "convex.py").write_text(CLIENT)
    settings = {"url": str(pings), "token": "t", "workspace": "w", "silence": 0.4}
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "syncd.remote.listener_child"], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path.cwd()}"},
    ) as child:  # fmt: skip
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(settings).encode() + b"\n")
        child.stdin.flush()
        patience = threading.Timer(10, child.kill)
        patience.start()
        told = [json.loads(line)["head"] for line in child.stdout]
        assert child.wait(10) == 0, "it lives on"
        patience.cancel()
    assert len(told) == (1 if pings < 0 else 3), "it ended while it heard"
    assert time.monotonic() - began > 0.1 * pings
    assert int(told[-1]) < 20, "what is looked at is let go"
