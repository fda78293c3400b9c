"""The lock file of a state folder: who owns the folder, and whether that one waits for room.

Behind the owner's number the file says that the owner waits, while it does. Does IO.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

LOCK = "lock"

_WAITS = b" waits for room"
_LONGEST = 64


def take(descriptor: int, patience: float) -> None:
    """Lock the file for this process, and write its number there. Raises OSError: BlockingIOError
    where another one has it for `patience` seconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.02)
    _write(descriptor, str(os.getpid()).encode())


def owner_in(descriptor: int) -> str:
    """The number that the file tells; empty where it tells none."""
    told = os.pread(descriptor, _LONGEST, 0)
    return told.decode(errors="replace").partition(" ")[0].strip()


def tell_waiting(folder: Path, *, waits: bool) -> None:
    """Have everybody know that this process, which owns `folder`, waits for room on its disk, or
    does not any more.

    Where there is no room nothing can be recorded, but in the block that a file has already: what
    the ledger tells is from before. Where a file system makes a new one for it, nobody knows.
    """
    number = str(os.getpid()).encode()
    with suppress(OSError):
        descriptor = os.open(folder / LOCK, os.O_WRONLY | os.O_CLOEXEC)
        try:
            _write(descriptor, number + _WAITS if waits else number)
        finally:
            os.close(descriptor)


def waits_for_room(folder: Path) -> bool:
    """Whether the owner of `folder` said so; who owns it, if anybody does, is to be asked first."""
    try:
        return (folder / LOCK).read_bytes()[:_LONGEST].endswith(_WAITS)
    except OSError:
        return False


def _write(descriptor: int, told: bytes) -> None:
    # Cut off only then: a block that was given up may not be had again.
    os.pwrite(descriptor, told + b" ", 0)
    os.ftruncate(descriptor, len(told))
