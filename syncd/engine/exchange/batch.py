"""What one call carries of what waits to be sent. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from syncd.core.model import Content, Intent, halves

OPERATIONS = 100
"""Operations a call carries at most: a larger batch delays an interactive save behind it."""

TEXT_BYTES = 1024 * 1024
"""Bytes of text a call carries at most, what it replaces counted too."""


def fill(waiting: deque[Intent], most: int) -> list[Intent]:
    """Take off what one call carries: up to `most` bytes of text, and one operation at least."""
    batch: list[Intent] = []
    total = 0
    while waiting and len(batch) < OPERATIONS:
        total += text_bytes([waiting[0]])
        if batch and total > most:
            break
        batch.append(waiting.popleft())
    return batch


def text_bytes(intents: Sequence[Intent]) -> int:
    """Bytes of text that `intents` are counted for."""
    # A target has no body to send, and the function rewrites the text all the same.
    return sum(half.version.size for half in halves(intents) if isinstance(half.version, Content))
