"""Samples that are mirrored in part: each is told once, wherever it is."""

from __future__ import annotations

import hashlib
from typing import Any

from syncd.config import Config, load
from syncd.storage import AsyncMetricsStorage, Metric

from .conftest import World
from .machine import Machine
from .proxy import Proxy, Way

T0 = 1772442840000


STORES = {"metrics": "metric"}


def config(machine: Machine) -> Config:
    return load(machine.config, machine.environment)


def mirror_lines(machine: Machine, lines: int) -> None:
    """Send the first lines of the file that are not there yet, as the daemon does."""
    body = (machine.home / "metrics/metrics.jsonl").read_bytes()
    mirror = machine.mirror()
    known = mirror.query("logs:tails", store="metrics", after=None)["logs"]
    start = int(known[0]["length"]) if known else 0
    sent = body[start:].splitlines(keepends=True)[:lines]
    end = start + len(b"".join(sent))
    append: dict[str, Any] = {
        "store": "metrics", "path": "metrics.jsonl", "generation": "0" * 32, "kind": "metric",
        "expect": {"length": start, "tail": known[0]["tail"] if known else ""},
        "next": {"length": end, "tail": hashlib.sha256(body[max(0, end - 4096):end]).hexdigest()},
        "lines": [line.decode().rstrip("\n") for line in sent],
    }  # fmt: skip
    args = {**mirror._who, "appends": [append]}
    (result,) = mirror._client.mutation("logs:append", args)["results"]
    assert result["outcome"] == "appended", result


async def test_samples_are_told_once_however_far_they_are_mirrored(world: World) -> None:
    machine = world.machine(stores=STORES)
    async with AsyncMetricsStorage(config(machine)) as storage:
        samples = [Metric(type="t", name="n", value=n, timestamp=T0 + n) for n in range(120)]
        await storage.record(*samples)
        for mirrored in (0, 1, 70, 49):
            if mirrored:
                mirror_lines(machine, mirrored)
            told = await storage.by_type("t", limit=200)
            assert [each.value for each in told] == list(range(119, -1, -1))
            summed = await storage.aggregate(type="t", bucket=60_000)
            assert (summed.count, summed.sum, summed.max) == (120, 7140, 119)
            assert [each.count for each in summed.buckets] == [120]
            assert storage.trouble is None
        assert (await storage.by_name("n", start=T0 + 118))[0].value == 119


async def test_samples_of_other_devices_are_told_while_the_deployment_is_there(
    world: World, proxy: Proxy
) -> None:
    there = world.machine("there", stores=STORES)
    async with AsyncMetricsStorage(config(there)) as storage:
        await storage.record(Metric(type="t", name="n", value=1, timestamp=T0))
    mirror_lines(there, 1)
    here = world.machine("here", url=proxy.url, stores=STORES)
    async with AsyncMetricsStorage(config(here)) as storage:
        await storage.record(Metric(type="t", name="n", value=2, timestamp=T0 + 1))
        assert [each.value for each in await storage.by_type("t")] == [2, 1]
        assert (await storage.aggregate(name="n")).count == 2
        proxy.turn(Way.LOST)
        assert [each.value for each in await storage.by_type("t")] == [2]
        assert (await storage.aggregate(name="n")).count == 1


async def test_a_daemon_sends_what_is_recorded_and_nothing_is_told_twice(world: World) -> None:
    machine = world.machine(stores=STORES).start()
    machine.until_in_sync()
    async with AsyncMetricsStorage(config(machine)) as storage:
        for number in range(60):
            await storage.record(Metric(type="t", name="n", value=number, timestamp=T0 + number))
            told = await storage.by_type("t", limit=200)
            assert [each.value for each in told] == list(range(number, -1, -1))
        (machine.home / "metrics/metrics.jsonl").rename(machine.home / "metrics/metrics.jsonl.1")
        await storage.record(Metric(type="t", name="n", value=60, timestamp=T0 + 60))
        summed = await storage.aggregate(name="n")
        assert (summed.count, summed.max) == (61, 60)
        assert storage.trouble is None
