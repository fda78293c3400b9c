"""Payloads on their way from the deployment to their files: received, verified, then handed on.

A payload is received into one file of the state folder, as it comes. Only what is whole, durable
and has the right digest gets its name there; it is copied, or moves, beside the file it is for.
What lost a conflict moves into history instead.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from syncd.core.model import Content, Digest
from syncd.files.folder import NEW_FILE, copy_all, digest_of, write_all
from syncd.files.history import History, shelf
from syncd.files.likeness import Likeness

_PART: Final = ".part"
_READ: Final = os.O_RDONLY | os.O_CLOEXEC
SPARE: Final = 64 * 1024 * 1024
"""Bytes of the disk that a payload must leave to smaller files."""


class Damaged(ValueError):
    """The bytes are not those of the digest."""


class Arrival:
    """One payload being received; nothing of it stays unless it was finished."""

    def __init__(self, payloads: Payloads, content: Content, path: Path) -> None:
        self._payloads = payloads
        self._content = content
        self._path = path
        self._digest = hashlib.sha256()
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, NEW_FILE)
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        os.close(self._fd)
        self._path.unlink(missing_ok=True)

    def write(self, part: bytes) -> None:
        """Add `part`. Raises OSError, and Damaged once there are more bytes than there may be."""
        self.size += len(part)
        if self.size > self._content.size:
            raise Damaged(f"more than {self._content.size:,} bytes")
        self._digest.update(part)
        write_all(self._fd, part)

    def finish(self) -> None:
        """Give it its name, durably. Raises OSError, and Damaged where it is not right."""
        if self._digest.hexdigest() != self._content.digest:
            raise Damaged(f"{self.size:,} bytes with another digest")
        os.fsync(self._fd)
        self._payloads.take(self._path, self._content.digest)


class Payloads:
    """`<folder>/<digest>` is a payload, `<digest>.part` one that is being received.

    Safe to share between threads, as long as one digest is received once at a time.
    """

    def __init__(self, folder: Path, history: History) -> None:
        self.history = history
        self._folder = folder
        self._verified: set[Digest] = set()

    def has(self, digest: Digest) -> bool:
        """Whether the bytes of `digest` are here, or in history; open verifies them."""
        return self._path(digest).exists() or self.history.has(digest)

    def receive(self, content: Content) -> Arrival:
        """Begin to receive `content`. Raises OSError; ENOSPC before the disk is quite full."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        disk = os.statvfs(self._folder)
        if disk.f_bavail * disk.f_frsize < content.size + SPARE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._folder))
        path = self._path(content.digest)
        return Arrival(self, content, path.with_name(path.name + _PART))

    def take(self, path: Path, digest: Digest) -> None:
        """Give a verified, durable file of the same folder its name."""
        path.rename(self._path(digest))
        self._sync()
        self._verified.add(digest)

    def copy(self, digest: Digest, target: int) -> None:
        """Write the bytes of `digest` to the new file `target`, open for reading too.

        Raises FileNotFoundError where they are not here, and Damaged where they are not right.
        """
        for path in (self._path(digest), shelf(self.history.folder, digest)):
            try:
                source = os.open(path, _READ)
            except FileNotFoundError:
                continue
            try:
                copy_all(source, target)
            finally:
                os.close(source)
            os.lseek(target, 0, os.SEEK_SET)
            if digest_of(target) == digest:
                return
            raise Damaged(str(path))
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), digest)

    def move(self, digest: Digest, folder: int, name: str, over: str) -> bool:
        """Make the payload the file `name` of an open folder, and like the file `over` there, where
        that is one; False where it cannot move.
        """
        if digest not in self._verified:
            return False
        try:
            # Before: the folder is open to others.
            self._dress(digest, Likeness.of(folder, over))
            os.rename(self._path(digest), name, dst_dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EXDEV):
                return False
            raise
        self._verified.discard(digest)
        return True

    def _dress(self, digest: Digest, like: Likeness | None) -> None:
        if like is None:
            return
        fd = os.open(self._path(digest), _READ)
        try:
            like.give(fd)
        finally:
            os.close(fd)

    def shelve(self, digest: Digest) -> None:
        """Move the payload into history, durably; nothing where it is there already."""
        if self.history.has(digest) or not self._path(digest).exists():
            return
        fd = os.open(self._path(digest), _READ)
        try:
            self.history.take_in(fd)
        finally:
            os.close(fd)
        self.history.sync()
        self.drop(digest)

    def drop(self, digest: Digest) -> None:
        """Forget a payload that nothing waits for."""
        self._path(digest).unlink(missing_ok=True)
        self._verified.discard(digest)

    def clear(self) -> None:
        """Remove what a crash left half received, or half copied."""
        for part in self._folder.glob("*" + _PART):
            part.unlink(missing_ok=True)
        self.history.clear_arrivals(time.time_ns())

    def waiting(self) -> set[Digest]:
        """The payloads that are here."""
        names = (path.name for path in self._folder.glob("*") if path.suffix != _PART)
        return {Digest(name) for name in names}

    def _path(self, digest: Digest) -> Path:
        return self._folder / digest

    def _sync(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
