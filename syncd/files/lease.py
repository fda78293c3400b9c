"""The moment in which nobody may begin to write to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from syncd.core.model import Hold
from syncd.files import syscalls
from syncd.files.folder import Folder, OpenForWriting
from syncd.files.root import Root

OPEN_FOR_WRITING: Final = Hold(
    "open-for-writing",
    "a program has the file open for writing",
    "it is written once the program has closed it",
)


@contextmanager
def leased(root: Root, folder: Folder, name: str) -> Iterator[None]:
    """Holds a read lease on the file `name`, where the system grants one.

    Raises OpenForWriting, with nothing touched, while a program has it open for writing. Where a
    lease is refused for any other reason (not the owner, the file system has none) the block
    runs without, and `root.leases` says so.

    RACE: a program that looked the name up before the lease and opens the file after it writes
    to what was swapped out: that is what the later looks of `swapped` are for.
    """
    fd = _taken(root, folder, name)
    try:
        yield
    finally:
        if fd is not None:
            # The kernel takes it away from who keeps a program waiting for 45 s.
            with suppress(OSError):
                syscalls.unlease(fd)
            os.close(fd)


def _taken(root: Root, folder: Folder, name: str) -> int | None:
    try:
        fd = folder.open(name)
    except OSError:
        # Gone, or not to be read: the swap meets the same and says what it means.
        return None
    try:
        folder.lease(fd)
    except BlockingIOError:
        os.close(fd)
        raise OpenForWriting from None
    except OSError:
        os.close(fd)
        root.leases = False
        return None
    root.leases = True
    return fd
