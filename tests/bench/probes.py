"""What syncd is measured against: the same bytes to the same functions, with nothing around it."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import requests

from syncd.engine.pusher import IN_FLIGHT, OPERATIONS, TEXT_BYTES

Operation = dict[str, Any]


@dataclass(frozen=True)
class Target:
    """Where probes send to, and as whom."""

    url: str
    token: str
    workspace: str

    @property
    def push(self) -> str:
        return f"{self.url}/api/mutation"

    def body(self, operations: list[Operation]) -> bytes:
        args = {"token": self.token, "workspace": self.workspace, "operations": operations}
        call = {"path": "sync:push", "args": args, "format": "convex_encoded_json"}
        return orjson.dumps(call)


def operation(root: Path, path: Path, revision: int = 0, replaced: str | None = None) -> Operation:
    """The operation that sends a file; `revision` and `replaced` say over which version."""
    body = path.read_bytes()
    return {
        "operation": secrets.token_hex(16),
        "store": "flows",
        "path": path.relative_to(root).as_posix(),
        "record": "",
        "kind": "workflow",
        "format": "json",
        "expect": {"revision": revision, "digest": replaced},
        "write": {
            "digest": hashlib.sha256(body).hexdigest(),
            "size": len(body),
            "text": body.decode(),
        },
    }


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.json"))


def walk(root: Path) -> float:
    """P1: seconds that a bare scandir and stat of everything takes."""
    began = time.perf_counter()
    folders = [os.fspath(root)]
    while folders:
        with os.scandir(folders.pop()) as listing:
            for found in listing:
                if found.is_dir():
                    folders.append(found.path)
                else:
                    found.stat()
    return time.perf_counter() - began


def bare_loop(target: Target, root: Path) -> float:
    """P3: seconds to push every file in syncd's batches, client and number in flight."""
    began = time.perf_counter()
    asyncio.run(_bare_loop(target, root))
    return time.perf_counter() - began


async def _bare_loop(target: Target, root: Path) -> None:
    batches = _batches(root)
    async with aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as http:

        async def send() -> None:
            for batch in batches:
                async with http.post(target.push, data=target.body(batch)) as answer:
                    _applied(orjson.loads(await answer.read()), len(batch))

        await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))


def _batches(root: Path) -> Iterator[list[Operation]]:
    batch: list[Operation] = []
    size = 0
    for path in files(root):
        made = operation(root, path)
        if batch and (len(batch) == OPERATIONS or size + made["write"]["size"] > TEXT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(made)
        size += made["write"]["size"]
    if batch:
        yield batch


def naive(target: Target, root: Path, sample: int) -> float:
    """N: seconds a file of a script that sends each with a request of its own."""
    paths = files(root)[:sample]
    began = time.perf_counter()
    for path in paths:
        answer = requests.post(
            target.push, data=target.body([operation(root, path)]), timeout=30,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        _applied(answer.json(), 1)
    return (time.perf_counter() - began) / len(paths)


class BareSaver:
    """P2: one mutation a save, over a connection that is kept, by who knows that it was saved."""

    def __init__(self, target: Target, root: Path) -> None:
        self._target = target
        self._root = root
        self._http = requests.Session()
        self._http.headers["Content-Type"] = "application/json"

    def send(self, path: Path, revision: int, replaced: str) -> None:
        made = operation(self._root, path, revision, replaced)
        answer = self._http.post(self._target.push, data=self._target.body([made]), timeout=30)
        _applied(answer.json(), 1)


def _applied(answer: Any, operations: int) -> None:
    results = answer["value"]["results"]
    outcomes = [result["outcome"] for result in results]
    assert outcomes == ["applied"] * operations, results
