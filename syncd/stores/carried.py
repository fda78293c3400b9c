"""What an execution's earlier version told and a later one may omit: when it began. Pure."""

from __future__ import annotations

import json

import orjson

from syncd.core.model import Format, Kind
from syncd.stores.times import LATEST, parsed


def started_at(kind: Kind, format: Format, body: bytes) -> int | None:
    """Milliseconds since the epoch at which an execution says that it began, or None.

    ISO 8601 (without a zone: UTC) or milliseconds, as `convex/model/fields.ts` reads times.
    """
    if kind is not Kind.EXECUTION or format is not Format.JSON or b'"startTime"' not in body:
        return None
    text = body.removeprefix(b"\xef\xbb\xbf")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _leniently_read(text)
    told = value.get("startTime") if isinstance(value, dict) else None
    match told:
        case bool():
            return None
        case int() | float():
            return round(told) if abs(told) <= LATEST else None
        case str():
            return parsed(told)
        case _:
            return None


def _leniently_read(text: bytes) -> object:
    # Lone surrogates and integers beyond 64 bits, which JavaScript reads: see `codec`.
    try:
        return json.loads(text.decode(), parse_int=float)
    except (ValueError, RecursionError):
        return None
