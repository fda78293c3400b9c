"""Which key, and which time, a person means."""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import datetime, timedelta
from pathlib import Path

from syncd.config import Config
from syncd.core.model import Key
from syncd.errors import ConfigError

PATH = "STORE:PATH, or the file's path; behind it #ID, for one record of many."
PATHS = (
    "STORE:PATH, or the path of a file or a folder; behind it #ID, for one record of many. A "
    "store's name is all of it."
)

_LENGTH = re.compile(r"(\d+)\s*(s|min|m|h|d|w)")
_UNITS = {
    "s": "seconds", "min": "minutes", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"
}  # fmt: skip


def key_of(config: Config, told: str) -> Key:
    """The key of `told`: STORE:PATH, or a file's path from here, or from its store's folder.

    Behind a file of records stands, after a `#`, the id of one of them.

    Raises ConfigError where it is in no store, or where several could be meant.
    """
    key = place_of(config, told)
    if key.path:
        return key
    raise ConfigError(
        f"{told!r} is the whole store {key.store!r}; nothing was changed",
        "name a file in it",
    )


def place_of(config: Config, told: str) -> Key:
    """As `key_of`, and folders too: the path of a store's own is empty, and so is that of a store
    that is called by its name, where that is no path of a file or folder in a store.
    """
    told = os.fsencode(told).decode("utf-8", "backslashreplace")  # As what is held is listed.
    store, colon, path = told.partition(":")
    if colon and any(each.name == store for each in config.stores):
        return _key(config, store, path)
    place = Path(told).absolute()
    for each in config.stores:
        if each.path in (place, _resolved(place)):
            return Key(each.name, "")
        for root, whole in ((each.path, place), (each.path, _resolved(place))):
            if whole.is_relative_to(root) and whole != root:
                return _key(config, each.name, whole.relative_to(root).as_posix())
    if any(each.name == told for each in config.stores):
        return Key(told, "")
    if not Path(told).is_absolute() and len(config.stores) == 1:
        return _key(config, config.stores[0].name, told)
    names = ", ".join(each.name for each in config.stores)
    raise ConfigError(
        f"{told!r} lies in no store; nothing was changed",
        f"say STORE:PATH, with one of the stores {names}" if names
        else f"add a [[store]] to {config.source}: it names none",
    )  # fmt: skip


def time_of(told: str, now: datetime) -> float:
    """Seconds since the epoch of an ISO 8601 time (of here, unless it says where) or "2h ago"."""
    try:
        if (length := _length(told.strip().removesuffix("ago").rstrip())) is not None:
            return (now - length).timestamp()
        return datetime.fromisoformat(told).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{told!r} is no time; nothing was changed",
            "say 2026-11-23T14:00, or 30min, 2h, 3d for that long ago",
        ) from error


def seconds_of(told: str, now: datetime) -> float:
    """A length of time, as in "2h", in seconds; or how long it is until an ISO 8601 time.

    Raises ConfigError where it is none, or is over.
    """
    try:
        length = _length(told.strip())
        if length is None:
            length = datetime.fromisoformat(told).astimezone() - now
        (now + length).timestamp()
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{told!r} is no length of time; nothing was changed",
            "say 30min, 2h or 1d, or until when: 2026-11-23T14:00",
        ) from error
    if length <= timedelta():
        raise ConfigError(f"{told!r} is over already; nothing was changed", "say a later time")
    return length.total_seconds()


def _length(told: str) -> timedelta | None:
    found = _LENGTH.fullmatch(told)
    return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None


def _resolved(place: Path) -> Path:
    # The folder only: a file that is a link is its name, not what it leads to. What leads to itself
    # stays as it is, which Path.resolve does not take.
    return Path(os.path.realpath(place.parent)) / place.name


def _key(config: Config, store: str, path: str) -> Key:
    record = ""
    if any(each.name == store and each.layout == "records" for each in config.stores):
        path, _, record = path.partition("#")
    return Key(store, unicodedata.normalize("NFC", path).rstrip("/"), record)
