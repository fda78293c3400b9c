"""Function calls to a Convex deployment over HTTP. Does IO.

One pool, a bound on every silence, and every failure told as one of our errors (`trouble`). The
official package's client holds the interpreter while it waits and is used for subscriptions only,
in a process of its own (`listener`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import ValidationError

from syncd import __version__
from syncd.core.cost import Cost
from syncd.errors import Unavailable, Unreachable
from syncd.remote.message import Answer, Reply
from syncd.remote.meter import Meter
from syncd.remote.pool import Timeouts, open_session
from syncd.remote.trouble import failed, refused, senseless, words_of

if TYPE_CHECKING:
    import aiohttp

ANSWER_BYTES = 32 * 1024 * 1024
"""Longest answer that is read: functions return up to 16 MiB, and some of it may be escaped."""

TIMEOUTS = Timeouts()

_PROBE = 5.0
"""Seconds."""


class ConvexHttp:
    """Calls queries and mutations of one deployment.

    Raises Unavailable where the call may be tried again (it may have been carried out all the
    same; CeilingReached where it was not made), Unauthorized, ProtocolError where it never will,
    FunctionFailed where the function threw.
    """

    def __init__(
        self,
        url: str,
        admin_key: str | None = None,
        meter: Meter | None = None,
        timeouts: Timeouts = TIMEOUTS,
    ) -> None:
        self.url = url.rstrip("/")
        self.timeouts = timeouts
        self.meter = meter or Meter()
        """What every call is counted by, and waits for."""
        self._headers = {
            "Content-Type": "application/json",
            "Convex-Client": f"syncd-{__version__}",
        }
        if admin_key is not None:
            self._headers["Authorization"] = f"Convex {admin_key}"
        self._opening: asyncio.Task[aiohttp.ClientSession] | None = None

    async def __aenter__(self) -> ConvexHttp:
        self._opening = asyncio.create_task(open_session(self._headers))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await (await self.session()).close()

    async def session(self) -> aiohttp.ClientSession:
        """The pool, for what is no function call."""
        if self._opening is None:
            raise RuntimeError("ConvexHttp is used inside `async with` only")
        return await asyncio.shield(self._opening)

    async def query(self, path: str, args: Mapping[str, Any], answer: type[Answer]) -> Answer:
        """Call a query and validate what it returns."""
        return await self._call("query", path, args, answer)

    async def find(self, path: str, args: Mapping[str, Any], answer: type[Answer]) -> Answer | None:
        """Call a query that may answer null: then None."""
        return (await self._reply("query", path, args, answer)).value

    async def mutation(self, path: str, args: Mapping[str, Any], answer: type[Answer]) -> Answer:
        """Call a mutation and validate what it returns. Not idempotent by itself."""
        return await self._call("mutation", path, args, answer)

    async def reachable(self) -> bool:
        """Whether something answers at the URL, and may be asked; no function call."""
        if self.meter.held:
            return False
        session = await self.session()
        import aiohttp

        soon = aiohttp.ClientTimeout(total=_PROBE)
        try:
            async with session.get(f"{self.url}/version", timeout=soon) as response:
                return response.status < 500
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def _call(
        self,
        endpoint: Literal["query", "mutation"],
        path: str,
        args: Mapping[str, Any],
        answer: type[Answer],
    ) -> Answer:
        reply = await self._reply(endpoint, path, args, answer)
        if reply.value is None:
            raise senseless(self.url, path, "no value")
        return reply.value

    async def _reply(
        self,
        endpoint: Literal["query", "mutation"],
        path: str,
        args: Mapping[str, Any],
        answer: type[Answer],
    ) -> Reply[Answer]:
        body = orjson.dumps({"path": path, "args": args, "format": "convex_encoded_json"})
        session = await self.session()
        await self.meter.admit(len(body) if endpoint == "mutation" else 0)
        status, text = await self._post(session, f"{self.url}/api/{endpoint}", path, body)
        self.meter.count(Cost(received=len(text)))
        if status not in (200, 560):
            raise refused(self.url, path, status, text)
        try:
            reply = _reply_to(answer).model_validate_json(text)
        except ValidationError as error:
            raise senseless(self.url, path, error) from error
        if reply.status == "error":
            raise failed(self.url, path, reply)
        return reply

    async def _post(
        self, session: aiohttp.ClientSession, url: str, path: str, body: bytes
    ) -> tuple[int, bytes]:
        import aiohttp

        # Before it goes: of many at once none may pass a ceiling that those before it reached.
        self.meter.count(Cost(calls=1, sent=len(body)))
        try:
            async with (
                self.timeouts.waiting(len(body)) as heard,
                # Led elsewhere, the token and the text would go with the call.
                session.post(url, data=body, allow_redirects=False) as response,
            ):
                return response.status, await _read(self.url, path, response.content, heard)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            unsent = isinstance(
                error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
            )
            if unsent:
                self.meter.count(Cost(calls=-1, sent=-len(body)))
            raise (Unreachable if unsent else Unavailable)(
                f"{self.url} cannot be reached ({words_of(error)}) for {path}; "
                "what is queued stays queued",
                "is the deployment up, and its URL right? a daemon tries again by itself",
            ) from error


@cache
def _reply_to(answer: type[Answer]) -> type[Reply[Answer]]:
    # Nobody else holds on to these classes, and one costs as much to make as many calls.
    return Reply[answer]  # type: ignore[valid-type]


async def _read(
    url: str, path: str, stream: aiohttp.StreamReader, heard: Callable[[], None]
) -> bytes:
    """The answer, unpacked. Raises ProtocolError where it is longer than any deployment's."""
    parts: list[bytes] = []
    size = 0
    async for part in stream.iter_any():
        heard()
        parts.append(part)
        size += len(part)
        if size > ANSWER_BYTES:
            raise senseless(url, path, f"more than {ANSWER_BYTES:,} bytes")
    return b"".join(parts)
