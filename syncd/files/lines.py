"""One store's folder of files that only grow. Files are never written; they get a second name.

Every file that is followed is hard linked into the state folder, under its inode's number. So it
is found again whatever it is renamed to, what it holds is still sent when it is deleted, and no
other file can take its inode meanwhile. Where no link can be made (another file system, another
owner) a file is found by its last known path, and is lost when it is deleted before it was sent.
Does IO; calls block and come from worker threads, one at a time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from syncd.core.log import NOTHING, Cut, Extent, Gone, Parted
from syncd.core.model import Kind
from syncd.core.reading import Stat
from syncd.files.folder import stat_of
from syncd.files.root import Root
from syncd.files.scan import Scan, Seen, scan
from syncd.files.trouble import ROOT_GONE
from syncd.stores.layout import Layout, unsafe
from syncd.stores.lines import TAIL_BYTES, cut, line_of, tail_of

READ: Final = 1024 * 1024
"""Bytes read at once, and the text of one call."""

_WAS: Final = "was-"

_FOLLOW: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LinesFolder:
    """Finds, keeps and reads the files of one store."""

    def __init__(self, path: Path, kind: Kind, layout: Layout, kept: Path) -> None:
        self.kind = kind
        self._path = path
        self._layout = layout
        self._kept = kept
        self._paths: dict[int, str] = {}
        self.unkept = ""
        """Why some file has no second name, empty while all have one."""

    def identity(self) -> str | None:
        """The device and inode number of the folder, None while it is missing."""
        root = self._root()
        return None if root is None else f"{root.identity.device}:{root.identity.inode}"

    def scan(self) -> Seen:
        """Every file of the store, without reading it."""
        root = self._root()
        if root is None:
            return Seen(Scan(unread={"": ROOT_GONE}), None)
        found = scan(root, self._layout)
        self._paths |= {
            stat.inode: found.spelled.get(path, path) for path, stat in found.files.items()
        }
        walked = f"{root.identity.device}:{root.identity.inode}"
        return Seen(found, walked if not found.unread else None)

    def look(self, paths: Iterable[str]) -> dict[str, Stat]:
        """Those of `paths` at which a file is."""
        root, found = self._root(), dict[str, Stat]()
        for path in paths if root is not None else ():
            folder, _, name = path.rpartition("/")
            with suppress(OSError):
                if root is None or unsafe(path):
                    continue
                with root.folder(folder) as opened:
                    met = opened.stat(name)
                if met is not None and stat.S_ISREG(met.st_mode):
                    found[path] = stat_of(met)
                    self._paths[met.st_ino] = path
        return found

    def keep(self, path: str, inode: int) -> bool:
        """Give the file at `path` a second name; whether it is still that file, and has one."""
        root = self._root()
        if root is None or self._place(inode).exists():
            return root is not None
        folder, _, name = path.rpartition("/")
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            with root.folder(folder) as opened:
                os.link(name, self._place(inode), src_dir_fd=opened.fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            self.unkept = error.strerror or type(error).__name__
            return False
        # RACE: another file may have taken the name since it was looked at.
        if self._place(inode).lstat().st_ino == inode:
            return True
        self._place(inode).unlink()
        return False

    def release(self, inode: int) -> None:
        """Take the second name away again."""
        self._place(inode).unlink(missing_ok=True)
        self._paths.pop(inode, None)

    def renumbered(self) -> dict[int, int]:
        """Name second names that are files by themselves, as in a state folder that was copied, by
        the numbers that these have now; the numbers by those they had. Raises OSError.
        """
        kept = self._kept.iterdir() if self._kept.is_dir() else ()
        now: dict[int, int] = {}
        # All get a name between first: the number of one may be the name of another. What a crash
        # left with such a name comes before all.
        for each in sorted(kept, key=lambda each: not each.name.startswith(_WAS)):
            number = each.name.removeprefix(_WAS)
            inode = each.lstat().st_ino
            if number.isdigit() and each.name != str(inode) and int(number) not in now:
                each.rename(self._kept / (_WAS + number))
                now[int(number)] = inode
        for was, inode in now.items():
            if self._place(inode).exists():  # Copied with its other name, it is one file with it.
                continue
            (self._kept / f"{_WAS}{was}").rename(self._place(inode))
        return now

    def strays(self, inodes: Collection[int]) -> list[Stat]:
        """Files other than `inodes` that have a second name: a lost ledger followed them."""
        kept = self._kept.iterdir() if self._kept.is_dir() else ()
        return [met for met in (stat_of(each.lstat()) for each in kept) if met.inode not in inodes]

    def deleted_since(self, inode: int) -> float | None:
        """When a file that has no name left but ours was last written, in seconds since the epoch.

        None while it has another. A file that cannot be found at all was last written at 0.
        """
        try:
            with self._opened(inode) as fd:
                found = os.fstat(fd)
        except OSError:
            return 0.0
        own = self._place(inode).exists()
        return found.st_mtime if own and found.st_nlink == 1 else None

    def holds(self, inode: int, extent: Extent) -> bool:
        """Whether the file holds what a log of this extent holds, as far as a tail tells."""
        return self.holds_any(inode, {extent.length: {extent.tail}})

    def holds_any(self, inode: int, tails: Mapping[int, Collection[str]]) -> bool:
        """Whether the file holds what a log of one of these lengths does, with one of its tails."""
        try:
            with self._opened(inode) as fd:
                size = os.fstat(fd).st_size
                fitting = (length for length in tails if length <= size)
                return any(_tail(fd, length) in tails[length] for length in fitting)
        except OSError:
            return False

    def end(self, inode: int) -> Extent | None:
        """Where the file's last whole line ends; None where it cannot be read."""
        try:
            with self._opened(inode) as fd:
                return _end(fd)
        except OSError:
            return None

    def cut(self, inode: int, extent: Extent, most: int, text_bytes: int) -> Cut | Parted | Gone:
        """Whole lines behind `extent`, at most `most` with `text_bytes` bytes of text."""
        try:
            with self._opened(inode) as fd:
                return _cut(fd, extent, most, min(text_bytes, READ))
        except OSError:
            return Gone()

    @contextmanager
    def _opened(self, inode: int) -> Iterator[int]:
        """A descriptor of the file, by its second name or its last path. Raises OSError."""
        fd = self._open(inode)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open(self, inode: int) -> int:
        for opening in (self._open_kept, self._open_named):
            with suppress(OSError):
                fd = opening(inode)
                found = os.fstat(fd)
                if found.st_ino == inode and stat.S_ISREG(found.st_mode):
                    return fd
                os.close(fd)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(inode))

    def _open_kept(self, inode: int) -> int:
        return os.open(self._place(inode), _FOLLOW)

    def _open_named(self, inode: int) -> int:
        root = self._root()
        if root is None or inode not in self._paths:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(inode))
        folder, _, name = self._paths[inode].rpartition("/")
        with root.folder(folder) as opened:
            return opened.open(name)

    def _place(self, inode: int) -> Path:
        return self._kept / str(inode)

    def _root(self) -> Root | None:
        try:
            return Root.open(self._path)
        except OSError:
            return None


