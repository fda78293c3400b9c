"""Bytes that were replaced or removed, kept by digest. Nothing here is ever overwritten."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import threading
from pathlib import Path
from typing import Final

from syncd.core.model import Digest
from syncd.files.folder import Folder, copy_all, digest_of, write_all

_ARRIVING: Final = "arriving-"
_DIGEST_LENGTH: Final = 64
_LARGE: Final = 2 * 1024 * 1024
"""Bytes from which a file is copied in parts."""


class NotInHistory(KeyError):
    """The digest is not kept here, or what is kept under it was changed since."""


class History:
    """`<folder>/<first 2 hex digits>/<digest>`; folders are 0700, files keep their modes.

    Safe to share between threads. What keep and put have moved in is durable after sync.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._touched: set[Path] = set()
        self._undurable: set[Digest] = set()
        self._lent: set[Digest] = set()
        """What was kept for a while only, by one."""
        self._lock = threading.Lock()

    def keep(self, folder: Folder, name: str, digest: Digest) -> None:
        """Moves the file `name`, whose bytes have `digest`, in here.

        The inode itself moves, so a program that still writes to it writes to history; only
        where it cannot (another file system, or a name elsewhere too) its bytes are copied.
        """
        target = self._place(digest)
        linked = folder.stat(name)
        if linked is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        alone = linked.st_nlink == 1 and not target.exists()
        if not (alone and self._moved(folder, name, target)):
            self.copy(folder, name)
            folder.remove(name)

    def settle(self, folder: Folder, name: str, digest: Digest) -> None:
        """Moves the file `name`, whose bytes have `digest`, in here, over a copy not durable."""
        target = self._place(digest)
        if not self._moved(folder, name, target):
            self.copy(folder, name)
            folder.remove(name)
        self._undurable.discard(digest)

    def copy(
        self, folder: Folder, name: str, *, durable: bool = True, lent: bool = False
    ) -> Digest:
        """Keeps a copy of the file `name`, durable with its name; the digest of what was copied.

        Not `durable` is for what is durable elsewhere until settle, `lent` for what is to be
        dropped unless it is kept for another reason.
        """
        fd = folder.open(name)
        try:
            digest = self.take_in(fd, durable=durable, lent=lent)
        finally:
            os.close(fd)
        if durable:  # What is copied goes then: of two file systems either may be flushed first.
            self.sync()
        return digest

    def take_in(self, fd: int, *, durable: bool = True, lent: bool = False) -> Digest:
        """Keeps a copy of what is read from `fd`, from where it is on; its digest."""
        size = os.fstat(fd).st_size + 1
        if size > _LARGE:
            return self._take_in_parts(fd, durable=durable, lent=lent)
        parts: list[bytes] = []
        while part := os.read(fd, size):
            parts.append(part)
        return self.put(b"".join(parts), durable=durable, lent=lent)

    def put(self, body: bytes, *, durable: bool = True, lent: bool = False) -> Digest:
        """Keeps `body`."""
        digest = Digest(hashlib.sha256(body).hexdigest())
        target = self._place(digest, lent=lent)
        if target.exists():
            if durable:
                self._make_durable(digest)
            return digest
        arriving = target.with_name(_ARRIVING + secrets.token_hex(8))
        fd = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, body)
            self._land(fd, arriving, target, durable=durable)
        except OSError:
            arriving.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        return digest

    def get(self, digest: Digest) -> bytes:
        """The bytes of `digest`, verified. Raises NotInHistory."""
        try:
            body = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise NotInHistory(digest) from None
        if hashlib.sha256(body).hexdigest() != digest:
            raise NotInHistory(digest)
        return body

    def has(self, digest: Digest) -> bool:
        """Whether something is kept under `digest`; get also verifies it."""
        return self._path(digest).exists()

    def size(self, digest: Digest) -> int | None:
        """How many bytes are kept under `digest`, None for nothing."""
        try:
            return self._path(digest).stat().st_size
        except FileNotFoundError:
            return None

    def sizes(self) -> dict[Digest, int]:
        """Everything that is kept, with its size in bytes."""
        found: dict[Digest, int] = {}
        for kept in self.folder.glob("[0-9a-f][0-9a-f]/*"):
            # RACE: it may be dropped, or arrive under its name, meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if len(kept.name) == _DIGEST_LENGTH:
                    found[Digest(kept.name)] = kept.stat().st_size
        return found

    def drop(self, digest: Digest, before_ns: int | None = None) -> bool:
        """Forgets the bytes of `digest`, unless they were kept, or kept anew, since `before_ns`.

        `before_ns` is compared with the change time, which every keep renews. Only for bytes
        that nothing refers to any more. Without it, those that were lent and never kept otherwise.
        """
        target = self._path(digest)
        # RACE: under the lock that _place takes, so that what is kept anew right now is spared.
        with self._lock:
            if before_ns is None and digest not in self._lent:
                return False
            try:
                if before_ns is not None and target.stat().st_ctime_ns >= before_ns:
                    return False
                target.unlink()
            except FileNotFoundError:
                return False
            self._lent.discard(digest)
            self._undurable.discard(digest)
        return True

    def clear_arrivals(self, before_ns: int) -> int:
        """Removes what crashes before `before_ns` left of bytes on their way in; how many went.

        Nobody was told that they are kept.
        """
        gone = 0
        for where in ("", "[0-9a-f][0-9a-f]/"):
            for path in self.folder.glob(f"{where}{_ARRIVING}*"):
                # RACE: it may arrive meanwhile.
                with contextlib.suppress(FileNotFoundError):
                    if path.stat().st_ctime_ns < before_ns:
                        path.unlink()
                        gone += 1
        return gone

    def sync(self) -> None:
        """Makes everything kept so far durable, with one fsync a folder."""
        # RACE: held through the fsyncs, so that who finds nothing to do knows that it is done.
        with self._lock:
            for touched in self._touched:
                fd = os.open(touched, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)
            self._touched.clear()

    def _path(self, digest: Digest) -> Path:
        return shelf(self.folder, digest)

    def _take_in_parts(self, fd: int, *, durable: bool, lent: bool) -> Digest:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        arriving = self.folder / (_ARRIVING + secrets.token_hex(8))
        copy = os.open(arriving, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_all(fd, copy)
            os.lseek(copy, 0, os.SEEK_SET)
            digest = digest_of(copy)
            target = self._place(digest, lent=lent)
            if not target.exists():
                self._land(copy, arriving, target, durable=durable)
            else:
                arriving.unlink()
                if durable:
                    self._make_durable(digest)
        except OSError:
            arriving.unlink(missing_ok=True)
            raise
        finally:
            os.close(copy)
        return digest

    def _land(self, fd: int, arriving: Path, target: Path, *, durable: bool) -> None:
        """Give what arrived its name: durable, but for the name, or remembered as not."""
        if durable:
            os.fsync(fd)
        else:
            self._undurable.add(Digest(target.name))
        arriving.rename(target)
        if durable:
            self._touch(target)

    def _make_durable(self, digest: Digest) -> None:
        # Two files had the same bytes, and only the other one is kept elsewhere.
        self._touch(self._path(digest))
        if digest not in self._undurable:
            return
        fd = os.open(self._path(digest), os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        self._undurable.discard(digest)

    def _moved(self, folder: Folder, name: str, target: Path) -> bool:
        try:
            os.rename(name, target, src_dir_fd=folder.fd)
        except OSError as error:
            if error.errno == errno.EXDEV:
                return False
            raise
        self._touch(target)
        return True

    def _touch(self, target: Path) -> None:
        # RACE: once the name is there. A sync of another thread's before that would forget it.
        with self._lock:
            self._touched.add(target.parent)

    def _place(self, digest: Digest, *, lent: bool = False) -> Path:
        """Where `digest` goes, with a folder made for it and what lies there now verified."""
        target = self._path(digest)
        with self._lock:
            if not target.parent.exists():
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                target.parent.mkdir(mode=0o700, exist_ok=True)
                self._touched.add(self.folder)
            _set_right(target)
            if not lent:
                self._lent.discard(digest)
            elif not target.exists():
                self._lent.add(digest)
            with contextlib.suppress(FileNotFoundError):
                os.utime(target)  # Kept anew: drop goes by the change time.
        return target


def secure(history: History, body: bytes) -> Digest:
    """Keeps bytes that nothing else holds, durable with their name."""
    digest = history.put(body)
    history.sync()
    return digest


def shelf(folder: Path, digest: Digest) -> Path:
    """Where in the history folder the bytes of `digest` lie, if they are kept."""
    return folder / digest[:2] / digest


def _set_right(target: Path) -> None:
    # A program that still had a kept inode open may have written to it: those bytes are an edit
    # and get the name that is theirs, before the wrong name is given to anything else.
    try:
        fd = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        actual = digest_of(fd)
    finally:
        os.close(fd)
    if actual != target.name:
        place = target.parent.parent / actual[:2]
        place.mkdir(mode=0o700, exist_ok=True)
        target.rename(place / actual)
