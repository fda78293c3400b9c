"""Every call is counted once, and none goes where a ceiling is reached."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256

import orjson
import pytest
from aiohttp import web

from syncd.core.ceiling import Bucket, Ceiling
from syncd.core.cost import DAY, Cost
from syncd.core.model import Content, Digest
from syncd.errors import CeilingReached, Unavailable
from syncd.remote.client import ConvexHttp
from syncd.remote.meter import Meter
from syncd.remote.storage import ConvexStorage
from syncd.remote.wire import HeadAnswer, RegisterAnswer

from .test_client import deployment, success

HEAD = success({"head": "12"})
MORNING = 20_000.0 * DAY


class Clock:
    """Moves when it is told to, and when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = MORNING
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def metered(ceiling: Ceiling | None = None, bucket: Bucket | None = None) -> tuple[Meter, Clock]:
    clock = Clock()
    return Meter(ceiling, bucket, now=clock, monotonic=clock, sleep=clock.sleep), clock


async def test_a_call_is_counted_with_the_bytes_that_went_either_way() -> None:
    bodies: list[bytes] = []
    answer = orjson.dumps(HEAD)

    async def handler(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.read())
        return web.Response(body=answer, content_type="application/json")

    async with deployment(handler) as http:
        await http.query("sync:head", {"token": "t"}, HeadAnswer)
        await http.reachable()
        (cost,) = http.meter.spending.costs.values()
    assert cost == Cost(calls=1, sent=len(bodies[0]), received=len(answer))


async def test_what_was_never_sent_costs_nothing() -> None:
    async with ConvexHttp("http://127.0.0.1:9") as http:
        with pytest.raises(Unavailable):
            await http.query("sync:head", {}, HeadAnswer)
        assert not http.meter.spending.costs


async def test_payloads_are_counted_apart() -> None:
    content = Content(Digest(sha256(b"payload").hexdigest()), 7)

    async def handler(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method == "GET":
            return web.Response(body=b"payload")
        if request.path == "/upload":
            return web.json_response({"storageId": "id"})
        value = {"url": f"http://{request.host}/upload", "refusal": None}
        assert b"blobs:" in body
        return web.json_response(success(value))

    async def parts() -> AsyncIterator[bytes]:
        yield b"pay"
        yield b"load"

    async with deployment(handler) as http:
        storage = ConvexStorage(http, "token", "default")
        await storage.upload(content, parts(), "a.bin")
        got = b"".join([part async for part in storage.download(f"{http.url}/file")])
        (cost,) = http.meter.spending.costs.values()
    assert got == b"payload"
    assert (cost.calls, cost.uploaded, cost.downloaded) == (4, 7, 7)


async def test_at_the_ceiling_nothing_is_asked_until_the_next_day() -> None:
    asked = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return web.json_response(HEAD)

    meter, clock = metered(Ceiling(calls_a_day=5))
    async with deployment(handler) as other, ConvexHttp(other.url, meter=meter) as http:
        calls = [http.query("sync:head", {}, HeadAnswer) for _ in range(8)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(isinstance(each, CeilingReached) for each in ended) == 3
        assert asked == 5
        assert not await http.reachable(), "nobody subscribes either: an update is a call"
        with pytest.raises(CeilingReached, match="most_calls_a_day"):
            await anext(ConvexStorage(http, "t", "w").download(other.url))
        assert asked == 5
        clock.seconds += DAY
        await http.query("sync:head", {}, HeadAnswer)
        assert asked == 6


async def test_what_earlier_runs_spent_counts() -> None:
    meter, _ = metered(Ceiling(bytes_a_month=100))
    assert not meter.held
    meter.spending.known({int(MORNING // DAY) - 1: Cost(received=100)})
    assert meter.held.startswith("the ceiling most_bytes_a_month holds it until ")


async def test_writes_wait_for_their_pace_and_questions_do_not() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        mutation = request.path.endswith("mutation")
        return web.json_response(success({"registered": 1}) if mutation else HEAD)

    meter, clock = metered(bucket=Bucket(1000, 1000))
    async with deployment(handler) as other, ConvexHttp(other.url, meter=meter) as http:
        args = {"text": "x" * 2000}
        await http.mutation("sync:push", args, RegisterAnswer)
        debt = meter.spending.costs[int(MORNING // DAY)].sent - 1000
        await http.query("sync:head", args, HeadAnswer)
        assert clock.slept == [pytest.approx(debt / 1000)]
        await http.mutation("sync:push", {}, RegisterAnswer)
    assert len(clock.slept) == 2
