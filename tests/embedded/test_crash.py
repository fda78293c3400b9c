"""Killed at any moment: what was acknowledged is there, what was not is whole or absent."""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading
import time
from collections.abc import Callable

import requests

from .backend import Backend
from .ours import Device, creation, workflow

ROUNDS = 6
BATCH = 20


def push_until_it_dies(backend: Backend, device: Device, numbers: itertools.count[int]) -> set[str]:
    """Pushes batches; answers the paths that were acknowledged before the backend died."""
    acknowledged: set[str] = set()
    while True:
        batch = [creation(f"{n}.json", workflow(n)) for n in itertools.islice(numbers, BATCH)]
        try:
            pushed = backend.mutate("sync:push", **device.scope, operations=batch)
        except requests.RequestException:
            return acknowledged
        assert {result["outcome"] for result in pushed["results"]} == {"applied"}
        acknowledged |= {operation["path"] for operation in batch}


def next_head(backend: Backend, device: Device, numbers: itertools.count[int]) -> int:
    """The head after one more batch: it must grow over restarts."""
    batch = [creation(f"{n}.json", workflow(n)) for n in itertools.islice(numbers, BATCH)]
    backend.mutate("sync:push", **device.scope, operations=batch)
    return int(backend.query("sync:head", **device.scope)["head"])


def everything(backend: Backend, device: Device) -> set[str]:
    paths: set[str] = set()
    after = None
    while True:
        page = backend.query("sync:manifest", **device.scope, store="flows", after=after)
        paths |= {entry["path"] for entry in page["entries"]}
        after = page["next"]
        if after is None:
            return paths


def test_every_acknowledged_operation_survives_kill_9(
    make_backend: Callable[[str], Backend],
) -> None:
    backend = make_backend("ours")
    backend.start()
    device = Device.enroll(backend)
    acknowledged: set[str] = set()
    numbers = itertools.count()
    moments = random.Random(5)
    head = 0
    for _ in range(ROUNDS):
        delay = moments.uniform(0.05, 0.4)
        killer = threading.Timer(delay, backend.kill)
        killer.start()
        acknowledged |= push_until_it_dies(backend, device, numbers)
        killer.join()
        backend.http.close()
        started = time.monotonic()
        backend.start()
        assert time.monotonic() - started < 5
        present = everything(backend, device)
        assert acknowledged <= present
        # A batch is one transaction: all of it or nothing.
        assert len(present) % BATCH == 0
        assert next_head(backend, device, numbers) > head
        head = int(backend.query("sync:head", **device.scope)["head"])
    backend.close()
    check_indexes(backend)


def check_indexes(backend: Backend) -> None:
    """Every index of every table holds each document once, and SQLite finds the file sound."""
    with sqlite3.connect(backend.data / "data.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ordered = "SELECT number, tableNumber FROM indexes WHERE fields LIKE '[%'"
        indexes = db.execute(ordered).fetchall()
        assert len(indexes) > 10
        for index, table in indexes:
            listed = db.execute(f"SELECT rid FROM index_{index} ORDER BY rid").fetchall()
            stored = db.execute(f"SELECT rid FROM documents_{table} ORDER BY rid").fetchall()
            assert listed == stored
    db.close()
