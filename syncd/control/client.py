"""A command's end of the channel. Does IO."""

from __future__ import annotations

import asyncio
import os
import pwd
from pathlib import Path

from pydantic import ValidationError

from syncd.control.channel import address_in, uid_of
from syncd.control.messages import LINE_BYTES, Answer, AnyRequest, Pause, Ping, Question, Resume
from syncd.errors import NotReachable, ProtocolError
from syncd.ledger.owner import stopped_owner, waiting_owner

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
    if isinstance(request, Pause | Resume):
        return await _soon(folder, request)
    await ping(folder, PATIENCE)
    return await _asked(folder, request)


async def _soon(folder: Path, request: Pause | Resume) -> Answer:
    """Have what waits for no turn done, however long the one that is under way takes."""
    _look_at_owner(folder)
    try:
        async with asyncio.timeout(PATIENCE):
            return await _asked(folder, request)
    except TimeoutError as error:
        raise NotReachable(
            f"the daemon gave no answer for {PATIENCE:.0f} s; if it goes on, it does what was "
            "asked then",
            "look at `syncd status`; if that lasts, ending the daemon and starting it again loses "
            "nothing",
        ) from error


async def ping(folder: Path, patience: float) -> None:
    """Return once the daemon could begin another turn. Raises NotReachable, ProtocolError."""
    _look_at_owner(folder)
    try:
        async with asyncio.timeout(patience):
            await _asked(folder, Ping())
    except TimeoutError as error:
        raise NotReachable(
            f"the daemon was at one piece of work for {patience:.0f} s; nothing was changed",
            "ask again once `syncd status` shows that it is over; if that lasts, ending the daemon "
            "and starting it again loses nothing",
        ) from error


def _look_at_owner(folder: Path) -> None:
    """Raises NotReachable at once where nobody could answer."""
    if (owner := stopped_owner(folder)) is not None:
        raise NotReachable(
            f"process {owner}, which owns {folder}, is stopped; nothing was changed",
            f"`kill -CONT {owner}` lets it go on",
        )
    if (owner := waiting_owner(folder)) is not None:
        raise NotReachable(
            f"process {owner}, which owns {folder}, waits for room on the disk of that; nothing "
            "was changed",
            "free some space: it goes on by itself; then ask again",
        )


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
                reader, writer = await asyncio.open_unix_connection(address, limit=LINE_BYTES)
            break
        except OSError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise _unanswered(folder, error) from error
        _look_at_owner(folder)
        await asyncio.sleep(0.05)
    if (owner := uid_of(writer)) != os.geteuid():
        writer.close()
        raise NotReachable(
            f"the daemon that owns {folder} runs as user {_name_of(owner)} and does what that user "
            "asks only; nothing was changed",
            "run the command as that user",
        )
    return reader, writer


def _unanswered(folder: Path, error: OSError) -> NotReachable:
    # The folder, or the socket, is another user's; else the daemon has none at this moment.
    whose = isinstance(error, PermissionError)
    return NotReachable(
        f"a daemon owns {folder}, but its socket does not answer ({error.strerror}); nothing was "
        "changed",
        "run the command as the daemon's user" if whose else
        "it starts, ends, or could open none, as its log says: ask again in a moment; if that "
        "lasts, ending the daemon and starting it again loses nothing",
    )  # fmt: skip


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
