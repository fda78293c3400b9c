"""What went wrong with a call, told as one of our errors. Pure."""

from __future__ import annotations

import os
from ssl import SSLCertVerificationError, SSLError
from typing import Any

import orjson
from pydantic import ValidationError

from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.remote.message import Reply

REPEATED = 300
"""Characters of what a deployment says that are repeated to people."""

_ENDED = frozenset({404, 409, 415})
_TOO_MUCH = frozenset({400, 413})
_DENIED = frozenset({401, 403})
_NOT_NOW = (9, 10)  # OpenSSL's numbers: it is not valid yet, or no more.


def senseless(url: str, path: str, what: str | ValidationError) -> ProtocolError:
    """The answer is none that the function gives."""
    if isinstance(what, ValidationError):
        what = _first(what)
    return ProtocolError(
        f"{path} answered something else than expected ({what}); nothing was recorded",
        f"is {url} a Convex deployment with this version's functions? deploy them, or install the "
        "syncd of those that are there: see convex/README.md",
    )


def refused(url: str, path: str, status: int, text: bytes) -> SyncdError:
    """The answer is `status` of HTTP: no function told it."""
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


def failed(url: str, path: str, reply: Reply[Any]) -> SyncdError:
    """The function threw."""
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
    said = f"{path}: {message}; nothing was changed"
    return FunctionFailed(said, "see its logs, or deploy this version's functions if it has others")


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
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
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
