"""Waiting for an event, but not for ever; not all machines for the same time; for threads and tasks
to their end; and for the next while one is made use of."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

_R = TypeVar("_R")


def spread(pause: float, draw: Callable[[float, float], float] | None = None) -> float:
    """A pause of about as many seconds, from half of them to half as many again.

    A thousand machines lose a deployment in the same moment: they must not all ask for it in the
    same moment too.
    """
    # Looked up at the call: a simulated run puts its own chance in the place of `random`.
    return pause * (draw or random.uniform)(0.5, 1.5)


async def woken(event: asyncio.Event, seconds: float | None) -> None:
    """Return once `event` is set or `seconds` have passed; None waits for the event alone.

    Not `asyncio.wait_for`: before Python 3.12 that swallows a cancellation which comes in the
    tick in which the event was set, and a loop around it then never ends (cpython gh-86296).
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def whole(work: Coroutine[None, None, _R]) -> _R:
    """The result of `work`, which is carried to its end, cancelled or not: a thread of it would go
    on anyway, with files that are written to or closed by then."""
    task = asyncio.create_task(work)
    try:
        await all_ended([task])
    except asyncio.CancelledError:
        task.result()
        raise
    return task.result()


async def all_ended(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Return once all of `tasks`, cancelled by then or not, have come to their end.

    RACE: who waits here may be cancelled meanwhile, as by a stop in the moment of a loss. That is
    raised once they have ended, and not passed on to them, as `asyncio.gather` does: what one of
    them carries to its end would be cut short by a second cancellation.
    """
    cancelled: asyncio.CancelledError | None = None
    while going_on := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(going_on)
        except asyncio.CancelledError as error:
            cancelled = error
    for task in tasks:
        if not task.cancelled():
            task.exception()  # Seen: what is never looked at is reported when it is forgotten.
    if cancelled is not None:
        raise cancelled


async def one_ahead(source: AsyncGenerator[_R, None]) -> AsyncGenerator[_R, None]:
    """What `source` yields, each asked for before the one before it is made use of.

    To be left through `contextlib.aclosing`: `source` is ended then, whatever it waits for.
    """

    async def asked() -> tuple[_R, ...]:
        try:
            return (await anext(source),)
        except StopAsyncIteration:
            return ()

    coming = asyncio.create_task(asked())
    try:
        while found := await coming:
            coming = asyncio.create_task(asked())
            yield found[0]
    finally:
        coming.cancel()
        try:
            await all_ended([coming])
        finally:
            await source.aclose()
