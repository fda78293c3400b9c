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
from contextlib import suppress
from stat import S_ISSOCK
from typing import Any

_ESTABLISHED = 1
_LAST_DATA = struct.Struct("=B51xI")
"""Of what Linux tells of a TCP connection (tcp(7), struct tcp_info): its state, and milliseconds
since the last data came."""


def silence() -> float:
    """Seconds since a connection of this process heard anything; infinite where there is none."""
    least = math.inf
    for name in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208 - pathlib is not imported
        with suppress(OSError):  # It is closed by now, or no connection.
            if S_ISSOCK(os.fstat(name).st_mode):
                least = min(least, _silence_of(name))
    return least


def _silence_of(number: int) -> float:
    with socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as found:
        told = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA.size)
    state, last = _LAST_DATA.unpack(told)
    return last / 1000 if state == _ESTABLISHED else math.inf


async def _end_unheard(most: float) -> None:
    """End once no connection has heard anything for `most` seconds, whichever it was."""
    heard = time.monotonic()
    while time.monotonic() - heard < most:
        await asyncio.sleep(most / 4)
        heard = max(heard, time.monotonic() - silence())
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


async def _listen(out: int, settings: dict[str, Any], most: float) -> None:
    from convex import ConvexClient

    client = ConvexClient(settings.pop("url"))
    subscription = client.subscribe("sync:head", settings)
    ending = asyncio.create_task(_end_unheard(most))
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
    most = float(settings.pop("silence", math.inf))  # An earlier program's daemon tells none.
    asyncio.run(_listen(out, settings, most))


if __name__ == "__main__":
    main()
