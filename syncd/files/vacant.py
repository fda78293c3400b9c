"""Folders in which there is no file: to programs, and to a mirror of files, they are nothing."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from syncd.files.folder import Folder

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEPEST: Final = 32
"""Folders in one another that are looked into: each is held open, and whoever nests more of them
means something by it."""

_KEPT: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT, errno.ENOTDIR, errno.ELOOP})


def is_vacant(folder: Folder, name: str) -> bool:
    """Whether the folder `name` has nothing but folders in it. Raises OSError where one cannot be
    listed, and where it is none.
    """
    return _is_vacant(folder.fd, name, _DEEPEST)


def vacate(folder: Folder, name: str) -> bool:
    """Removes the folder `name` if it has nothing but folders in it; whether it did.

    Raises OSError where that is not allowed. A file is never touched.
    """
    try:
        if not is_vacant(folder, name):
            return False
        _remove(folder.fd, name)
    except OSError as error:
        # RACE: what gets a file meanwhile stays, though less of it: the system removes none.
        if error.errno in _KEPT:
            return False
        raise
    return True


def _is_vacant(parent: int, name: str, deeper: int) -> bool:
    with _opened(parent, name) as fd, os.scandir(fd) as listing:
        # What is mounted there is somebody's, however empty, and cannot be removed.
        return os.fstat(fd).st_dev == os.fstat(parent).st_dev and all(
            deeper > 0
            and each.is_dir(follow_symlinks=False)
            and _is_vacant(fd, each.name, deeper - 1)
            for each in listing
        )


def _remove(parent: int, name: str) -> None:
    with _opened(parent, name) as fd:
        with os.scandir(fd) as listing:
            below = [each.name for each in listing]
        for each in below:
            _remove(fd, each)
    os.rmdir(name, dir_fd=parent)


@contextmanager
def _opened(parent: int, name: str) -> Iterator[int]:
    fd = os.open(name, _FOLDER, dir_fd=parent)
    try:
        yield fd
    finally:
        os.close(fd)
