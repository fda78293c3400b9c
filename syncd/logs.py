"""Logging: constant past-tense events with facts as keys, on standard error.

Text on a terminal, JSON elsewhere; `SYNCD_LOG` sets the level, `SYNCD_LOG_FORMAT` the form.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def set_up(secrets: tuple[str, ...] = (), level: str | None = None) -> None:
    """Configure logging for this process. None of `secrets` ever appears in a line."""
    wanted = level or os.environ.get("SYNCD_LOG", "info")
    form = os.environ.get("SYNCD_LOG_FORMAT") or ("text" if sys.stderr.isatty() else "json")
    renderer: Any = structlog.processors.JSONRenderer()
    if form == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=14)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=form != "text"),
            structlog.processors.format_exc_info,
            _Clean(tuple(secret for secret in secrets if secret)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS.get(wanted.lower(), 20)),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


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
