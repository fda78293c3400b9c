"""Puts new bytes durably beside their files, many at once, and notes what they are for.

What is staged is nobody's yet: `write` gives it its name.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeVar

from syncd.core.model import Digest, Hold
from syncd.core.reading import Missing
from syncd.core.writing import Note, WriteFailed
from syncd.files import syscalls
from syncd.files.folder import Folder, make_durable
from syncd.files.payloads import Damaged, Payloads
from syncd.files.root import Root
from syncd.files.trouble import refused
from syncd.stores.layout import TEMPORARY_PREFIX, normal, unsafe

_OPEN_AT_ONCE: Final = 64
"""New files that are held open, and their folders: the disk writes the bytes of the first while the
last are made, and then has little left to do for each."""

_SYNCS_AT_ONCE: Final = 8
"""Files made durable at once: the disk gathers their flushes."""

_RANDOM_BYTES: Final = 8
_NOT_PREPARED: Final = Hold(
    "payload-gone",
    "what was to be written was taken from beside the file",
    "nothing to do: it is fetched again",
)

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class New:
    """Bytes for the file at `path`, to take its place while it has `expected`; None: while there
    is none.
    """

    path: str
    body: bytes
    expected: Digest | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A payload under a temporary name beside the file it is for; no note speaks of it yet."""

    digest: Digest
    temporary: str
    inode: int


def stage_all(root: Root, news: Sequence[New]) -> list[Note | Hold]:
    """Puts bytes beside their files, all durable when this returns; the answers are in order.

    Folders are made where they are missing. The likeness of an existing file is kept. A folder that
    a removal empties stays, it may be somebody's, until a file of its name comes: see `vacant`. A
    hold leaves nothing of its file, after one attempt: what a failed fsync leaves of the bytes is
    not known, so it is never tried again on the same file.
    """
    answers: list[Note | Hold] = []
    with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
        for start in range(0, len(news), _OPEN_AT_ONCE):
            answers += _stage(root, news[start : start + _OPEN_AT_ONCE], pool)
    return answers


def stage_prepared(root: Root, path: str, prepared: Prepared, expected: Digest | None) -> Note:
    """The note for giving the file at `path` the payload that was prepared for it."""
    parent, name = _split(path)
    try:
        with root.folder(parent) as folder:
            found = folder.stat(prepared.temporary)
            if found is None or found.st_ino != prepared.inode:
                raise WriteFailed(path, _NOT_PREPARED)
            # RACE: its file may have got another mode, or come, since it was prepared.
            folder.dress(prepared.temporary, name)
            number = os.fstat(folder.fd).st_ino
            folder.sync()
    except OSError as error:
        raise WriteFailed(path, refused(error)) from error
    return Note(path, prepared.temporary, prepared.inode, expected, prepared.digest, number)


def prepare(root: Root, path: str, payloads: Payloads, digest: Digest, *, move: bool) -> Prepared:
    """Puts a payload durably beside the file at `path`, and no more people may read it than that
    file; with `move` the last that needs it.

    Raises OSError, WriteFailed, and Damaged, each with nothing left.
    """
    parent, name = _split(path)
    temporary = _temporary()
    with root.folder(parent, create=True) as folder:
        if not (move and payloads.move(digest, folder.fd, temporary, name)):
            fd = folder.make(temporary, name)
            try:
                payloads.copy(digest, fd)
                os.fsync(fd)
            except (OSError, Damaged):
                folder.remove(temporary)
                raise
            finally:
                os.close(fd)
        found = folder.stat(temporary)
        folder.sync()
    if found is None:
        raise WriteFailed(path, _NOT_PREPARED)
    return Prepared(digest, temporary, found.st_ino)


def unprepare(root: Root, path: str, prepared: Prepared) -> None:
    """Removes a payload that is not needed beside the file any more: only ever our own copy."""
    parent, _, _ = path.rpartition("/")
    with suppress(OSError), root.folder(parent) as folder:
        found = folder.stat(prepared.temporary)
        if found is not None and found.st_ino == prepared.inode:
            folder.remove(prepared.temporary)


