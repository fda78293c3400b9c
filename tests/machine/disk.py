"""One machine's disk: inodes, folders, a coarse clock, and what a power cut leaves of it."""

from __future__ import annotations

import errno
import os
import random
import stat
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

TICK = 4_000_000
"""Nanoseconds between two values of the clock that stamps files."""


class Status(NamedTuple):
    """What fstat answers."""

    st_ino: int
    st_dev: int
    st_mode: int
    st_nlink: int
    st_size: int
    st_mtime_ns: int
    st_ctime_ns: int
    st_uid: int = 1000
    st_gid: int = 1000

    @property
    def st_mtime(self) -> float:
        return self.st_mtime_ns / 1e9


@dataclass(eq=False)
class Inode:
    """A file or a folder. `kept` is what a power cut leaves of the data; None: all of it."""

    number: int
    mode: int
    mtime: int = 0
    ctime: int = 0
    links: int = 1
    opened: int = 0
    data: bytes = b""
    kept: bytes | None = None
    names: dict[str, Inode] = field(default_factory=dict)
    readable: bool = True
    writers: int = 0
    """Programs that have it open for writing."""
    leased: bool = False
    """Whether who opens it for writing has to wait."""
    dropped: bool = False
    """Whether a flush of it failed: the system takes what it did not write for written."""

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.mode)


def error(number: int, name: str) -> OSError:
    return OSError(number, os.strerror(number), name)


