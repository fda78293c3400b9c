"""The process that waits for wake-ups: `python -m syncd.remote.listener_child`. Does IO.

Reads one JSON line on stdin (url, token, workspace, silence), subscribes to `sync:head` with the
official client, and prints a JSON line for every wake-up. Ends when stdin does, and once nothing
was heard for `silence` seconds: the client tells nobody that its connection is gone.

A process of its own because the official client's calls hold the interpreter while they wait,
for ever when the deployment is away, and print function logs to standard output.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from stat import S_ISSOCK

_ESTABLISHED = 1
_LAST_DATA = struct.Struct("=B51xI")
"""Of what Linux tells of a TCP connection (tcp(7), struct tcp_info): its state, and milliseconds
since the last data came."""


class Hearing:
    """When a connection heard something last. Times are monotonic seconds, by connection."""

    def __init__(self, now: float) -> None:
        self.last = now
        self._seen: dict[int, float] = {}

    def look(self, heard: Mapping[int, float], now: float) -> None:
        """These are the connections of now. What one heard before it was seen does not count: one
        that is mute answers the client's greeting, and each that takes its place does so again.
        """
        self._seen = {each: self._seen.get(each, now) for each in heard}
        told = (at for each, at in heard.items() if at > self._seen[each])
        self.last = max((self.last, *told))


def connections() -> dict[int, float]:
    """When each connection of this process heard something last."""
    found: dict[int, float] = {}
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - pathlib is not imported
        with suppress(OSError):  # It is closed by now.
            about = os.fstat(number)
            if S_ISSOCK(about.st_mode) and (at := _heard_by(number)) is not None:
                found[about.st_ino] = at
    return found


def _heard_by(number: int) -> float | None:
    now = time.monotonic()
    with socket.socket(fileno=os.dup(number)) as found:
        if found.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        try:
            told = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA.size)
        except OSError:  # Nobody tells: it may hear.
            return now
    state, last = _LAST_DATA.unpack(told)
    return now - last / 1000 if state == _ESTABLISHED else None


async def _end_unheard(silence: float) -> None:
    hearing = Hearing(time.monotonic())
    while (now := time.monotonic()) - hearing.last < silence:
        hearing.look(connections(), now)
        await asyncio.sleep(silence / 4)
    os._exit(0)


def _end_with_parent() -> None:
    # RACE: while `subscribe` holds the interpreter this thread cannot run; the parent also
    # terminates the process.
    sys.stdin.buffer.read()
    os._exit(0)


def _own_stdout() -> int:
    """A private descriptor of our standard output; the public one then leads to stderr."""
    private = os.dup(1)
    os.dup2(2, 1)
    return private


async def _listen(
    out: int, url: str, token: str, workspace: str, silence: float = math.inf
) -> None:
    # Without `silence`: the daemon is of an earlier program, over which this one was installed.
    from convex import ConvexClient

    client = ConvexClient(url)
    subscription = client.subscribe("sync:head", {"token": token, "workspace": workspace})
    ending = asyncio.create_task(_end_unheard(silence))
    async for value in subscription:
        told = value if isinstance(value, dict) else {}
        line = {"head": told.get("head"), "before": told.get("before")}
        os.write(out, json.dumps(line).encode() + b"\n")
    ending.cancel()


def main() -> None:
    """Listen until stdin ends."""
    out = _own_stdout()
    settings = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_listen(out, **settings))


if __name__ == "__main__":
    main()
