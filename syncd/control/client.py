"""A command's end of the channel. Does IO."""

from __future__ import annotations

import asyncio
from pathlib import Path

from pydantic import ValidationError

from syncd.control.channel import address_in
from syncd.control.messages import LINE_BYTES, Answer, AnyRequest, Ping, Question
from syncd.errors import NotReachable, ProtocolError

CONNECTING = 5.0
"""Seconds that a daemon gets to open its socket: it has just started, or begins an epoch."""

WAITING = 600.0
"""Seconds that an act may take."""

PATIENCE = 15.0
"""Seconds in which a daemon must be able to begin a turn, or nothing is asked of it."""


async def ask(folder: Path, request: AnyRequest) -> Answer:
    """Have the daemon that owns the state folder do `request`, once it shows that it lives.

    Raises NotReachable, ProtocolError.
    """
    await ping(folder, PATIENCE)
    return await _asked(folder, request)


async def ping(folder: Path, patience: float) -> None:
    """Return once the daemon could begin another turn. Raises NotReachable, ProtocolError."""
    try:
        async with asyncio.timeout(patience):
            await _asked(folder, Ping())
    except TimeoutError as error:
        raise NotReachable(
            f"the daemon made no progress for {patience:.0f} s; nothing was changed",
            "look at its log; ending it and starting it again loses nothing",
        ) from error


async def _asked(folder: Path, request: AnyRequest) -> Answer:
    reader, writer = await _connected(folder)
    try:
        async with asyncio.timeout(WAITING):
            writer.write(Question(request=request).model_dump_json().encode() + b"\n")
            await writer.drain()
            line = await reader.readuntil(b"\n")
    except (OSError, asyncio.IncompleteReadError) as error:
        raise NotReachable(
            "the daemon hung up before it answered; it may or may not have done what was asked",
            "look at `syncd status` and `syncd log`, then ask again",
        ) from error
    finally:
        writer.close()
    try:
        return Answer.model_validate_json(line)
    except ValidationError as error:
        raise ProtocolError(
            "the daemon's answer is not understood; it may have done what was asked",
            "restart the daemon after an upgrade",
        ) from error


async def _connected(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    deadline = asyncio.get_running_loop().time() + CONNECTING
    while True:
        try:
            with address_in(folder) as address:
                return await asyncio.open_unix_connection(address, limit=LINE_BYTES)
        except OSError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise NotReachable(
                    f"a daemon owns {folder}, but its socket does not answer "
                    f"({error.strerror}); nothing was changed",
                    "run the command as the daemon's user; or stop the daemon and run it again",
                ) from error
        await asyncio.sleep(0.05)
