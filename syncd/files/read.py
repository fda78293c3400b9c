"""Reads one file whole, or says why not.

A payload's bytes are read in parts, for their digest only, and never held together.
"""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import ExitStack
from dataclasses import dataclass
from stat import S_ISDIR
from typing import Final, Self

from syncd.core.model import Content, Digest, Format, Hold
from syncd.core.reading import Found, Missing, Obstructed, Reading, Stat, Unreadable, Unsettled
from syncd.files.folder import Folder, digest_of, stat_of
from syncd.files.root import Root
from syncd.files.trouble import not_a_file, refused
from syncd.files.vacant import is_vacant
from syncd.stores.codec import (
    INLINE_LIMIT,
    PARSED_LIMIT,
    PAYLOAD_LIMIT,
    RECORDS_LIMIT,
    cut_short,
    is_text,
    not_text,
    too_large,
    unparsable,
)


@dataclass(frozen=True, slots=True)
class Large:
    """An open file that is longer than any text; whoever holds it measures or closes it."""

    fd: int
    stat: Stat
    format: Format


def read(root: Root, path: str, format: Format, *, records: bool = False) -> Reading:
    """The file at `path`, as spelled on disk.

    Missing only where the system says that nothing has the name and the root is there: whatever
    else goes wrong is Unreadable, and so never taken for a deletion. Unsettled where the file
    changed under the read, or does not parse: look again in a moment.
    """
    found = look(root, path, format, records=records)
    return measure(found) if isinstance(found, Large) else found


def look(root: Root, path: str, format: Format, *, records: bool = False) -> Reading | Large:
    """What read answers, but for a large file, which is opened only.

    A file of many `records` is read whole: each of them is text by itself.
    """
    with Reader(root) as reader:
        return reader.look(path, format, records=records)


class Reader:
    """Reads one file after the other; the folder of the last stays open for the next.

    To be used in `with`, for as long as a turn's files take.
    """

    def __init__(self, root: Root) -> None:
        self.root = root
        self._open = ExitStack()
        self._folder: Folder | None = None
        self._parent = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._leave()

    def look(self, path: str, format: Format, *, records: bool = False) -> Reading | Large:
        """See the function of that name."""
        parent, _, name = path.rpartition("/")
        if self._folder is not None and parent == self._parent:
            found = _tried(self._folder, name, format, records=records)
            # RACE: the open folder may be gone by now, or lie under another name. What was found
            # in it was there a moment ago; whether a file is missing only its path can tell.
            if isinstance(found, Found | Large):
                return found
        try:
            self._leave()
            self._folder = self._open.enter_context(self.root.folder(parent))
            self._parent = parent
        except FileNotFoundError:
            return Missing()
        except OSError as error:
            hold = refused(error)
            return Obstructed(hold) if error.errno == errno.ENOTDIR else Unreadable(hold)
        return _tried(self._folder, name, format, records=records)

    def _leave(self) -> None:
        self._folder = None
        self._open.close()


def measure(large: Large) -> Reading:
    """Read an open file to its end for its digest, and close it."""
    try:
        return _measure(large)
    except OSError as error:
        return Unreadable(refused(error))
    finally:
        os.close(large.fd)


def _tried(folder: Folder, name: str, format: Format, *, records: bool) -> Reading | Large:
    try:
        return _look(folder, name, format, records=records)
    except FileNotFoundError:
        return Missing()
    except OSError as error:
        return Unreadable(refused(error))


def _look(folder: Folder, name: str, format: Format, *, records: bool) -> Reading | Large:
    found = folder.stat(name)
    if found is None:
        raise FileNotFoundError(name)
    most, whole = (RECORDS_LIMIT,) * 2 if records else (PAYLOAD_LIMIT, INLINE_LIMIT)
    # Looked at before it is opened: opening a device or a socket can do things by itself.
    if hold := not_a_file(found.st_mode) or too_large(found.st_size, most):
        if not S_ISDIR(found.st_mode):
            return Unreadable(hold)
        return Missing() if is_vacant(folder, name) else Obstructed(hold)
    fd = folder.open(name)
    if found.st_size > whole and stat_of(os.fstat(fd)) == stat_of(found):
        return Large(fd, stat_of(found), format)
    try:
        return _read_open(fd, format, whole)
    finally:
        os.close(fd)


def _read_open(fd: int, format: Format, whole: int) -> Reading:
    before = os.fstat(fd)
    if hold := not_a_file(before.st_mode) or too_large(before.st_size):
        return Unreadable(hold)
    if before.st_size > whole:
        return Unsettled(_CHANGING)
    body = _take(fd, before.st_size)
    stat = stat_of(before)
    if len(body) != before.st_size or stat_of(os.fstat(fd)) != stat:
        return Unsettled(_CHANGING)
    if hold := not_text(format, body):
        return Unreadable(hold)
    if hold := unparsable(format, body):
        return Unsettled(hold)
    content = Content.of(body)
    return Found(content, body if is_text(body) else None, stat)


def _measure(large: Large) -> Reading:
    size, changing = large.stat.size, Unsettled(_CHANGING)
    if large.format is Format.JSON and size <= PARSED_LIMIT:
        body = _take(large.fd, size)
        if len(body) != size or stat_of(os.fstat(large.fd)) != large.stat:
            return changing
        digest = Digest(hashlib.sha256(body).hexdigest())
        hold = not_text(large.format, body) or unparsable(large.format, body)
    else:
        hold = cut_short(large.format, *_ends(large.fd, size))
        os.lseek(large.fd, 0, os.SEEK_SET)
        digest = digest_of(large.fd)
        # Its last byte was read at the old end: growth shows in the stat.
        if stat_of(os.fstat(large.fd)) != large.stat:
            return changing
    return Unsettled(hold) if hold else Found(Content(digest, size), None, large.stat)


def _ends(fd: int, size: int) -> tuple[bytes, bytes]:
    first = os.read(fd, _END)
    os.lseek(fd, max(0, size - _END), os.SEEK_SET)
    return first, os.read(fd, _END)


def _take(fd: int, size: int) -> bytes:
    # One byte more than the file has: growth shows. A large fixed buffer costs 3 to 4 times the
    # read of a small file.
    body = os.read(fd, size + 1)
    while len(body) < size and (part := os.read(fd, size + 1 - len(body))):
        body += part
    return body


_END: Final = 1024
"""Bytes at either end that are looked at."""

_CHANGING = Hold("being-written", "it changed while it was read", "it is read again in a moment")
