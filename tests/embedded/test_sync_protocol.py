"""The WebSocket sync protocol, spoken by hand."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from .backend import Backend

START = {"querySet": 0, "identity": 0, "ts": "AAAAAAAAAAA="}


def nanoseconds(ts: str) -> int:
    return int.from_bytes(base64.b64decode(ts), "little")


@dataclass
class Peer:
    """A client that checks what every client checks: the chain of versions."""

    socket: aiohttp.ClientWebSocketResponse
    session: str = field(default_factory=lambda: str(uuid.uuid4()))
    version: dict[str, Any] = field(default_factory=lambda: dict(START))

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def connect(self, **fields: object) -> None:
        await self.send("Connect", sessionId=self.session, connectionCount=0, **fields)

    async def subscribe(self, queries: int, path: str, **args: object) -> None:
        """Adds query number `queries`, counted from 1, the only change of its message."""
        add = {"type": "Add", "queryId": queries, "udfPath": path, "args": [args]}
        await self.modify(queries - 1, [add])

    async def modify(self, base: int, modifications: list[Any]) -> None:
        versions = {"baseVersion": base, "newVersion": base + 1}
        await self.send("ModifyQuerySet", **versions, modifications=modifications)

    async def mutate(self, request: int, path: str, **args: object) -> None:
        await self.send("Mutation", requestId=request, udfPath=path, args=[args])

    async def receive(self) -> dict[str, Any]:
        message = await asyncio.wait_for(self.socket.receive(), 5)
        if message.type != aiohttp.WSMsgType.TEXT:
            return {"type": "closed", "code": self.socket.close_code}
        said: dict[str, Any] = json.loads(message.data)
        if said["type"] == "Ping":
            return await self.receive()
        if said["type"] == "Transition":
            assert said["startVersion"] == self.version
            end = said["endVersion"]
            assert nanoseconds(end["ts"]) >= nanoseconds(self.version["ts"])
            self.version = end
        return said

    async def transition(self) -> list[Any]:
        said = await self.receive()
        assert said["type"] == "Transition", said
        modifications: list[Any] = said["modifications"]
        return modifications

    async def quiet(self) -> None:
        """Nothing is on its way: the answer to an empty change is the next message."""
        base = self.version["querySet"]
        await self.modify(base, [])
        assert await self.transition() == []


@asynccontextmanager
async def peer(backend: Backend, path: str = "/api/sync") -> AsyncIterator[Peer]:
    url = f"{backend.url}{path}"
    async with aiohttp.ClientSession() as http, http.ws_connect(url, max_msg_size=0) as socket:
        yield Peer(socket)


async def test_a_subscription_hears_of_what_it_read_and_of_nothing_else(
    backend: Backend, tag: str
) -> None:
    async with peer(backend) as one, peer(backend, "/api/1.48.0/sync") as other:
        await one.connect()
        await one.subscribe(1, "things:sample", tag=tag, limit=9)
        [first] = await one.transition()
        assert (first["type"], first["value"]["values"]) == ("QueryUpdated", [])
        assert first["logLines"] == []
        await other.connect()
        await other.mutate(0, "things:insert", tag=tag, value=1)
        answer = await other.receive()
        assert (answer["type"], answer["success"]) == ("MutationResponse", True)
        assert await other.transition() == []
        assert nanoseconds(other.version["ts"]) >= nanoseconds(answer["ts"])
        [second] = await one.transition()
        assert second["value"]["values"] == [1]
        await other.mutate(1, "things:insert", tag=f"{tag} of another", value=1)
        await other.receive()
        await other.transition()
        await one.quiet()


async def test_a_query_that_stops_early_does_not_depend_on_the_rest(
    backend: Backend, tag: str
) -> None:
    for value in (10, 20, 30):
        backend.mutate("things:insert", tag=tag, value=value)
    async with peer(backend) as watcher:
        await watcher.connect()
        await watcher.subscribe(1, "things:sample", tag=tag, limit=2)
        await watcher.transition()
        await asyncio.to_thread(backend.mutate, "things:insert", tag=tag, value=25)
        await watcher.quiet()
        await watcher.modify(2, [{"type": "Remove", "queryId": 99}])
        assert await watcher.transition() == []
        await asyncio.to_thread(backend.mutate, "things:insert", tag=tag, value=15)
        [updated] = await watcher.transition()
        assert updated["value"]["values"] == [10, 15]


async def test_a_page_that_is_watched_ends_where_it_ended_first(backend: Backend, tag: str) -> None:
    for value in (1, 2, 4):
        backend.mutate("things:insert", tag=tag, value=value)
    args = {"tag": tag, "paginationOpts": {"numItems": 2, "cursor": None}}

    def values(update: Any) -> list[float]:
        return [thing["value"] for thing in update["value"]["page"]]

    async with peer(backend) as watcher:
        await watcher.connect()
        await watcher.subscribe(1, "things:page", **args)
        [first] = await watcher.transition()
        assert values(first) == [1, 2]
        before = [{"tag": tag, "value": value} for value in (1.25, 1.5)]
        for thing in before:
            await asyncio.to_thread(backend.mutate, "things:insert", **thing)
            [update] = await watcher.transition()
        assert values(update) == [1, 1.25, 1.5, 2]
        assert update["value"]["continueCursor"] == first["value"]["continueCursor"]
    async with peer(backend) as again:
        await again.connect()
        add = {"type": "Add", "queryId": 1, "udfPath": "things:page", "args": [args]}
        await again.modify(0, [{**add, "journal": update["journal"]}])
        assert values((await again.transition())[0]) == [1, 1.25, 1.5, 2]
        await again.modify(1, [{**add, "queryId": 2}])
        assert values((await again.transition())[0]) == [1, 1.25]


async def test_a_result_that_stays_the_same_is_not_sent(backend: Backend, tag: str) -> None:
    thing = backend.mutate("things:insert", tag=tag, value=1)
    async with peer(backend) as watcher:
        await watcher.connect()
        await watcher.subscribe(1, "things:count", tag=tag)
        await watcher.transition()
        patch = {"id": thing, "fields": {"value": 2}}
        await asyncio.to_thread(backend.call, "mutation", "things:patch", patch)
        await watcher.quiet()


async def test_queries_come_go_and_fail(backend: Backend, tag: str) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.subscribe(1, "things:count", tag=1)
        [failed] = await client.transition()
        assert failed["type"] == "QueryFailed"
        assert "ArgumentValidationError" in failed["errorMessage"]
        await client.modify(1, [{"type": "Remove", "queryId": 1}])
        assert await client.transition() == [{"type": "QueryRemoved", "queryId": 1}]
        add = {"type": "Add", "queryId": 2, "udfPath": "things:count", "args": [{"tag": tag}]}
        await client.modify(2, [add, {"type": "Remove", "queryId": 2}])
        assert await client.transition() == [{"type": "QueryRemoved", "queryId": 2}]


async def test_a_transition_follows_a_failed_mutation_too(backend: Backend, tag: str) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.mutate(0, "things:failAfterWriting", tag=tag, data={"code": "no"})
        answer = await client.receive()
        assert (answer["success"], answer["errorData"]) == (False, {"code": "no"})
        assert answer["ts"] is None
        assert await client.transition() == []


async def test_an_action_is_answered_beside_other_work(backend: Backend, tag: str) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.send("Action", requestId=3, udfPath="platform:act", args=[{"tag": tag}])
        answer = await client.receive()
        assert (answer["type"], answer["requestId"]) == ("ActionResponse", 3)
        assert answer["result"] == {"secret": "told", "count": 1}
        assert await client.transition() == []


async def test_a_mutation_is_executed_once_a_request(
    make_backend: Callable[[str], Backend], tag: str
) -> None:
    backend = make_backend("probes")
    backend.start()
    async with peer(backend) as client:
        await client.connect()
        answers = []
        for _ in range(2):
            await client.mutate(7, "things:insert", tag=tag, value=1)
            answers.append(await client.receive())
            await client.transition()
        assert answers[0] == answers[1]
    backend.kill()
    backend.start()
    async with peer(backend) as again:
        again.session = client.session
        await again.connect(maxObservedTimestamp=client.version["ts"])
        await again.mutate(7, "things:insert", tag=tag, value=1)
        assert (await again.receive())["result"] == answers[0]["result"]
        await again.transition()
        assert nanoseconds(again.version["ts"]) >= nanoseconds(client.version["ts"])
    assert backend.query("things:count", tag=tag) == 1


async def test_identities(backend: Backend) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.subscribe(1, "platform:secret")
        [failed] = await client.transition()
        assert "Could not find public function" in failed["errorMessage"]
        key = backend.admin_key
        await client.send("Authenticate", baseVersion=0, tokenType="Admin", value=key)
        [told] = await client.transition()
        assert told["value"] == "told"
        assert client.version["identity"] == 1
        await client.send("Authenticate", baseVersion=1, tokenType="None")
        [failed] = await client.transition()
        assert failed["type"] == "QueryFailed"
        await client.send("Authenticate", baseVersion=2, tokenType="User", value="a.b.c")
        refused = await client.receive()
        assert (refused["type"], refused["authUpdateAttempted"]) == ("AuthError", True)


async def test_a_gap_in_the_versions_is_fatal(backend: Backend, tag: str) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.modify(5, [])
        await client.mutate(0, "things:insert", tag=tag, value=1)
        assert (await client.receive())["type"] == "FatalError"
        assert (await client.receive())["type"] == "closed"
    assert backend.query("things:count", tag=tag) == 0


async def test_a_client_from_the_future_is_turned_away(backend: Backend) -> None:
    async with peer(backend) as client:
        far = base64.b64encode((2**62).to_bytes(8, "little")).decode()
        await client.connect(maxObservedTimestamp=far)
        assert await client.receive() == {"type": "closed", "code": 1011}


async def test_a_message_that_is_no_json_ends_the_session(backend: Backend) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.socket.send_str("{")
        assert await client.receive() == {"type": "closed", "code": 1007}
    assert backend.query("things:echo", value=1) == 1


CALL = {"udfPath": "things:echo", "args": [{"value": 1}]}


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        {},
        {"type": "Odd"},
        {"type": "toString"},
        {"type": "Connect"},
        {"type": "Connect", "sessionId": "s", "maxObservedTimestamp": "soon"},
        {"type": "Authenticate", "baseVersion": 0, "tokenType": "Odd"},
        {"type": "Authenticate", "baseVersion": 0, "tokenType": "Admin"},
        {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1},
        {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1, "modifications": [None]},
        {"type": "ModifyQuerySet", "baseVersion": 0, "newVersion": 1,
         "modifications": [{"type": "Add", "queryId": "1", **CALL}]},
        {"type": "Mutation", "requestId": 1},
        {"type": "Mutation", "requestId": "1", **CALL},
        {"type": "Action", "requestId": 1, "udfPath": "things:echo", "args": [None]},
    ],
)  # fmt: skip
async def test_a_message_that_is_none_is_fatal(backend: Backend, message: object) -> None:
    async with peer(backend) as client:
        if not isinstance(message, dict) or message.get("type") != "Connect":
            await client.connect()
        await client.socket.send_str(json.dumps(message))
        said = await client.receive()
        assert (said["type"], said["error"].split(":")[0]) == ("FatalError", "BadMessage")
        assert await client.receive() == {"type": "closed", "code": 1000}
    assert backend.query("things:echo", value=1) == 1


async def test_a_large_result_comes_whole(
    backend: Backend,
) -> None:
    async with peer(backend) as client:
        await client.connect()
        await client.subscribe(1, "platform:large", size=15_000_000)
        message = await client.socket.receive()
        assert len(message.data) > 15_000_000
        assert json.loads(message.data)["type"] == "Transition"


async def test_sigterm_ends_it_while_clients_are_connected(
    make_backend: Callable[[str], Backend],
) -> None:
    backend = make_backend("probes")
    backend.start()
    async with peer(backend) as client:
        await client.connect()
        await client.subscribe(1, "things:count", tag="t")
        await client.transition()
        loop = asyncio.get_running_loop()
        started = loop.time()
        assert await asyncio.to_thread(backend.kill, signal.SIGTERM) == 0
        assert loop.time() - started < 1.0
