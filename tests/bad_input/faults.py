"""A way to a deployment on which answers go astray: HTTP understood just enough to spoil it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter


@dataclass
class Exchange:
    """One call on its way."""

    way: Way
    function: str
    request: bytes
    writer: Writer

    async def forward(self) -> bytes:
        """The whole answer of the deployment, which carries the call out now."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.way.upstream)
        try:
            head, _, rest = self.request.partition(b"\r\n")
            writer.write(head + b"\r\nConnection: close\r\n" + rest)
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
        self.way.answers.setdefault(self.function, []).append(answer)
        return answer

    async def tell(self, answer: bytes) -> None:
        self.writer.write(answer)
        await self.writer.drain()

    def cut(self) -> None:
        """Reset the connection."""
        self.writer.transport.abort()


Fault = Callable[[Exchange], Awaitable[None]]


async def honest(call: Exchange) -> None:
    await call.tell(await call.forward())


@dataclass
class Way:
    """Does `fault` to the first `times` calls of every function, then behaves."""

    upstream: int
    fault: Fault = honest
    times: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    answers: dict[str, list[bytes]] = field(default_factory=dict)
    waiting: dict[str, asyncio.Future[bytes]] = field(default_factory=dict)
    port: int = 0
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=1 << 24
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.close()

    def spoil(self, fault: Fault, times: int) -> None:
        """From now on, `fault` for the next `times` calls of every function."""
        self.fault, self.times = fault, times
        self.struck.clear()

    async def _accept(self, reader: Reader, writer: Writer) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            request = await _request(reader)
            function = _function(request)
            self.struck[function] += 1
            spoilt = self.struck[function] <= self.times and function.startswith("sync:")
            await (self.fault if spoilt else honest)(Exchange(self, function, request, writer))
        writer.close()


@asynccontextmanager
async def way_to(upstream: int) -> AsyncIterator[Way]:
    """A way to the deployment on that port."""
    way = Way(upstream)
    await way.listen()
    try:
        yield way
    finally:
        await way.refuse()


async def _request(reader: Reader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return head + await reader.readexactly(int(value))
    return head


def _function(request: bytes) -> str:
    _, _, body = request.partition(b"\r\n\r\n")
    return str(json.loads(body)["path"]) if body else "none"


def body_of(answer: bytes) -> bytes:
    """What an answer says, without its head."""
    return answer.partition(b"\r\n\r\n")[2]


def answer_of(body: bytes, *, length: int | None = None, status: str = "200 OK") -> bytes:
    """An answer that says it has `length` bytes."""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + body
