"""Parts of a payload as they come, gathered until they are worth a thread's while. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator

PART = 1 << 20
"""Bytes written at once."""


async def gathered(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in fewer parts: each is written by another thread."""
    held: list[bytes] = []
    size = 0
    async for part in parts:
        held.append(part)
        size += len(part)
        if size >= PART:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)
