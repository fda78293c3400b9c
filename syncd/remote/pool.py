"""Connections to a deployment, and how long is waited for what goes over them. Does IO."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import aiohttp

CONNECT: Final = 10.0
"""Seconds until there is a connection."""

SLOWEST: Final = 8 * 1024
"""Bytes a second of a link that is waited for."""

BUFFERED: Final = 2 * 1024 * 1024
"""Bytes that may be on their way yet when the system has taken all: twice what a window holds of a
slow link (tcp(7), tcp_wmem)."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a call is waited for: while it goes on, since a slow link takes minutes for it.

    In seconds. A deployment may take 15 s of its own and retry conflicting writes for a few more.
    """

    silence: float = 45.0
    longest: float = 900.0

    @asynccontextmanager
    async def waiting(
        self, size: int, *, endless: bool = False
    ) -> AsyncIterator[Callable[[], None]]:
        """Raise TimeoutError in what sends `size` bytes when nothing of it is heard.

        What this yields is to be called with every sign that it goes on. However long all takes,
        where it is `endless`.
        """
        now = asyncio.get_running_loop().time
        # Nobody tells when what was sent has left: it is taken at once, and lies in buffers.
        silence = self.silence + min(size, BUFFERED) / SLOWEST
        end = float("inf") if endless else now() + self.longest + silence
        async with asyncio.timeout(silence) as timeout:
            yield lambda: timeout.reschedule(min(end, now() + silence))


async def open_session(headers: Mapping[str, str]) -> aiohttp.ClientSession:
    """The pool. Only connecting is given up by itself."""
    # Importing it, which reads every certificate there is, takes as long as a walk of 30,000
    # files: nothing but a call waits for it.
    await asyncio.to_thread(import_module, "aiohttp")
    import aiohttp

    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(connect=CONNECT),
        headers=headers,
        # Nobody reads these, and they would go with every call.
        skip_auto_headers=("Accept", "User-Agent"),
    )
