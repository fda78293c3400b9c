"""One save heard by many subscribers of a real embedded backend: when each knows, and has it.

`python -m tests.bench.scale.fanout [--listeners N ...]`. Timed, unlike the rest: run it alone.
The subscribers speak the sync protocol themselves, in this one process, which is part of the time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.embedded.backend import Backend
from tests.embedded.ours import Device, creation, workflow
from tests.system.deployment import started

SAVES = 5


@dataclass(frozen=True)
class Heard:
    """Milliseconds from the start of a push: its answer, and when the first, the middle and the
    last listener knew of it; then until the last one's page of the feed was here."""

    listeners: int
    pushed: float
    first: float
    middle: float
    last: float
    fetched: float


class Listener:
    """One subscription to `sync:head`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def subscribe(self, who: Mapping[str, str]) -> None:
        """Subscribe, and wait for the head as it is."""
        session = str(uuid.uuid4())
        await self._socket.send_json({
            "type": "Connect", "sessionId": session, "connectionCount": 0,
            "lastCloseReason": None,
        })  # fmt: skip
        added = {"type": "Add", "queryId": 0, "udfPath": "sync:head", "args": [who]}
        await self._socket.send_json({
            "type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [added],
        })  # fmt: skip
        await self.news()

    async def news(self) -> float:
        """When the head was told next."""
        while True:
            told = await self._socket.receive_json()
            if told["type"] == "Transition" and told["modifications"]:
                return time.perf_counter()


async def hear(backend: Backend, device: Device, listeners: int) -> Heard:
    """Medians of some saves."""
    url = f"ws://127.0.0.1:{backend.port}/api/sync"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        sockets = [await http.ws_connect(url) for _ in range(listeners)]
        all_of_them = [Listener(socket) for socket in sockets]
        for listener in all_of_them:
            await listener.subscribe(device.scope)
        taken = [await _save(http, backend, device, all_of_them) for _ in range(SAVES)]
        for socket in sockets:
            await socket.close()
    columns = [statistics.median(column) for column in zip(*taken, strict=True)]
    return Heard(listeners, *(round(1000 * column, 1) for column in columns))


async def _save(
    http: aiohttp.ClientSession, backend: Backend, device: Device, listeners: list[Listener]
) -> tuple[float, ...]:
    cursor = (await _call(http, backend, "query", "sync:head", device.scope))["head"]
    operation = creation(f"{uuid.uuid4().hex}.json", workflow(1, nodes=20))
    waiting = [asyncio.create_task(listener.news()) for listener in listeners]
    began = time.perf_counter()
    push = {**device.scope, "operations": [operation]}
    await _call(http, backend, "mutation", "sync:push", push)
    pushed = time.perf_counter() - began
    known = sorted(at - began for at in await asyncio.gather(*waiting))
    page = {**device.scope, "stores": ["flows"], "cursor": cursor}
    await asyncio.gather(
        *(_call(http, backend, "query", "sync:changes", page) for _ in listeners)
    )  # fmt: skip
    fetched = time.perf_counter() - began
    return pushed, known[0], known[len(known) // 2], known[-1], fetched


async def _call(
    http: aiohttp.ClientSession, backend: Backend, kind: str, path: str, args: object
) -> Any:
    body = {"path": path, "args": args, "format": "convex_encoded_json"}
    async with http.post(f"{backend.url}/api/{kind}", json=body) as response:
        told = json.loads(await response.read())
        assert told["status"] == "success", told
        return told["value"]


def measure(folder: Path, listeners: list[int]) -> list[Heard]:
    """One backend, more and more listeners."""
    backend = started(folder)
    try:
        device = Device.enroll(backend)
        for number in range(20):
            operations = [creation(f"{number}.json", workflow(number))]
            backend.mutate("sync:push", **device.scope, operations=operations)
        return [asyncio.run(hear(backend, device, count)) for count in listeners]
    finally:
        backend.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale.fanout", description=__doc__)
    parser.add_argument("--listeners", type=int, nargs="+", default=[1, 10, 100, 1000])
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="syncd-fanout-") as folder:
        for heard in measure(Path(folder) / "data", told.listeners):
            print(heard)


if __name__ == "__main__":
    main()
