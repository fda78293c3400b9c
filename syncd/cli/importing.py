"""Imports, without the collector of cycles looking through all that is there again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Import in here: what it makes lives to the end, and is never looked through.

    The collector took a tenth of a start, and as much of every later search for cycles.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
