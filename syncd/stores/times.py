"""Times as files spell them, read as `convex/model/fields.ts` reads them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

LATEST: Final = 8.64e15
"""The largest time that a JavaScript Date holds, in ms."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_DATE: Final = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MILLISECOND: Final = timedelta(milliseconds=1)


def counted(time: datetime) -> int:
    """An aware datetime in whole milliseconds since the epoch; parts of one are cut off."""
    return (time - EPOCH) // _MILLISECOND


def parsed(text: str) -> int | None:
    """The time that ISO 8601 tells (without a zone: UTC), as `counted`; None for other text."""
    if not _DATE.match(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return counted(time if time.tzinfo is not None else time.replace(tzinfo=UTC))
