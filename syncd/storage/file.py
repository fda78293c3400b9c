"""One file of a store, read whole and replaced in one step. Does IO; calls block.

A replacement is made from the bytes that it replaces, looked at once more, and the two are swapped:
what came out and is not what was read is another program's save, from which the replacement is made
once more. So no edit is lost between programs that use this, and none of others but those that are
written in the same instant as a third.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Final, TypeVar

from syncd.core.reading import Stat
from syncd.errors import RecordError
from syncd.files.folder import NOT_HERE, Folder, OpenForWriting, make_durable, stat_of
from syncd.files.lease import leased
from syncd.files.root import Root
from syncd.files.trouble import not_a_file
from syncd.storage.root import NotAFile, troubles
from syncd.stores.layout import SAVE_PREFIX

PATIENCE: Final = 2.0
"""Seconds that another program's write may take before a call gives up."""

_PAUSE: Final = 0.01

_SEEN: Final = 100
"""Bytes of a file's name that the names of its saves have: some file systems take 143 in all."""

T = TypeVar("T")

Make = Callable[[bytes | None], bytes]
"""Given the bytes of a file, None where it does not exist, those it shall have."""


class HalfWritten(RecordError):
    """The file holds nothing whole in this moment: a program may be writing it."""


def patiently(act: Callable[[], T]) -> T:
    """What `act` answers, once a program that writes the file is through. Raises what `act` does,
    HalfWritten after PATIENCE.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return act()
        except HalfWritten:
            if time.monotonic() > until:
                raise
        time.sleep(_PAUSE)


def body_of(root: Root, path: str) -> tuple[bytes, Stat] | None:
    """The file's bytes, none of them half written, and its stat; None where it does not exist."""
    with troubles(path, "it was not read"):
        try:
            with root.folder(path.rpartition("/")[0]) as folder:
                return _read(folder, path.rpartition("/")[2])
        except FileNotFoundError:
            return None


def change(root: Root, path: str, make: Make) -> bytes:
    """Replace the file by what `make` makes of it, durably; the bytes it has now.

    `make` may be called more than once. Where it answers what the file holds nothing is written.
    Mode and owner are kept, folders are made. Raises RecordError with the file as it was.
    """
    parent, _, name = path.rpartition("/")
    with (
        troubles(path, "nothing was written"),
        root.folder(parent, create=True) as folder,
    ):
        until = time.monotonic() + PATIENCE
        while True:
            careful = time.monotonic() < until
            with ExitStack() as locks:
                _lock(folder, name, locks)
                body = _changed(root, folder, name, make, locks, careful=careful)
            if body is not None:
                return body


def remove(root: Root, path: str) -> bool:
    """Remove the file, durably; whether there was one."""
    with troubles(path, "it was not removed"):
        try:
            with root.folder(path.rpartition("/")[0]) as folder:
                folder.remove(path.rpartition("/")[2])
                folder.sync()
        except FileNotFoundError:
            return False
        return True


@contextmanager
def alone(fd: int) -> Iterator[None]:
    """Keeps other programs that do the same out of the open file."""
    fcntl.flock(fd, fcntl.LOCK_EX)
    try:
        yield
    finally:
        # RACE: a child forked meanwhile has the descriptor too, and closing it here is not enough.
        fcntl.flock(fd, fcntl.LOCK_UN)


def digest(body: bytes) -> str:
    """The identity of a version: SHA-256 of its bytes."""
    return hashlib.sha256(body).hexdigest()


def _changed(
    root: Root, folder: Folder, name: str, make: Make, locks: ExitStack, *, careful: bool
) -> bytes | None:
    """None, with nothing changed, where the file was made or went away meanwhile; `careful`: or was
    saved by others, who else would not find their save in it until it is made once more.
    """
    met, seen = _read(folder, name) or (None, None)
    placed = met
    if not careful:
        seen = None
    others: list[str] = []
    try:
        while (body := make(met)) != placed:
            temporary = _beside(name)
            fd = folder.create(temporary, body, name)
            make_durable(folder, temporary, fd)
            if placed is None:
                if not _create(folder, temporary, name):
                    return None
                break
            # RACE: who waits for the file must find the new one locked too, until all is done.
            _lock(folder, temporary, locks)
            came = _exchange(root, folder, temporary, name, placed, seen)
            if came is None:
                return None
            # What others saved in that moment stays beside the file until it is in it.
            others.append(temporary)
            if came == placed:
                break
            met, placed, seen = came, body, None
    except BaseException:
        if others and placed is not None:
            _give_back(root, folder, others, name, placed)
        raise
    folder.sync()
    for temporary in others:
        with suppress(FileNotFoundError):  # Without an exchange nothing came out.
            folder.remove(temporary)
    return body


