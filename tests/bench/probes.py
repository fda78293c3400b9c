"""What syncd is measured against: the same bytes to the same functions, with nothing around it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import requests

from syncd.engine.exchange.batch import OPERATIONS, TEXT_BYTES
from syncd.engine.exchange.pusher import IN_FLIGHT

from .bare import JSON, Bare, Operation


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


def bare_loop(bare: Bare, paths: Sequence[Path]) -> float:
    """P3: seconds to push the files in syncd's batches, client and number in flight."""
    began = time.perf_counter()
    asyncio.run(_bare_loop(bare, paths))
    return time.perf_counter() - began


async def _bare_loop(bare: Bare, paths: Sequence[Path]) -> None:
    made = _batches(bare, paths)
    async with aiohttp.ClientSession(headers=JSON) as http:

        async def send() -> None:
            for batch in made:
                async with http.post(bare.url, data=bare.body(batch)) as answer:
                    bare.applied(batch, await answer.read())

        await asyncio.gather(*(send() for _ in range(IN_FLIGHT)))


def _batches(bare: Bare, paths: Sequence[Path]) -> Iterator[list[Operation]]:
    batch: list[Operation] = []
    size = 0
    for path in paths:
        made = bare.operation(path)
        if batch and (len(batch) == OPERATIONS or size + made["write"]["size"] > TEXT_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(made)
        size += made["write"]["size"]
    if batch:
        yield batch


def naive(bare: Bare, paths: Sequence[Path]) -> float:
    """N: seconds a file of a script that sends each with a request of its own."""
    began = time.perf_counter()
    for path in paths:
        post(bare, path)
    return (time.perf_counter() - began) / len(paths)


def post(bare: Bare, path: Path) -> None:
    """Send one file over a connection made for it, as a plain script does."""
    made = [bare.operation(path)]
    answer = requests.post(bare.url, data=bare.body(made), headers=JSON, timeout=30)
    bare.applied(made, answer.content)


def durable_write(root: Path, body: bytes) -> float:
    """P4: milliseconds of a temporary file, made durable and renamed into place."""
    began = time.perf_counter()
    descriptor, temporary = tempfile.mkstemp(dir=root)
    os.write(descriptor, body)
    os.fsync(descriptor)
    os.close(descriptor)
    os.rename(temporary, root / "p4")  # noqa: PTH104
    return 1000 * (time.perf_counter() - began)


@contextmanager
def waking(a_second: float) -> Iterator[int]:
    """A bare process that wakes so often and does nothing: its pid. What it is charged for is the
    machine's price of a wake-up.
    """
    code = f"import time\nprint(flush=True)\nwhile True: time.sleep(1 / {a_second})"
    command = [sys.executable, "-S", "-E", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()
