"""Reads one file whole, or says why not."""

from __future__ import annotations

import hashlib
import os

from syncd.core.model import Content, Digest, Format, Hold
from syncd.core.reading import Found, Missing, Reading, Unreadable, Unsettled
from syncd.files.folder import Folder, stat_of
from syncd.files.root import Root
from syncd.files.trouble import not_a_file, refused
from syncd.stores.codec import INLINE_LIMIT, not_text, too_large, unparsable


def read(root: Root, path: str, format: Format, limit: int = INLINE_LIMIT) -> Reading:
    """The file at `path`, as spelled on disk.

    Missing only where the system says that nothing has the name and the root is there: whatever
    else goes wrong is Unreadable, and so never taken for a deletion. Unsettled where the file
    changed under the read, or does not parse: look again in a moment.
    """
    parent, _, name = path.rpartition("/")
    try:
        with root.folder(parent) as folder:
            return _read(folder, name, format, limit)
    except FileNotFoundError:
        return Missing()
    except OSError as error:
        return Unreadable(refused(error))


def _read(folder: Folder, name: str, format: Format, limit: int) -> Reading:
    found = folder.stat(name)
    if found is None:
        raise FileNotFoundError(name)
    # Looked at before it is opened: opening a device or a socket can do things by itself.
    if hold := not_a_file(found.st_mode) or too_large(found.st_size, limit):
        return Unreadable(hold)
    fd = folder.open(name)
    try:
        return _read_open(fd, format, limit)
    finally:
        os.close(fd)


def _read_open(fd: int, format: Format, limit: int) -> Reading:
    before = os.fstat(fd)
    if hold := not_a_file(before.st_mode) or too_large(before.st_size, limit):
        return Unreadable(hold)
    body = _take(fd, before.st_size)
    stat = stat_of(before)
    if len(body) != before.st_size or stat_of(os.fstat(fd)) != stat:
        return Unsettled(_CHANGING)
    if hold := not_text(body):
        return Unreadable(hold)
    if hold := unparsable(format, body):
        return Unsettled(hold)
    return Found(Content(Digest(hashlib.sha256(body).hexdigest()), len(body)), body, stat)


def _take(fd: int, size: int) -> bytes:
    # One byte more than the file has: growth shows. A large fixed buffer costs 3 to 4 times the
    # read of a small file (reference/performance.md, A2).
    parts: list[bytes] = []
    missing = size + 1
    while missing and (part := os.read(fd, missing)):
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


_CHANGING = Hold("being-written", "it changed while it was read", "it is read again in a moment")