def stage_removal(root: Root, path: str, expected: Digest) -> Note | Missing:
    """The note for removing the file at `path` while it has `expected`; touches nothing."""
    parent, name = _split(path)
    try:
        with root.folder(parent) as folder:
            found, number = folder.stat(name), os.fstat(folder.fd).st_ino
    except FileNotFoundError:
        return Missing()
    except OSError as error:
        raise WriteFailed(path, refused(error)) from error
    if found is None:
        return Missing()
    return Note(path, _temporary(), found.st_ino, expected, None, number)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """New bytes under a temporary name, open as `fd`, in an open folder of that inode."""

    new: New
    temporary: str
    fd: int
    folder: Folder
    number: int


class _Folders:
    """The folders of some writes, each opened once."""

    def __init__(self, root: Root, opened: ExitStack) -> None:
        self._root = root
        self._opened = opened
        self._known: dict[str, tuple[Folder, int]] = {}

    def at(self, path: str) -> tuple[Folder, int]:
        """The folder at `path` and its inode; it is made where there is none."""
        if path not in self._known:
            folder = self._opened.enter_context(self._root.folder(path, create=True))
            self._known[path] = folder, os.fstat(folder.fd).st_ino
        return self._known[path]


def _stage(root: Root, news: Sequence[New], pool: ThreadPoolExecutor) -> list[Note | Hold]:
    with ExitStack() as opened:
        folders = _Folders(root, opened)
        made = [_make(folders, each) for each in news]
        files = [each for each in made if isinstance(each, _Made)]
        if len(files) > 1:
            for each in files:
                syscalls.start_writing(each.fd)
        noted = dict(zip(files, _at_once(pool, _note, files), strict=True))
        # The names must be as durable as the bytes: after a power cut a missing temporary name
        # would tell recovery that the write was done (sim).
        touched = [each.folder for each, note in noted.items() if isinstance(note, Note)]
        touched = list(dict.fromkeys(touched))
        unsynced = dict(zip(touched, _at_once(pool, _sync, touched), strict=True))
        return [
            each if isinstance(each, Hold) else _kept(each, noted[each], unsynced.get(each.folder))
            for each in made
        ]


def _make(folders: _Folders, new: New) -> _Made | Hold:
    try:
        parent, name = _split(new.path)
        folder, number = folders.at(parent)
        temporary = _temporary()
        fd = folder.create(temporary, new.body, name)
    except WriteFailed as failed:
        return failed.hold
    except OSError as error:
        return refused(error)
    return _Made(new, temporary, fd, folder, number)


def _note(made: _Made) -> Note | Hold:
    new = made.new
    try:
        inode = make_durable(made.folder, made.temporary, made.fd)
    except OSError as error:
        return refused(error)
    digest = Digest(sha256(new.body).hexdigest())
    return Note(new.path, made.temporary, inode, new.expected, digest, made.number)


def _sync(folder: Folder) -> Hold | None:
    try:
        folder.sync()
    except OSError as error:
        return refused(error)
    return None


def _kept(made: _Made, note: Note | Hold, unsynced: Hold | None) -> Note | Hold:
    """The note, unless its folder could not be made durable: then the file goes again."""
    if isinstance(note, Hold) or unsynced is None:
        return note
    with suppress(OSError):  # What stays is a leftover that the next scan names.
        made.folder.remove(made.temporary)
    return unsynced


def _at_once(
    pool: ThreadPoolExecutor, act: Callable[[_Item], _Answer], items: Sequence[_Item]
) -> list[_Answer]:
    """What `act` answers for each item, several in threads; one alone is not worth a thread."""
    if len(items) < 2:
        return [act(item) for item in items]
    # A share for each thread: to hand over every single one takes as long as its flush.
    shares = [items[first::_SYNCS_AT_ONCE] for first in range(min(_SYNCS_AT_ONCE, len(items)))]
    answered = list(pool.map(lambda share: [act(item) for item in share], shares))
    return [answered[at % len(shares)][at // len(shares)] for at in range(len(items))]


def _split(path: str) -> tuple[str, str]:
    # The last gate before the file system for paths that came from elsewhere.
    if hold := unsafe(normal(path)):
        raise WriteFailed(path, hold)
    parent, _, name = path.rpartition("/")
    return parent, name


def _temporary() -> str:
    return TEMPORARY_PREFIX + secrets.token_hex(_RANDOM_BYTES)
