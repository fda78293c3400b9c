"""Raw inotify: the least there is between a save and whoever wants to know of it."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Self

OPENED, CLOSED, ARRIVED = 0x20, 0x8, 0x80
"""IN_OPEN, IN_CLOSE_WRITE and IN_MOVED_TO of inotify(7)."""

SAVED = CLOSED | ARRIVED

_FOLDER = 0x40000000
_HEAD = struct.Struct("iIII")


class Notices:
    """What happens to files below a folder, of the folders that are there now."""

    def __init__(self, root: Path, mask: int) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = int(self._libc.inotify_init())
        self._folders: dict[int, Path] = {}
        for folder, _, _ in os.walk(root):
            watch = self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._folders[watch] = Path(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def fileno(self) -> int:
        return self._fd

    def wait(self, seconds: float) -> list[Path]:
        """The files of the next events, none where there are none in time."""
        ready, _, _ = select.select([self._fd], [], [], seconds)
        return list(self._read()) if ready else []

    def _read(self) -> Iterator[Path]:
        told = os.read(self._fd, 1 << 16)
        place = 0
        while place < len(told):
            watch, mask, _, length = _HEAD.unpack_from(told, place)
            name = told[place + _HEAD.size : place + _HEAD.size + length].rstrip(b"\0")
            place += _HEAD.size + length
            if name and not mask & _FOLDER:
                yield self._folders[watch] / os.fsdecode(name)
