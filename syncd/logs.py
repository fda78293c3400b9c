"""Logging: constant past-tense events with facts as keys, on standard error.

Text on a terminal, lines for the journal under systemd, JSON elsewhere; `SYNCD_LOG` sets the
level, `SYNCD_LOG_FORMAT` the form. Every event is counted, whether its level is shown or not.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, MutableMapping
from typing import Any

import structlog

from syncd.monitoring.tally import TALLY

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FORMS = ("text", "json", "journal")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40}


def set_up(secrets: tuple[str, ...] = (), level: str | None = None) -> None:
    """Configure logging for this process. None of `secrets` ever appears in a line.

    A setting that is not understood is said in the first line, and does as if it were not there.
    """
    named = (level or os.environ.get("SYNCD_LOG") or "info").lower()
    wanted = _LEVELS.get(named, _LEVELS["info"])
    asked = os.environ.get("SYNCD_LOG_FORMAT") or ""
    form = asked if asked in _FORMS else _form()
    renderer: Any = structlog.processors.JSONRenderer()
    if form == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=_coloured(), pad_event_to=14)
    elif form == "journal":
        renderer = _Journal()
    structlog.configure(
        processors=[
            TALLY,
            _Level(wanted),
            structlog.processors.add_log_level,
            *([] if form == "journal" else [_stamper(form)]),
            structlog.processors.format_exc_info,
            _Clean(tuple(secret for secret in secrets if secret)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(wanted, _COUNTED)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    if named not in _LEVELS:
        _not_understood("SYNCD_LOG", named, _LEVELS, "info")
    if asked and asked not in _FORMS:
        _not_understood("SYNCD_LOG_FORMAT", asked, _FORMS, form)


def _not_understood(setting: str, value: str, known: Iterable[str], instead: str) -> None:
    structlog.get_logger().warning(
        "setting_ignored", setting=setting, value=value, instead=instead,
        advice=f"set one of {', '.join(known)}",
    )  # fmt: skip


_COUNTED = _LEVELS["info"]
"""Events below are passed over without being counted."""


def _form() -> str:
    """`JOURNAL_STREAM` names the device and inode of the journal's socket: systemd.exec(5)."""
    if sys.stderr.isatty():
        return "text"
    journal = os.environ.get("JOURNAL_STREAM")
    if not journal:
        return "json"
    found = os.fstat(sys.stderr.fileno())
    return "journal" if journal == f"{found.st_dev}:{found.st_ino}" else "json"


def _coloured() -> bool:
    """no-color.org: any value but an empty one takes the colours away."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stderr.isatty() and not plain


def _stamper(form: str) -> structlog.processors.TimeStamper:
    return structlog.processors.TimeStamper(fmt="iso", utc=form != "text")


class _Level:
    """Drops what is below the wanted level; before it, it was counted."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if _LEVELS.get(method, 40) < self._wanted:
            raise structlog.DropEvent
        return event


class _Journal:
    """A line as the journal takes it from a stream: its priority, the event, the facts.

    The journal stamps the time itself.
    """

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> str:
        priority = {"debug": 7, "info": 6, "warning": 4}.get(str(event.pop("level", "error")), 3)
        word = event.pop("event", "")
        facts = " ".join(f"{name}={_quoted(value)}" for name, value in event.items())
        return f"<{priority}>{word} {facts}".rstrip()


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text or '"' in text else text


class _Clean:
    """Takes secrets and control characters out of every fact."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = secrets

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        return {name: self._clean(value) for name, value in event.items()}

    def _clean(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._clean(item) for item in value]
        if not isinstance(value, str):
            return (
                value if isinstance(value, int | float | bool | None) else self._clean(str(value))
            )
        for secret in self._secrets:
            value = value.replace(secret, "[secret]")
        return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), value)
