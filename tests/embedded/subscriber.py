"""A child process: the official Python client subscribes and prints each value as a JSON line.

Its `subscribe` holds the interpreter, and its logs go to file descriptor 1 from Rust, so it has
a process of its own and its own copy of stdout.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys


async def main(url: str, path: str, args: str) -> None:
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from convex import ConvexClient

    async for value in ConvexClient(url).subscribe(path, json.loads(args)):
        print(json.dumps(value), file=lines)


asyncio.run(main(*sys.argv[1:]))
