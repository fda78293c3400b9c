"""Counts the words of the log, for the metrics."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

EVENTS = (
    "pushed", "pulled", "merged", "conflict", "held", "parked", "contested", "moved", "degraded",
    "recovered", "deletions_stopped", "deletions_decided", "guard_lifted", "epoch_began",
    "bisected", "denied", "audit_differs", "notice_failed",
)  # fmt: skip
"""The log's words that are counted."""

MANY = {"pushed": "operations", "pulled": "entries", "moved": "files", "held": "keys"}
"""Where one line stands for many of them: the fact that says how many."""


class Tally:
    """Counts the log's events; a processor of structlog that changes nothing."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(EVENTS, 0)

    def __call__(
        self, logger: object, method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Count `event` and pass it on."""
        word = event.get("event")
        if word in self.counts:
            self.counts[word] += int(event.get(MANY.get(word, ""), 1))
        return event


TALLY = Tally()
"""This process's events: logging is set up once a process, and so is counting."""
