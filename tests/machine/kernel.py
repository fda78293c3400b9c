"""The system calls that `syncd.files` makes, answered by simulated disks.

`SystemCalls` stands in for the module `os` there, and `Place` for `pathlib.Path`: so the real
code runs, down to every single call, and each call is a point where something may happen.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from syncd.files import syscalls

from .disk import Disk, Inode, Status, error


@dataclass(eq=False)
class Opened:
    """An open descriptor."""

    mounted: Mounted
    inode: Inode
    position: int = 0
    leases: bool = False
    """Whether the inode is leased through it."""


@dataclass(eq=False)
class Mounted:
    """A disk in use by one daemon. `point` is called before every system call, and may raise."""

    disk: Disk
    point: Callable[[str, Inode | None, str], None]
    wrote: Callable[[str, Inode, str], None]
    """Told after a call that changed a name: what was called, in which folder, which name."""
    leases: bool
    exchanges: bool = True
    """Whether two names can be swapped in one step."""


class SystemCalls:
    """What is used of the module `os`; everything else is the real module's."""

    def __init__(self) -> None:
        self._opened: dict[int, Opened] = {}
        self._numbers = itertools.count(1000)
        self.flushes_files = True
        """Whether fsync of a file does anything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("O_") or name in {"SEEK_SET", "strerror", "fsencode", "fsdecode"}:
            return getattr(os, name)
        raise AttributeError(f"{name} is not simulated")

    def reset(self) -> None:
        """Forget every descriptor."""
        self._opened.clear()
        self._numbers = itertools.count(1000)

    def open(self, name: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        mounted, folder, last = self._locate(name, dir_fd)
        mounted.point("open", folder, last)
        disk = mounted.disk
        if flags & os.O_CREAT:
            inode = disk.create(folder, last, mode)
        else:
            inode = disk.entry(folder, last or ".")
            if flags & os.O_DIRECTORY and not inode.is_folder:
                raise error(errno.ENOTDIR, last)
            if not inode.readable:
                raise error(errno.EACCES, last)
        return self._descriptor(mounted, inode)

    def drop(self, mounted: Mounted) -> None:
        """The process that held these descriptors is gone."""
        for fd in [fd for fd, opened in self._opened.items() if opened.mounted is mounted]:
            self.close(fd)

    def close(self, fd: int) -> None:
        opened = self._opened.pop(fd)
        if opened.leases:
            opened.inode.leased = False
        opened.inode.opened -= 1
        opened.mounted.disk.forget(opened.inode)

    def dup(self, fd: int) -> int:
        opened = self._opened[fd]
        return self._descriptor(opened.mounted, opened.inode)

    def fstat(self, fd: int) -> Status:
        opened = self._at(fd, "fstat")
        return opened.mounted.disk.status(opened.inode)

    def stat(self, name: str, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Status:
        mounted, folder, last = self._locate(name, dir_fd)
        mounted.point("stat", folder, last)
        return mounted.disk.status(mounted.disk.entry(folder, last))

    def read(self, fd: int, size: int) -> bytes:
        opened = self._at(fd, "read")
        part = opened.inode.data[opened.position : opened.position + size]
        opened.position += len(part)
        return part

    def write(self, fd: int, body: Any) -> int:
        opened = self._at(fd, "write")
        opened.mounted.disk.store(opened.inode, opened.inode.data + bytes(body))
        return len(body)

    def fsync(self, fd: int) -> None:
        opened = self._at(fd, "fsync")
        if self.flushes_files or opened.inode.is_folder:
            opened.mounted.disk.flush(opened.inode)

    def start_writing(self, fd: int) -> None:
        """sync_file_range: makes nothing durable."""
        self._at(fd, "start")

    def fchmod(self, fd: int, mode: int) -> None:
        inode = self._at(fd, "fchmod").inode
        inode.mode = inode.mode & ~0o777 | mode

    def lseek(self, fd: int, position: int, _whence: int) -> int:
        self._opened[fd].position = position
        return position

    def utime(self, name: Any) -> None:
        mounted, folder, last = self._locate(name, None)
        mounted.disk.entry(folder, last).ctime = mounted.disk.stamp()

    def lease(self, fd: int) -> None:
        """A read lease: refused exactly while a program has the file open for writing."""
        opened = self._at(fd, "lease")
        if not opened.mounted.leases:
            raise error(errno.EACCES, "lease")
        if opened.inode.writers:
            raise error(errno.EAGAIN, "lease")
        opened.inode.leased = opened.leases = True

    def unlease(self, fd: int) -> None:
        opened = self._opened[fd]
        opened.inode.leased = opened.leases = False

    def listxattr(self, file: Any, *, follow_symlinks: bool) -> list[str]:
        """No file here has any."""
        return []

    def getxattr(self, file: Any, name: str, *, follow_symlinks: bool) -> bytes:
        """No file here has an access list."""
        raise error(errno.ENODATA, name)

    def fchown(self, fd: int, user: int, group: int) -> None:
        self._at(fd, "fchown")

    def unlink(self, name: Any, *, dir_fd: int | None = None) -> None:
        mounted, folder, last = self._locate(name, dir_fd)
        mounted.point("unlink", folder, last)
        mounted.disk.unlink(folder, last)
        mounted.wrote("unlink", folder, last)

    def rename(
        self, source: Any, target: Any, *, src_dir_fd: int | None = None,
        dst_dir_fd: int | None = None,
    ) -> None:  # fmt: skip
        mounted, folder, last = self._locate(source, src_dir_fd)
        there, into, other = self._locate(target, dst_dir_fd)
        mounted.point("rename", folder, last)
        if mounted.disk is not there.disk:
            raise error(errno.EXDEV, last)
        mounted.disk.rename(folder, last, into, other)
        mounted.wrote("rename", folder, last)
        mounted.wrote("rename", into, other)

    def link(
        self, source: str, target: str, *, src_dir_fd: int, dst_dir_fd: int, follow_symlinks: bool
    ) -> None:
        mounted, folder, last = self._locate(source, src_dir_fd)
        mounted.point("link", folder, last)
        mounted.disk.link(folder, last, target)
        mounted.wrote("link", folder, target)

    def mkdir(self, name: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        mounted, folder, last = self._locate(name, dir_fd)
        mounted.point("mkdir", folder, last)
        mounted.disk.make_folder(folder, last)

    def rmdir(self, name: Any, *, dir_fd: int | None = None) -> None:
        mounted, folder, last = self._locate(name, dir_fd)
        mounted.point("rmdir", folder, last)
        inode = mounted.disk.entry(folder, last)
        if not inode.is_folder:
            raise error(errno.ENOTDIR, last)
        if inode.names:
            raise error(errno.ENOTEMPTY, last)
        mounted.disk.unlink(folder, last)

    @contextmanager
    def scandir(self, fd: int) -> Iterator[Iterator[DirEntry]]:
        opened = self._at(fd, "scandir")
        entries = [DirEntry(name, inode, opened) for name, inode in opened.inode.names.items()]
        yield iter(entries)

    def rename2(self, fd: int, source: str, target: str, flag: int) -> None:
        """renameat2 inside one folder."""
        opened = self._opened[fd]
        mounted, folder = opened.mounted, opened.inode
        mounted.point("exchange" if flag == syscalls.EXCHANGE else "rename", folder, target)
        if flag == syscalls.EXCHANGE and not mounted.exchanges:
            raise error(errno.EINVAL, target)
        if flag == syscalls.EXCHANGE:
            mounted.disk.exchange(folder, source, target)
            mounted.wrote("exchange", folder, source)
            mounted.wrote("exchange", folder, target)
        elif target in folder.names and source in folder.names:
            raise error(errno.EEXIST, target)
        else:
            mounted.disk.rename(folder, source, folder, target)
            mounted.wrote("rename", folder, source)
            mounted.wrote("rename", folder, target)

    def open_beneath(self, fd: int, path: str, flags: int) -> int:
        """openat2 below a folder."""
        opened = self._at(fd, "open")
        inode = opened.inode
        for part in path.split("/"):
            inode = opened.mounted.disk.entry(inode, part)
        if not inode.is_folder:
            raise error(errno.ENOTDIR, path)
        if not inode.readable:
            raise error(errno.EACCES, path)
        return self._descriptor(opened.mounted, inode)

    def _at(self, fd: int, call: str) -> Opened:
        opened = self._opened[fd]
        opened.mounted.point(call, opened.inode, "")
        return opened

    def _locate(self, name: Any, dir_fd: int | None) -> tuple[Mounted, Inode, str]:
        if isinstance(name, Place):
            parent, _, last = name.path.rpartition("/")
            return name.mounted, name.mounted.disk.find(parent), last
        if dir_fd is None:
            raise AssertionError(f"{name!r} is opened outside the simulated disks")
        opened = self._opened[dir_fd]
        return opened.mounted, opened.inode, str(name)

    def _descriptor(self, mounted: Mounted, inode: Inode) -> int:
        inode.opened += 1
        fd = next(self._numbers)
        self._opened[fd] = Opened(mounted, inode)
        return fd


class DirEntry:
    """What scandir yields."""

    def __init__(self, name: str, inode: Inode, opened: Opened) -> None:
        self.name = name
        self._inode = inode
        self._opened = opened

    def is_file(self, *, follow_symlinks: bool) -> bool:
        return not self._inode.is_folder

    def is_dir(self, *, follow_symlinks: bool) -> bool:
        return self._inode.is_folder

    def stat(self, *, follow_symlinks: bool) -> Status:
        mounted, folder = self._opened.mounted, self._opened.inode
        mounted.point("stat", folder, self.name)
        return mounted.disk.status(mounted.disk.entry(folder, self.name))


class Place:
    """A path on a simulated disk."""

    def __init__(self, calls: SystemCalls, mounted: Mounted, path: str) -> None:
        self.mounted = mounted
        self.path = path
        self._calls = calls

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> Place:
        return Place(self._calls, self.mounted, self.path.rpartition("/")[0])

    def with_name(self, name: str) -> Place:
        return self.parent / name

    def __truediv__(self, name: str) -> Place:
        return Place(self._calls, self.mounted, f"{self.path}/{name}")

    def __hash__(self) -> int:
        return hash(self.path)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self.path == other.path

    def __str__(self) -> str:
        return self.path

    def stat(self) -> Status:
        return self.mounted.disk.status(self.mounted.disk.find(self.path))

    def exists(self) -> bool:
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        return self.exists() and self.mounted.disk.find(self.path).is_folder

    def mkdir(self, mode: int = 0o777, *, parents: bool = False, exist_ok: bool = False) -> None:
        if parents and not self.parent.exists():
            self.parent.mkdir(mode, parents=True, exist_ok=True)
        try:
            self._calls.mkdir(self, mode)
        except FileExistsError:
            if not exist_ok:
                raise

    def rename(self, target: Place) -> None:
        self._calls.rename(self, target)

    def unlink(self, *, missing_ok: bool = False) -> None:
        try:
            self._calls.unlink(self)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def read_bytes(self) -> bytes:
        return self.mounted.disk.find(self.path).data
