"""The process that waits for wake-ups: `python -m syncd.remote.listener_child`. Does IO.

Reads one JSON line on stdin (url, token, workspace), subscribes to `sync:head` with the official
client, and prints a JSON line for every wake-up. Ends when stdin does.

A process of its own because the official client's calls hold the interpreter while they wait,
for ever when the deployment is away, and print function logs to standard output.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading


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


async def _listen(out: int, url: str, token: str, workspace: str) -> None:
    from convex import ConvexClient

    client = ConvexClient(url)
    subscription = client.subscribe("sync:head", {"token": token, "workspace": workspace})
    async for value in subscription:
        told = value if isinstance(value, dict) else {}
        line = {"head": told.get("head"), "before": told.get("before")}
        os.write(out, json.dumps(line).encode() + b"\n")


def main() -> None:
    """Listen until stdin ends."""
    out = _own_stdout()
    settings = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_listen(out, settings["url"], settings["token"], settings["workspace"]))


if __name__ == "__main__":
    main()