def _beside(name: str) -> str:
    """A name for a save of the file `name`: whoever finds it after a crash sees whose it is."""
    seen = os.fsencode(name)[:_SEEN].decode(errors="ignore")
    return f"{SAVE_PREFIX}{secrets.token_hex(8)}-{seen}"


def _give_back(root: Root, folder: Folder, others: list[str], name: str, placed: bytes) -> None:
    """Gives the file what came out of it last, from which nothing could be made.

    It stays beside the file where that was saved over meanwhile, or is being written to.
    """
    last = others[-1]
    with suppress(OpenForWriting), leased(root, folder, name):
        folder.exchange(last, name)
        if _bytes(folder, last) != placed:
            folder.exchange(last, name)
            return
        folder.sync()
        for temporary in others:
            folder.remove(temporary)


def _create(folder: Folder, temporary: str, name: str) -> bool:
    try:
        folder.move(temporary, name)
    except FileExistsError:
        folder.remove(temporary)
        return False
    return True


def _exchange(
    root: Root, folder: Folder, temporary: str, name: str, placed: bytes, seen: Stat | None
) -> bytes | None:
    """Gives the file its new bytes; those that came out, under the temporary name from now on.

    None, with nothing changed, where the file went away, or is not `placed` any more as far as
    that can be told: its stat is not the one `seen`, if any.
    """
    try:
        with _nobody_writing(root, folder, name):
            now = folder.stat(name)
            if seen is not None and now is not None and stat_of(now) != seen:
                folder.remove(temporary)
                return None
            folder.exchange(temporary, name)
    except FileNotFoundError:
        folder.remove(temporary)
        return None
    except OSError as error:
        if error.errno in NOT_HERE and _put_over(folder, temporary, name, placed):
            return placed
        folder.remove(temporary)
        if error.errno in NOT_HERE:
            return None
        raise
    came = _bytes(folder, temporary)
    return placed if came is None else came


def _put_over(folder: Folder, temporary: str, name: str, placed: bytes) -> bool:
    # RACE: a save between this look and the rename is lost; a file system without exchange
    # offers nothing better.
    if _bytes(folder, name) != placed:
        return False
    folder.replace(temporary, name)
    return True


def _lock(folder: Folder, name: str, locks: ExitStack) -> None:
    """Keeps other programs that use this away from the file; a new file is made by one alone.

    The lock is on the file itself, which a save replaces: whoever gets it looks whether it is
    still the file's.
    """
    while True:
        try:
            fd = folder.open(name)
        except FileNotFoundError:
            return
        with ExitStack() as held:
            held.callback(os.close, fd)
            # Not every file system locks (NFS by a read-only descriptor): the swap is enough.
            with suppress(OSError):
                held.enter_context(alone(fd))
            now = folder.stat(name)
            if now is not None and now.st_ino == os.fstat(fd).st_ino:
                locks.push(held.pop_all())
                return


@contextmanager
def _nobody_writing(root: Root, folder: Folder, name: str) -> Iterator[None]:
    """Waits until no program has the file open for writing, and keeps it so."""
    until = time.monotonic() + PATIENCE
    while True:
        with suppress(OpenForWriting):
            with leased(root, folder, name):
                yield
            return
        if time.monotonic() > until:
            raise BlockingIOError(0, "a program has it open for writing")
        time.sleep(_PAUSE)


def _read(folder: Folder, name: str) -> tuple[bytes, Stat] | None:
    """Bytes between two equal stats."""
    until = time.monotonic() + PATIENCE
    while True:
        found = folder.stat(name)
        if found is None:
            return None
        if hold := not_a_file(found.st_mode):
            raise NotAFile(hold)
        try:
            fd = folder.open(name)
        except FileNotFoundError:
            return None
        with os.fdopen(fd, "rb") as file:
            before = stat_of(os.fstat(file.fileno()))
            body = file.read()
            if stat_of(os.fstat(file.fileno())) == before and len(body) == before.size:
                return body, before
        if time.monotonic() > until:
            raise BlockingIOError(0, "it changes all the time")
        time.sleep(_PAUSE)


def _bytes(folder: Folder, name: str) -> bytes | None:
    found = _read(folder, name)
    return found[0] if found else None
