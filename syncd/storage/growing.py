"""Files that only grow: whole lines are added at their end, and read while others add. Does IO."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from typing import BinaryIO, Final

from syncd.files import syscalls
from syncd.files.folder import NEW_FILE, NOT_HERE, Folder, write_all
from syncd.files.root import Root
from syncd.storage.file import alone
from syncd.storage.root import troubles
from syncd.storage.rows import Extent
from syncd.stores.lines import TAIL_BYTES, tail_of

_APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def append(root: Root, path: str, lines: bytes) -> None:
    """Add whole lines at the end of the file, which is made where it is missing; durably.

    A line that a crash of another program left unfinished is ended first. Raises RecordError with
    nothing added; only where the disk fails, or runs out of room that its file system could not
    reserve, may some of it have been, which the error says.
    """
    parent, _, name = path.rpartition("/")
    with troubles(path, "nothing was added"), root.folder(parent, create=True) as folder:
        while not _appended(folder, name, lines):
            pass


def lines_behind(root: Root, path: str, extents: Iterable[Extent]) -> bytes:
    """The whole lines of the file behind the longest of the `extents` that is its beginning.

    RACE: what is added meanwhile is not waited for: the lines that were there stay as they are.
    """
    parent, _, name = path.rpartition("/")
    with troubles(path, "it was not read"):
        try:
            with root.folder(parent) as folder, os.fdopen(folder.open(name), "rb") as file:
                return _behind(file, extents)
        except FileNotFoundError:
            return b""


def _behind(file: BinaryIO, extents: Iterable[Extent]) -> bytes:
    size = os.fstat(file.fileno()).st_size
    known = (each.length for each in extents if each.length <= size and _begins(file, each))
    start = file.seek(max(known, default=0))
    body = file.read(size - start)
    return body[: body.rfind(b"\n") + 1]


def _begins(file: BinaryIO, extent: Extent) -> bool:
    start = file.seek(max(0, extent.length - TAIL_BYTES))
    return tail_of(file.read(extent.length - start)) == extent.tail


def _appended(folder: Folder, name: str, lines: bytes) -> bool:
    """False, with nothing added, where the file was taken away meanwhile."""
    new = folder.stat(name) is None
    fd = os.open(name, _APPEND, NEW_FILE, dir_fd=folder.fd)
    with ExitStack() as held:
        held.callback(os.close, fd)
        held.enter_context(alone(fd))
        now, size = folder.stat(name), os.fstat(fd).st_size
        if now is None or now.st_ino != os.fstat(fd).st_ino:
            return False
        cut = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
        body = b"\n" + lines if cut else lines
        _reserve(fd, len(body))
        with troubles(name, "some of it may have been added"):
            write_all(fd, body)
            os.fdatasync(fd)
    if new:
        folder.sync()
    return True


def _reserve(fd: int, size: int) -> None:
    """A write that runs out of room leaves what it wrote: nothing is begun without it."""
    try:
        syscalls.reserve(fd, size)
    except OSError as error:
        if error.errno not in NOT_HERE:
            raise
