"""Times as programs give them, as files spell them, and as rows tell them. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from syncd.errors import RecordError
from syncd.stores import times

When = datetime | float | str
"""A time: an aware datetime, milliseconds since the epoch, or ISO 8601 (without a zone: UTC)."""


def datetime_of(time: When | None) -> datetime | None:
    """The time that a record or a row tells, in UTC, to the millisecond; None where it tells none,
    or one that no datetime can be.
    """
    told = milliseconds(counted(time) if isinstance(time, datetime) else time)
    try:
        return None if told is None else times.EPOCH + timedelta(milliseconds=told)
    except OverflowError:
        return None


def moment(when: When | None) -> float | None:
    """A time that is asked for, in milliseconds. Raises RecordError for what tells none."""
    told = milliseconds(counted(when) if isinstance(when, datetime) else when)
    if told is None and when is not None:
        raise RecordError(
            f"{when!r} is no time; nothing was asked for",
            "give an aware datetime, milliseconds since the epoch, or ISO 8601",
        )
    return told


def counted(time: datetime) -> int:
    """A datetime in whole milliseconds since the epoch. Raises RecordError for one without a zone:
    whose time it tells would be a guess.
    """
    if time.utcoffset() is None:
        raise RecordError(
            f"the time {time} has no zone; nothing was done",
            "give an aware datetime: datetime.now(UTC), or time.astimezone() if it is local",
        )
    return times.counted(time)


def spelled(time: datetime) -> str:
    """A datetime as ISO 8601 in UTC, with milliseconds. Raises RecordError as `counted` does."""
    try:
        told = times.EPOCH + timedelta(milliseconds=counted(time))
    except OverflowError as error:
        raise RecordError(
            f"the time {time} is beyond the years of UTC; nothing was done", "give another"
        ) from error
    return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def milliseconds(value: object) -> float | None:
    """A time in milliseconds: of an ISO 8601 string (without a zone: UTC), or a number."""
    if isinstance(value, str):
        value = times.parsed(value)
    told = finite(value)
    return told if told is not None and abs(told) <= times.LATEST else None


def finite(value: object) -> float | None:
    """A number that is one to JavaScript too; None of all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        told = float(value)
    except OverflowError:
        return None
    return told + 0.0 if math.isfinite(told) else None
