"""Times as files spell them, read as `convex/model/fields.ts` reads them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

LATEST: Final = 8.64e15
"""The largest time that a JavaScript Date holds, in ms."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"(?: ?([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
_MILLISECOND: Final = timedelta(milliseconds=1)


def counted(time: datetime) -> int:
    """An aware datetime in whole milliseconds since the epoch; parts of one are cut off."""
    return (time - EPOCH) // _MILLISECOND


def parsed(text: str) -> int | None:
    """The time that ISO 8601 tells (without a zone: UTC), as `counted`; None for other text."""
    told = _ISO.fullmatch(text)
    if told is None:
        return None
    date, time, zone = told.groups()
    try:
        return counted(datetime.fromisoformat(f"{date}T{time or '00:00'}{(zone or 'Z').upper()}"))
    except ValueError:
        return None
