"""Merges that a turn needs: where long texts are merged, and what is spared meanwhile."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from dataclasses import dataclass

from syncd.core.decision import Decision

MERGED_HERE = 16 * 1024
"""Longest text that is merged on the event loop, in bytes: milliseconds, a megabyte seconds."""


@dataclass(frozen=True, slots=True)
class Merging:
    """A decision for which texts of up to `size` bytes are yet to be merged.

    `finish` is pure and may run in any thread.
    """

    size: int
    finish: Callable[[], Decision]


async def finished(merging: Merging) -> Decision:
    """The decision; the event loop goes on while long texts are merged. One at a time."""
    if merging.size <= MERGED_HERE:
        return merging.finish()
    return await asyncio.to_thread(_uncollected, merging.finish)


def _uncollected(finish: Callable[[], Decision]) -> Decision:
    # A merge makes trees of a million values and no cycles. The collector looked through them all
    # again and again: four fifths of the time, and it stops the event loop while it looks.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return finish()
    finally:
        if collecting:
            gc.enable()