def _tail(fd: int, length: int) -> str:
    start = max(0, length - TAIL_BYTES)
    return tail_of(os.pread(fd, length - start, start))


def _end(fd: int) -> Extent:
    size = os.fstat(fd).st_size
    while size > 0:
        start = max(0, size - READ)
        found = os.pread(fd, size - start, start).rfind(b"\n")
        if found >= 0:
            length = start + found + 1
            first = max(0, length - TAIL_BYTES)
            return Extent(length, tail_of(os.pread(fd, length - first, first)))
        size = start
    return NOTHING


def _cut(fd: int, extent: Extent, most: int, text_bytes: int) -> Cut | Parted:
    start = max(0, extent.length - TAIL_BYTES)
    known = extent.length - start
    # One read for both, so that the bytes that were compared are the ones that lines follow.
    block = os.pread(fd, known + READ, start)
    before, fresh = block[:known], block[known:]
    if len(before) < known or tail_of(before) != extent.tail:
        return Parted()
    size = max(os.fstat(fd).st_size, extent.length + len(fresh))
    found = cut(before, fresh, extent.length, most, text_bytes)
    if found.extent.length == extent.length and len(fresh) == READ:
        return _cut_overlong(fd, extent, fresh, size)
    read_all = extent.length + len(fresh) == size
    return replace(found, size=size, more=found.more or not read_all)


def _cut_overlong(fd: int, extent: Extent, start: bytes, size: int) -> Cut:
    """The line behind `extent`, which is longer than what is read at once."""
    place = extent.length + READ
    while block := os.pread(fd, READ, place):
        found = block.find(b"\n")
        if found >= 0:
            end = place + found + 1
            after = Extent(end, tail_of(os.pread(fd, TAIL_BYTES, end - TAIL_BYTES)))
            line = line_of(start, first=extent.length == 0)
            return Cut((line,) if line is not None else (), after, size, end < size)
        place += len(block)
    return Cut((), extent, size, more=False)
