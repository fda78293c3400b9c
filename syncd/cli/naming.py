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

_AGO = re.compile(r"(\d+)\s*(s|min|h|d|w)(?:\s+ago)?")
_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def key_of(config: Config, told: str) -> Key:
    """The key of `told`: STORE:PATH, or a file's path from here, or from its store's folder.

    Behind a file of records stands, after a `#`, the id of one of them.

    Raises ConfigError where it is in no store, or where several could be meant.
    """
    told = os.fsencode(told).decode("utf-8", "backslashreplace")  # As what is held is listed.
    store, colon, path = told.partition(":")
    if colon and any(each.name == store for each in config.stores):
        return _key(config, store, path)
    place = Path(told).absolute()
    for each in config.stores:
        for root, whole in ((each.path, place), (each.path, _resolved(place))):
            if whole.is_relative_to(root) and whole != root:
                return _key(config, each.name, whole.relative_to(root).as_posix())
    if not Path(told).is_absolute() and len(config.stores) == 1:
        return _key(config, config.stores[0].name, told)
    names = ", ".join(each.name for each in config.stores)
    raise ConfigError(
        f"{told!r} lies in no store; nothing was changed",
        f"say STORE:PATH, with one of the stores {names}",
    )


def time_of(told: str, now: datetime) -> float:
    """Seconds since the epoch of an ISO 8601 time (of here, unless it says where) or "2h ago"."""
    try:
        if ago := _AGO.fullmatch(told.strip()):
            return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp()
        return datetime.fromisoformat(told).astimezone().timestamp()
    except (ValueError, OverflowError) as error:
        raise ConfigError(
            f"{told!r} is no time; nothing was changed",
            "say 2026-11-23T14:00, or 30min, 2h, 3d for that long ago",
        ) from error


def _resolved(place: Path) -> Path:
    # The folder only: a file that is a link is its name, not what it leads to.
    return place.parent.resolve() / place.name


def _key(config: Config, store: str, path: str) -> Key:
    record = ""
    if any(each.name == store and each.layout == "records" for each in config.stores):
        path, _, record = path.partition("#")
    return Key(store, unicodedata.normalize("NFC", path), record)
