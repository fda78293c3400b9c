"""The daemon's end of the channel. Does IO.

`control.sock` in the state folder, 0600 inside a 0700 folder, and for processes of our own user
only. Whatever a client sends, it gets one answer or is hung up on; the daemon goes on.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from pydantic import ValidationError

from syncd.control.messages import (
    LINE_BYTES,
    VERSION,
    Answer,
    AnyRequest,
    Failure,
    Question,
    failed,
)
from syncd.core.wording import refusal
from syncd.engine.waiting import all_ended, whole
from syncd.errors import SyncdError

SOCKET = "control.sock"

CLIENTS = 16
"""Commands that are listened to at once; further ones are hung up on."""

PATIENCE = 10.0
"""Seconds that a client may take to send its line, or to read its answer."""

_PATH_BYTES = 107
"""What sockaddr_un takes, less its final NUL: unix(7)."""

_CREDENTIALS = struct.Struct("3i")  # struct ucred of SO_PEERCRED: pid, uid, gid

Act = Callable[[AnyRequest], Awaitable[Answer]]

log = structlog.get_logger()


@contextmanager
def address_in(folder: Path) -> Iterator[str]:
    """A path of the socket that is short enough to bind or connect to, however deep it lies."""
    direct = str(folder / SOCKET)
    if len(os.fsencode(direct)) <= _PATH_BYTES:
        yield direct
        return
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


class Channel:
    """Listens for commands and has them done."""

    def __init__(self, folder: Path, act: Act, uid: int | None = None) -> None:
        self._folder = folder
        self._act = act
        self._uid = os.geteuid() if uid is None else uid
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen until cancelled; what was begun by then is carried to its end."""
        try:
            listening = self._bind()
        except OSError as error:
            log.warning(
                "no_control_socket",
                why=refusal(error),
                advice="commands that change something need the daemon stopped",
            )
            return
        server = await asyncio.start_unix_server(self._meet, sock=listening, limit=LINE_BYTES)
        try:
            await asyncio.Event().wait()
        finally:
            # Not wait_closed: it waits for clients, and one that says nothing would delay a stop.
            server.close()
            (self._folder / SOCKET).unlink(missing_ok=True)
            for client in self._clients:
                client.cancel()
            await all_ended(set(self._clients))

    def _bind(self) -> socket.socket:
        # The lock of the state folder is ours: a socket that is there is a dead daemon's.
        (self._folder / SOCKET).unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with address_in(self._folder) as address:
                listening.bind(address)
            # Nobody can connect before listen, which start_unix_server calls.
            (self._folder / SOCKET).chmod(0o600)
        except OSError:
            listening.close()
            raise
        return listening

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._clients) < CLIENTS and uid_of(writer) == self._uid:
                self._clients.add(task)
                await self._serve(reader, writer)
        except (
            OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError
        ) as error:  # fmt: skip
            log.info("hung_up", why=type(error).__name__)
        except asyncio.CancelledError:
            # The daemon stops. asyncio's callback on this task would report the cancellation.
            pass
        finally:
            self._clients.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(PATIENCE):
            line = await reader.readuntil(b"\n")
        # A stop does not cut an act short: it writes files and the ledger.
        answer = await whole(self._answer(line))
        writer.write(answer.bounded().model_dump_json().encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            await writer.drain()

    async def _answer(self, line: bytes) -> Answer:
        try:
            question = Question.model_validate_json(line)
        except ValidationError as error:
            return _refusal(error)
        command = question.request.command
        try:
            answer = await self._act(question.request)
        except SyncdError as error:
            log.warning("command_failed", command=command, what=str(error), advice=error.advice)
            return failed(error)
        log.info("command", command=command, done=len(answer.done), failed=len(answer.failed))
        return answer


def uid_of(writer: asyncio.StreamWriter) -> int:
    """The user at the other end of a connection: who began it, or who listened for it."""
    peer = writer.get_extra_info("socket")
    told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(told)[1])


def _refusal(error: ValidationError) -> Answer:
    first = error.errors(include_input=False, include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    what = f"the daemon does not know this request ({place}: {first['msg']}); nothing was changed"
    advice = f"it speaks version {VERSION}: restart it after an upgrade (`syncd run`)"
    return Answer(failed=[Failure(what=what, advice=advice, exit_code=8)])
