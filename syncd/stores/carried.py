"""What an execution's earlier version told and a later one may omit: when it began. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from syncd.core.model import Format, Kind


def started_at(kind: Kind, format: Format, body: bytes) -> int | None:
    """Milliseconds since the epoch at which an execution says that it began, or None.

    ISO 8601 (without a zone: UTC) or milliseconds, as `convex/model/fields.ts` reads times.
    """
    if kind is not Kind.EXECUTION or format is not Format.JSON or b'"startTime"' not in body:
        return None
    try:
        value = orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None
    told = value.get("startTime") if isinstance(value, dict) else None
    match told:
        case bool():
            return None
        case int() | float():
            return round(told) if abs(told) <= _MOST else None
        case str():
            return _parsed(told)
        case _:
            return None


_MOST = 8.64e15
"""The largest time that a JavaScript Date holds, in ms."""


def _parsed(text: str) -> int | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    zoned = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1000)
