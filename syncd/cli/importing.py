"""Imports, without what they need not do: search for cycles over and over, load what none uses."""

from __future__ import annotations

import gc
import sys
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


@contextmanager
def without(package: str) -> Iterator[None]:
    """What is imported in here takes `package` for one that is not installed; later it is there."""
    if package in sys.modules:
        yield
        return
    # None in the cache of modules makes an import fail: docs.python.org/3/reference/import.html
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