class Disk:
    """A tree of inodes. Everything here happens at once and is seen by everybody."""

    def __init__(self, device: int, rng: random.Random, clock: Callable[[], int]) -> None:
        self.device = device
        self._rng = rng
        self._clock = clock
        self._next = 100
        self._free: list[int] = []
        self._journal: list[tuple[frozenset[int], Callable[[], None]]] = []
        self.root = self._make(stat.S_IFDIR | 0o755)
        self.changed: Callable[[Inode, str, bool], None] = lambda folder, name, settled: None
        """Told of every change of a name or of a named file's bytes."""
        self.folder_changed: Callable[[Inode, str], None] = lambda folder, name: None
        """Told of every name that a folder got or lost."""

    def become(self, other: Disk) -> None:
        """Hold the same as `other` does, under the same inode numbers."""
        self.root = _copied(other.root)
        self._next, self._free = other._next, list(other._free)

    def find(self, path: str) -> Inode:
        """The inode at an absolute path. Raises OSError."""
        at = self.root
        for part in path.split("/"):
            if part:
                at = self.entry(at, part)
        return at

    def entry(self, folder: Inode, name: str) -> Inode:
        """What `name` is in `folder`. Raises OSError."""
        if not folder.is_folder:
            raise error(errno.ENOTDIR, name)
        if name == ".":
            return folder
        found = folder.names.get(name)
        if found is None:
            raise error(errno.ENOENT, name)
        return found

    def status(self, inode: Inode) -> Status:
        return Status(inode.number, self.device, inode.mode, inode.links, len(inode.data),
                      inode.mtime, inode.ctime)  # fmt: skip

    def create(self, folder: Inode, name: str, mode: int) -> Inode:
        """A new empty file. Raises FileExistsError."""
        if name in folder.names:
            raise error(errno.EEXIST, name)
        inode = self._make(stat.S_IFREG | (mode & 0o777))
        self._set(folder, name, inode, (folder,))
        return inode

    def make_folder(self, folder: Inode, name: str) -> Inode:
        """A new folder. Raises FileExistsError."""
        if name in folder.names:
            raise error(errno.EEXIST, name)
        inode = self._make(stat.S_IFDIR | 0o755)
        self._set(folder, name, inode, (folder,))
        return inode

    def store(self, inode: Inode, data: bytes) -> None:
        """The file's bytes are `data` now; durable only once they are flushed."""
        if inode.kept is None:
            inode.kept = inode.data
        inode.data = data
        inode.dropped = False
        inode.mtime = inode.ctime = self.stamp()

    def rename(self, folder: Inode, name: str, target: Inode, other: str) -> None:
        """Plain rename: what `other` was loses its name."""
        moved = self.entry(folder, name)
        if target.names.get(other) is moved:
            return
        former = target.names.get(other)
        self._set(target, other, moved, (folder, target))
        self._set(folder, name, None, (folder, target))
        self._join_last_two()
        moved.ctime = self.stamp()
        if former is not None:
            former.links -= 1
            self.forget(former)

    def exchange(self, folder: Inode, one: str, other: str) -> None:
        """Both names swap what they are, in one step."""
        first, second = self.entry(folder, one), self.entry(folder, other)
        self._set(folder, one, second, (folder,))
        self._set(folder, other, first, (folder,))
        self._join_last_two()
        first.ctime = second.ctime = self.stamp()

    def link(self, folder: Inode, name: str, other: str) -> None:
        """A second name of the same file."""
        if other in folder.names:
            raise error(errno.EEXIST, other)
        inode = self.entry(folder, name)
        inode.links += 1
        self._set(folder, other, inode, (folder,))

    def unlink(self, folder: Inode, name: str) -> None:
        """The name goes; the bytes go with the last name and the last descriptor."""
        inode = self.entry(folder, name)
        self._set(folder, name, None, (folder,))
        inode.links -= 1
        self.forget(inode)

    def forget(self, inode: Inode) -> None:
        """Let the number of an inode without names and descriptors be used again."""
        if inode.links == 0 and inode.opened == 0 and inode.number not in self._free:
            self._free.append(inode.number)

    def flush(self, inode: Inode) -> None:
        """fsync: a file's bytes, or a folder's names, and every change of names before them."""
        if not inode.dropped:
            inode.kept = None
        if inode.is_folder:
            last = max((i for i, (folders, _) in enumerate(self._journal)
                        if inode.number in folders), default=-1)  # fmt: skip
            del self._journal[: last + 1]

    def flush_all(self) -> None:
        """Everything is durable."""
        self._journal.clear()
        for inode in self.files():
            if not inode.dropped:
                inode.kept = None

    def files(self) -> list[Inode]:
        """Every file that has a name."""
        found: list[Inode] = []
        folders = [self.root]
        while folders:
            for inode in folders.pop().names.values():
                (folders if inode.is_folder else found).append(inode)
        return found

    def cut_power(self) -> None:
        """What was not flushed is gone, all or part of it: names from the last one backwards."""
        for inode in self.files():
            if inode.kept is not None:
                partly = inode.data[: self._rng.randrange(len(inode.data) + 1)]
                inode.data = self._rng.choice([inode.kept, b"", partly, inode.data])
                inode.kept, inode.dropped = None, False
        for _ in range(self._rng.randrange(len(self._journal) + 1)):
            _, undo = self._journal.pop()
            undo()
        self._journal.clear()

    def stamp(self) -> int:
        now = self._clock()
        return now - now % TICK

    def _make(self, mode: int) -> Inode:
        if self._free and self._rng.random() < 0.7:
            number = self._free.pop()
        else:
            self._next += 1
            number = self._next
        now = self.stamp()
        return Inode(number, mode, now, now)

    def _set(
        self, folder: Inode, name: str, inode: Inode | None, touched: tuple[Inode, ...]
    ) -> None:
        former = folder.names.get(name)
        _assign(folder, name, inode)
        folder.mtime = folder.ctime = self.stamp()
        self._journal.append(
            (frozenset(each.number for each in touched), lambda: _assign(folder, name, former))
        )
        if any(each is not None and each.is_folder for each in (former, inode)):
            self.folder_changed(folder, name)
        else:
            self.changed(folder, name, True)

    def _join_last_two(self) -> None:
        # A rename is one entry of a file system's journal: all of it survives or nothing.
        touched, second = self._journal.pop()
        more, first = self._journal.pop()

        def undo() -> None:
            second()
            first()

        self._journal.append((touched | more, undo))


def _copied(inode: Inode) -> Inode:
    names = {name: _copied(each) for name, each in inode.names.items()}
    return replace(inode, names=names, opened=0, kept=None, writers=0, leased=False,
                   dropped=False)  # fmt: skip


def _assign(folder: Inode, name: str, inode: Inode | None) -> None:
    if inode is None:
        folder.names.pop(name, None)
    else:
        folder.names[name] = inode
