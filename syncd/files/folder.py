"""One open directory of a store: the only place where files are opened, made and renamed.

Names are single path components, taken relative to the descriptor: whatever happens to the
path that led here, nothing outside this directory is touched.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from syncd.core.model import Digest
from syncd.core.reading import Stat, storable
from syncd.files import syscalls
from syncd.files.likeness import Likeness

NOT_HERE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
"""What a rename with a flag answers where kernel or file system do not have it."""

NEW_FILE: Final = 0o664
"""Less what the umask takes: whom a person lets write beside them may write this too."""

_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK: Final = 1 << 18
_COPY: Final = 1 << 30
_NO_COPY: Final = NOT_HERE | {errno.EXDEV, errno.EBADF, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Look:
    """What lies under a name. `digest` is None for what is no regular, readable file."""

    inode: int
    digest: Digest | None


class OpenForWriting(Exception):
    """A program has the file open for writing."""


class Folder:
    """An open directory. Errors are OSError. Closes its descriptor at the end of `with`."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        os.close(self.fd)

    def stat(self, name: str) -> os.stat_result | None:
        """The stat of `name` itself (links are not followed), or None where nothing is."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def open(self, name: str) -> int:
        """A descriptor for reading. Never follows a link and never waits for a pipe."""
        return os.open(name, _READ, dir_fd=self.fd)

    def look(self, name: str) -> Look | None:
        """Inode and digest of `name`, or None where nothing is."""
        found = self.stat(name)
        if found is None:
            return None
        if not stat.S_ISREG(found.st_mode):
            return Look(found.st_ino, None)
        try:
            fd = self.open(name)
        except FileNotFoundError:
            return None
        except OSError:
            # A file that we may rename but not read: no digest, so it is never the expected one.
            return Look(found.st_ino, None)
        try:
            return Look(os.fstat(fd).st_ino, digest_of(fd))
        finally:
            os.close(fd)

    def create(self, name: str, body: bytes, over: str) -> int:
        """A descriptor of a new file holding `body`, and like the file `over`, where that is one.
        It is durable only once `make_durable` was called.

        Raises OSError with the file removed again: nothing half done stays.
        """
        fd = self._new(name, _CREATE, over)
        try:
            write_all(fd, body)
        except OSError:
            self._take_back(name, fd)
            raise
        return fd

    def make(self, name: str, over: str) -> int:
        """The same for reading and writing, of a file that is empty."""
        return self._new(name, _CREATE & ~os.O_WRONLY | os.O_RDWR, over)

    def _new(self, name: str, flags: int, over: str) -> int:
        like = Likeness.of(self.fd, over)
        # RACE: never wider than the file it will stand for, not even before fchmod.
        fd = os.open(name, flags, NEW_FILE if like is None else 0o600, dir_fd=self.fd)
        try:
            if like is not None:
                like.give(fd)
        except OSError:
            self._take_back(name, fd)
            raise
        return fd

    def _take_back(self, name: str, fd: int) -> None:
        os.close(fd)
        os.unlink(name, dir_fd=self.fd)

    def dress(self, name: str, over: str) -> None:
        """Make the file `name` like the file `over`, where that is one."""
        if (like := Likeness.of(self.fd, over)) is None:
            return
        fd = self.open(name)
        try:
            like.give(fd)
        finally:
            os.close(fd)

    def exchange(self, one: str, other: str) -> None:
        """Swaps two names in one step. An errno of NOT_HERE means it cannot be done here."""
        syscalls.rename(self.fd, one, other, syscalls.EXCHANGE)

    def move(self, source: str, target: str) -> None:
        """Renames to a name that must be free, else FileExistsError and nothing is changed."""
        try:
            syscalls.rename(self.fd, source, target, syscalls.NO_REPLACE)
        except OSError as error:
            if error.errno not in NOT_HERE:
                raise
            # NFS and the like: a hard link fails on an existing name just as atomically.
            os.link(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=False)
            os.unlink(source, dir_fd=self.fd)

    def replace(self, source: str, target: str) -> None:
        """The plain rename, which drops what `target` was: for a free name, or without exchange."""
        os.rename(source, target, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def remove(self, name: str) -> None:
        """Unlinks `name`: only ever a second name of bytes that stay reachable."""
        os.unlink(name, dir_fd=self.fd)

    def lease(self, fd: int) -> None:
        """A read lease on an open file; BlockingIOError while it is open for writing."""
        syscalls.lease(fd)

    def sync(self) -> None:
        """Makes the directory's names durable."""
        os.fsync(self.fd)


def make_durable(folder: Folder, name: str, fd: int) -> int:
    """Make a file that was just created durable, and close it; its inode.

    Raises OSError with the file removed again.
    """
    try:
        os.fsync(fd)
        return os.fstat(fd).st_ino
    except OSError:
        folder.remove(name)
        raise
    finally:
        os.close(fd)


def stat_of(found: os.stat_result) -> Stat:
    """The part of a stat by which a change of the file is noticed."""
    modified, changed = storable(found.st_mtime_ns), storable(found.st_ctime_ns)
    return Stat(found.st_size, modified, changed, found.st_ino)


def digest_of(fd: int) -> Digest:
    """SHA-256 of what is read from the descriptor to its end."""
    digest = hashlib.sha256()
    # Buffers as large as the file: a large one for a small file costs more than the read.
    size = min(os.fstat(fd).st_size + 1, _CHUNK)
    while chunk := os.read(fd, size):
        digest.update(chunk)
    return Digest(digest.hexdigest())


def write_all(fd: int, body: bytes) -> None:
    """Writes the whole of `body`: one write may take less."""
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(fd, rest) :]


def copy_all(source: int, target: int) -> None:
    """Appends what is read from `source` to `target`, sharing its blocks where that can be."""
    try:
        while os.copy_file_range(source, target, _COPY):
            pass
    except OSError as error:
        if error.errno not in _NO_COPY:
            raise
        while chunk := os.read(source, _CHUNK):
            write_all(target, chunk)
