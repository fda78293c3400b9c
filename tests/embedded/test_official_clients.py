"""The official clients, of Python and of npm, against the backend.

Python's clients run in child processes: their calls hold the interpreter while they wait.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from .backend import EMBEDDED, Backend, node
from .ours import Device, creation, workflow

HERE = Path(__file__).parent


@asynccontextmanager
async def subscriber(
    backend: Backend, path: str, args: dict[str, Any]
) -> AsyncIterator[Callable[[], Any]]:
    """The values that the official Python client is woken with, one a call."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, HERE / "subscriber.py", backend.url, path, json.dumps(args)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    lines = child.stdout

    async def value() -> Any:
        return json.loads(await asyncio.wait_for(lines.readline(), 20))

    yield value
    child.kill()
    await child.wait()


async def test_a_list_that_is_watched_is_as_long_as_its_limit(
    make_backend: Callable[[str], Backend],
) -> None:
    backend = make_backend("ours")
    backend.start()
    device = Device.enroll(backend)

    def push(*numbers: int) -> None:
        batch = [creation(f"{number}.json", workflow(number)) for number in numbers]
        backend.mutate("sync:push", **device.scope, operations=batch)

    def paths(page: Any) -> list[str]:
        return [row["path"] for row in page["rows"]]

    args = {**device.scope, "limit": 2}
    async with subscriber(backend, "workflows:list", args) as value:
        assert (await value()) == {"rows": [], "cursor": None}
        await asyncio.to_thread(push, 5, 6, 7)
        page = await value()
        assert paths(page) == ["5.json", "6.json"]
        assert page["cursor"] is not None
        await asyncio.to_thread(push, 3, 4)
        assert paths(await value()) == ["3.json", "4.json"]


async def test_a_python_subscription_wakes_and_survives_kill_9(
    make_backend: Callable[[str], Backend],
) -> None:
    backend = make_backend("ours")
    backend.start()
    device = Device.enroll(backend)

    def push(number: int) -> str:
        batch = [creation(f"{number}.json", workflow(number))]
        backend.mutate("sync:push", **device.scope, operations=batch)
        head: str = backend.query("sync:head", **device.scope)["head"]
        return head

    async with subscriber(backend, "sync:head", device.scope) as value:
        seen = [(await value())["head"]]
        heads = [await asyncio.to_thread(push, 1)]
        seen.append((await value())["head"])
        assert seen == ["0", heads[0]]
        backend.kill()
        backend.http.close()
        backend.start()
        heads.append(await asyncio.to_thread(push, 2))
        # After a reconnect a client hears the former value, the new one, or both.
        while seen[-1] != heads[-1]:
            seen.append((await value())["head"])
        assert seen == sorted(seen, key=int)


def test_python_clients_call_everything(backend: Backend, tag: str) -> None:
    command = [sys.executable, str(HERE / "official.py"), backend.url, backend.admin_key, tag]
    done = subprocess.run(command, timeout=60, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_npm_clients_call_everything(backend: Backend, tag: str) -> None:
    command = [str(node()), "clients/official.mjs", backend.url, backend.admin_key, tag]
    done = subprocess.run(
        command, cwd=EMBEDDED, timeout=60, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
