"""Function calls to a Convex deployment over HTTP. Does IO.

One pool, a bound on every silence, and every failure translated here into one of our errors. The
official package's client holds the interpreter while it waits and is used for subscriptions
only, in a process of its own (`listener`).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from functools import cache
from ssl import SSLCertVerificationError, SSLError
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal

import orjson
from pydantic import ValidationError

from syncd import __version__
from syncd.core.cost import Cost
from syncd.errors import (
    FunctionFailed,
    ProtocolError,
    SyncdError,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from syncd.remote.message import Answer, Reply
from syncd.remote.meter import Meter
from syncd.remote.pool import Patience, open_session

if TYPE_CHECKING:
    import aiohttp

ANSWER_BYTES = 32 * 1024 * 1024
"""Longest answer that is read: functions return up to 16 MiB, and some of it may be escaped."""

PATIENCE = Patience()

REPEATED = 300
"""Characters of what a deployment says that are repeated to people."""

_PROBE = 5.0
"""Seconds."""

_ENDED = frozenset({404, 409, 415})
_TOO_MUCH = frozenset({400, 413})
_DENIED = frozenset({401, 403})
_NOT_NOW = (9, 10)  # OpenSSL's numbers: it is not valid yet, or no more.


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
        patience: Patience = PATIENCE,
    ) -> None:
        self.url = url.rstrip("/")
        self.patience = patience
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
            raise _senseless(self.url, path, "no value")
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
            raise _refusal(self.url, path, status, text)
        try:
            reply = _reply_to(answer).model_validate_json(text)
        except ValidationError as error:
            raise _senseless(self.url, path, _first(error)) from error
        if reply.status == "error":
            raise _failure(self.url, path, reply)
        return reply

    async def _post(
        self, session: aiohttp.ClientSession, url: str, path: str, body: bytes
    ) -> tuple[int, bytes]:
        import aiohttp

        # Before it goes: of many at once none may pass a ceiling that those before it reached.
        self.meter.count(Cost(calls=1, sent=len(body)))
        try:
            async with (
                self.patience.waiting(len(body)) as heard,
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
            raise _senseless(url, path, f"more than {ANSWER_BYTES:,} bytes")
    return b"".join(parts)


def _senseless(url: str, path: str, what: str) -> ProtocolError:
    return ProtocolError(
        f"{path} answered something else than expected ({what}); nothing was recorded",
        f"is {url} a Convex deployment with this version's functions? deploy them again: "
        "see convex/README.md",
    )


def _refusal(url: str, path: str, status: int, text: bytes) -> SyncdError:
    code, message = _code(text)
    said = f"{path} was answered HTTP {status} {code}: {message}"[:REPEATED].rstrip(": ")
    if status in _DENIED:
        return Unauthorized(f"{said}; nothing was changed", "check the token or key")
    if status in _TOO_MUCH:
        return FunctionFailed(f"{said}; nothing was changed", "see the deployment's limits")
    if status in _ENDED or 300 <= status < 400:
        return ProtocolError(
            f"{said}; nothing was changed",
            f"is {url} the URL of a Convex deployment, without a path behind it?",
        )
    return Unavailable(f"{said}; what is queued stays queued", "nothing to do: it is tried again")


def _failure(url: str, path: str, reply: Reply[Any]) -> SyncdError:
    data = reply.error_data
    if isinstance(data, dict) and "code" in data:
        return _thrown(path, str(data["code"]), str(data.get("message", "")))
    message = reply.error_message.splitlines()[0] if reply.error_message else "no message"
    message = message[:REPEATED]
    if "Could not find public function" in message:
        return ProtocolError(
            f"{path}: {message}; nothing was changed",
            f"deploy this version's functions to {url}: see convex/README.md",
        )
    if "paused" in message or "disabled" in message:
        return Unavailable(f"{path}: {message}", "resume the deployment; queued work is kept")
    return FunctionFailed(f"{path}: {message}; nothing was changed", "see the deployment's logs")


def _thrown(path: str, code: str, message: str) -> SyncdError:
    said = f"{path} was refused: {(message or code)[:REPEATED]}; what is queued stays queued"
    if code in ("unauthorized", "forbidden"):
        return Unauthorized(
            said,
            "stop the daemon; `CONVEX_DEPLOY_KEY=... syncd init` enrolls this device again, or set "
            "SYNCD_TOKEN to its token; then start it again",
        )
    if code == "protocol":
        return ProtocolError(said, "upgrade syncd, or deploy this version's functions")
    return FunctionFailed(said, "see the deployment's logs")


def _code(text: bytes) -> tuple[str, str]:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "", text[:120].decode(errors="replace")
    if not isinstance(body, dict):
        return "", ""
    return str(body.get("code", "")), str(body.get("message", ""))


def words_of(error: BaseException) -> str:
    """Why no answer came, in few words, and without what came."""
    import aiohttp

    if isinstance(error, TimeoutError):
        return "no answer in time"
    # The client's own words of these hold what was received, or an address that may be a secret.
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ClientPayloadError):
        part = "whole " if isinstance(error, aiohttp.ClientPayloadError) else ""
        return f"what came is no {part}answer of HTTP"
    if isinstance(error, aiohttp.InvalidURL):
        return "not a URL of HTTP"
    cause = getattr(error, "os_error", None)
    if isinstance(cause, SSLCertVerificationError):
        clock = ", by this machine's clock" if cause.verify_code in _NOT_NOW else ""
        return f"its certificate is refused: {cause.verify_message}{clock}"
    if isinstance(cause, OSError) and not isinstance(cause, SSLError) and cause.errno:
        # The client's own words tell address and port once more, twice. Names have no number.
        return os.strerror(cause.errno) if cause.errno > 0 else str(cause.strerror)
    said = str(error).splitlines()
    return said[0][:REPEATED] if said else type(error).__name__


def _first(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
