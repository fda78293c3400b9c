"""Progress of long work: bars on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncd.engine.exchange.bootstrap import Progress

BETWEEN_LINES = 2.0
"""Seconds between two plain lines about the same work."""


@contextmanager
def showing_progress() -> Iterator[Progress]:
    """Something to tell progress to while the block runs."""
    if sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _lines()


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    with Bars(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress


def _lines() -> Progress:
    said: dict[str, float] = {}

    def progress(what: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        done_at_once = what not in said and done == total
        if not done_at_once and now - said.get(what, now - BETWEEN_LINES) >= BETWEEN_LINES:
            said[what] = now
            of = f" of {total:,}" if total is not None else ""
            print(f"{what}: {done:,}{of}", file=sys.stderr)  # noqa: T201

    return progress
