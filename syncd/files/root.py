"""A store's folder: who it is, and its directories, opened without following any symlink."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISLNK
from typing import Final, Self

from syncd.core.guard import RootState
from syncd.files import syscalls
from syncd.files.folder import Folder

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOT_HERE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.EPERM})


@dataclass(frozen=True, slots=True)
class Identity:
    """Which directory a root is, whatever its path says. Device numbers may change at a boot."""

    device: int
    inode: int


class Root:
    """A store's folder. Its configured path may itself lead through symlinks.

    No descriptor is kept: that would keep the file system from being unmounted, and the watcher
    from being told that the folder was removed.

    `exchanges` tells whether the file system swaps two names atomically: None until the first
    write has tried. Where it is False, a save in the instant of a write can be met only by a check
    right before it. `leases` tells in the same way whether programs that have a file open for
    writing are noticed. (`doctor` tries both by itself: it runs beside the daemon.)
    """

    def __init__(self, path: Path, identity: Identity, folders: type[Folder] = Folder) -> None:
        self.path = path
        self.identity = identity
        self.exchanges: bool | None = None
        self.leases: bool | None = None
        self._folders = folders

    @classmethod
    def open(
        cls, path: Path, known: Identity | None = None, folders: type[Folder] = Folder
    ) -> Self:
        """The folder that is at `path`; raises OSError where there is none.

        `known` is who the root was when it was last seen; None takes the one met now. `folders`
        is the class that touches the file system below the root.
        """
        found = path.stat()
        if not path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return cls(path, known or Identity(found.st_dev, found.st_ino), folders)

    def state(self) -> RootState:
        """Compares what the path leads to now with who the root is."""
        try:
            os.close(self._open_root())
        except PermissionError:
            return RootState.UNREADABLE
        except OSError as error:
            if error.errno != errno.ESTALE:
                return RootState.UNREADABLE
            return RootState.REPLACED if self.path.is_dir() else RootState.MISSING
        return RootState.PRESENT

    def folder(self, path: str = "", *, create: bool = False) -> Folder:
        """The directory at `path` (relative, POSIX, empty for the root), to be used in `with`.

        `create` makes the folders that are missing, durably. Raises OSError: ELOOP or ENOTDIR
        where a component is a symlink or a file, ESTALE where the root is gone or another one,
        so that FileNotFoundError always speaks of a folder inside it.
        """
        root = self._open_root()
        if not path:
            return self._folders(root)
        try:
            return self._folders(_descend(root, path, create=create))
        finally:
            os.close(root)

    def _open_root(self) -> int:
        try:
            fd = os.open(self.path, _DIRECTORY)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise OSError(errno.ESTALE, "the store's folder is gone", str(self.path)) from error
        found = os.fstat(fd)
        if Identity(found.st_dev, found.st_ino) != self.identity:
            os.close(fd)
            raise OSError(errno.ESTALE, "the store's folder is another one", str(self.path))
        return fd


def _descend(root: int, path: str, *, create: bool) -> int:
    if _HAS_OPEN_BENEATH:
        try:
            return syscalls.open_beneath(root, path, _DIRECTORY)
        except FileNotFoundError:
            if not create:
                raise
    return _descend_by_component(root, path, create=create)


def _descend_by_component(root: int, path: str, *, create: bool) -> int:
    # O_NOFOLLOW guards the last component only, so every one is opened on its own.
    fd = os.dup(root)
    for part in path.split("/"):
        try:
            if create:
                _make_folder(fd, part)
            below = _open_below(fd, part)
        finally:
            os.close(fd)
        fd = below
    return fd


def _open_below(fd: int, name: str) -> int:
    try:
        return os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
    except NotADirectoryError as error:
        # Linux says so of a symlink too, behind which everything may be: that is no deletion.
        if S_ISLNK(os.stat(name, dir_fd=fd, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), name) from error
        raise


def _make_folder(fd: int, name: str) -> None:
    try:
        os.mkdir(name, 0o777, dir_fd=fd)
    except FileExistsError:
        return
    os.fsync(fd)


def _probe_open_beneath() -> bool:
    here = os.open("/", _DIRECTORY)
    try:
        os.close(syscalls.open_beneath(here, ".", _DIRECTORY))
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    else:
        return True
    finally:
        os.close(here)


_HAS_OPEN_BENEATH: Final = _probe_open_beneath()
