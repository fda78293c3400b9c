"""A way to a deployment that can be spoilt: dead, deaf, or failing slowly. TCP, in a thread."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from enum import Enum
from typing import Any


class Way(Enum):
    """What happens to what is sent."""

    OPEN = "open"
    DEAD = "nobody listens"
    DEAF = "connections are accepted and nothing is answered"
    FAILING = "every request is answered 500, slowly"
    LOST = "what is asked is carried out, and every answer is lost"


SLOWLY = 0.4
FAILURE = b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\nOops"

CALL = b"POST /api/"
MUTATION = CALL + b"mutation"

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


class Proxy:
    """Listens on one port for as long as it lives, but for the times when it is DEAD.

    `calls` counts the function calls that went through, `mutations` those that may write, `sent`
    and `received` the bytes.
    """

    def __init__(self, upstream: int, way: Way = Way.OPEN) -> None:
        self.calls = self.mutations = self.sent = self.received = 0
        self._upstream = upstream
        self._way = Way.DEAD
        self._server: asyncio.Server | None = None
        self._relays: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            self.port = reserved.getsockname()[1]
        self.turn(way)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def turn(self, way: Way) -> None:
        """Change what happens. Connections live on when it turns DEAF, and when that ends."""
        self._run(self._turn(way))

    def forget(self) -> None:
        """Count from zero again."""
        self.calls = self.mutations = self.sent = self.received = 0

    def cut(self) -> None:
        """Reset every connection there is."""
        self._run(self._cut())

    def close(self) -> None:
        self.turn(Way.DEAD)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _turn(self, way: Way) -> None:
        self._way = way
        if way is Way.DEAF:
            self._flowing.clear()
        else:
            self._flowing.set()
        if way in (Way.DEAD, Way.FAILING):
            await self._cut()
        if way is Way.DEAD and self._server is not None:
            self._server.close()
            self._server = None
        elif way is not Way.DEAD and self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _cut(self) -> None:
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, reader: Reader, writer: Writer) -> None:
        relay = asyncio.current_task()
        assert relay is not None
        self._relays.add(relay)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await (self._fail if self._way is Way.FAILING else self._relay)(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._relays.discard(relay)
            writer.close()

    async def _fail(self, reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(SLOWLY)
        writer.write(FAILURE)
        await writer.drain()

    async def _relay(self, reader: Reader, writer: Writer) -> None:
        await self._flowing.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._upstream)
        try:
            async with asyncio.TaskGroup() as group:
                ways = (self._pump(reader, back, counts=True), self._pump(there, writer))
                pumps = [group.create_task(way) for way in ways]
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                for pump in pumps:
                    pump.cancel()
        finally:
            back.close()

    async def _pump(self, reader: Reader, writer: Writer, *, counts: bool = False) -> None:
        with suppress(OSError):
            while part := await reader.read(65536):
                self.calls += counts and part.startswith(CALL)
                self.mutations += counts and part.startswith(MUTATION)
                if counts:
                    self.sent += len(part)
                else:
                    self.received += len(part)
                await self._flowing.wait()
                if self._way is Way.LOST and not counts:
                    writer.transport.abort()
                    return
                writer.write(part)
                await writer.drain()
