"""Wake-ups from the deployment: live while the subscription is, by polling while not. Does IO.

A wake-up carries no data: it only says that the feed may have grown.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

from pydantic import ValidationError

from syncd.core.model import Cursor
from syncd.remote.wire import HeadAnswer

FIRST_POLL = 2.0
LONGEST_POLL = 60.0
"""Seconds between polls while the subscription is away; doubled from the first to the longest."""

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 60.0
"""Seconds before a child that ended is started again; doubled while none hears anything."""

PARTING = 0.5
"""Seconds that a child whose output ended is given to end by itself."""

PROBE = 15.0
"""Seconds between looks whether the deployment is there while subscribed; no function call."""

LATE = 60.0
"""Seconds after which a child that heard nothing yet is started anew: the official client waits for
ever where its connection is taken and never answered."""

SILENCE = 40.0
"""Seconds without a byte after which a subscription is none: a deployment sends one every few, and
the official client gives a connection up after 30, and makes another without a word. Where none is
let through any more, as by a proxy that lets calls pass, news would never be heard."""

AWAY = "the live subscription is away"

Report = Callable[[str, str], object]

Told = Callable[[Cursor, Cursor | None], None]
"""Is told the newest place in the feed and, by functions that know it, the one before that."""


class Listener:
    """Calls `told` with every update of the subscription, `wake` whenever without one the feed may
    have grown, and `report` with "live" or "polling".
    """

    def __init__(
        self,
        settings: dict[str, str],
        wake: Callable[[], None],
        report: Report,
        reachable: Callable[[], Awaitable[bool]],
        told: Told,
    ) -> None:
        self._settings = settings
        self._wake = wake
        self._report = report
        self._reachable = reachable
        self._told = told
        self._live = asyncio.Event()
        self._deaf = asyncio.Event()
        self._deaf.set()
        self._doubted = asyncio.Event()
        self._resumed = asyncio.Event()

    def doubt(self) -> None:
        """A call failed: the subscription is likely dead too, and is made anew."""
        self._doubted.set()

    def resume(self) -> None:
        """The deployment was reached: listen again at once."""
        self._resumed.set()

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._subscribe())
            group.create_task(self._poll())

    async def _subscribe(self) -> None:
        pause = FIRST_PAUSE
        while True:
            # The official client blocks for ever on a deployment that is away: ask first.
            why = await self._listen_once() if await self._reachable() else AWAY
            pause = FIRST_PAUSE if self._live.is_set() else min(LONGEST_PAUSE, 2 * pause)
            self._mark_deaf(why)
            self._resumed.clear()
            await _set(self._resumed, pause * random.uniform(0.7, 1.3))  # noqa: S311

    def _mark_deaf(self, why: str) -> None:
        self._live.clear()
        self._deaf.set()
        self._report("polling", why)

    async def _listen_once(self) -> str:
        """Listen until the subscription is away; why it is."""
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "syncd.remote.listener_child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
        except OSError as error:  # Too many processes or open files, no memory.
            return f"no process could be started to listen: {error.strerror}"
        tasks = {asyncio.create_task(self._relay(child)), asyncio.create_task(self._watch())}
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in ended:
                task.result()
            return AWAY
        finally:
            for task in tasks:
                task.cancel()
            await _end(child)

    async def _watch(self) -> None:
        # The official client reconnects by itself, in up to 15 s and without a word. A new
        # child takes a fraction of a second, so a subscription in doubt is thrown away.
        self._doubted.clear()
        while not self._doubted.is_set():
            await _set(self._doubted, PROBE)
            if not await self._reachable():
                return

    async def _relay(self, child: asyncio.subprocess.Process) -> None:
        if child.stdin is None or child.stdout is None:
            raise RuntimeError("the child was started with pipes")
        settings = {**self._settings, "silence": SILENCE}
        child.stdin.write(json.dumps(settings).encode() + b"\n")
        with suppress(TimeoutError):
            async with asyncio.timeout(LATE) as patience:
                while line := await _line(child.stdout):
                    patience.reschedule(None)
                    self._report("live", "")
                    self._live.set()
                    self._deaf.clear()
                    self._relay_end(line)

    def _relay_end(self, line: bytes) -> None:
        try:
            end = HeadAnswer.model_validate_json(line)
        except ValidationError:
            # Foreign functions: what the feed answers to the daemon tells what is wrong with them.
            self._wake()
            return
        self._told(Cursor(end.head), Cursor(end.before) if end.before is not None else None)

    async def _poll(self) -> None:
        pause = FIRST_POLL
        while True:
            await self._deaf.wait()
            self._wake()
            await _set(self._live, pause)
            pause = FIRST_POLL if self._live.is_set() else min(LONGEST_POLL, pause * 2)


async def _line(said: asyncio.StreamReader) -> bytes:
    """The next line, empty at the end; an empty one for what is longer than any place's."""
    try:
        return await said.readline()
    except ValueError:
        return b"\n"


async def _set(event: asyncio.Event, seconds: float) -> None:
    # Not wait_for, which loses a cancellation that comes as the event is set (gh-86296).
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _end(child: asyncio.subprocess.Process) -> None:
    # Its end of input ends it. RACE: killing a process that has just ended by itself reaps it
    # under the event loop's feet, so it is given a moment.
    if child.stdin is not None:
        child.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(PARTING):
            await child.wait()
    if child.returncode is None:
        with suppress(ProcessLookupError):
            child.kill()
    await child.wait()
