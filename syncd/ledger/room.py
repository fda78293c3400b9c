"""Whether there is room to write. Does IO."""

from __future__ import annotations

import errno
import os
from pathlib import Path

PROBE = 64 * 1024
"""Bytes that are written to find out: more than what a write that was refused may have left."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What the operating system says of a disk that is full, and of a quota that is used up."""


def is_full(folder: Path) -> bool:
    """Whether `folder` takes no more bytes: its disk is full, or the quota of its owner used up.

    For who was refused a write and is not told why: of a quota SQLite says what it says of a disk
    that fails. False where it takes them, and where it refuses them for any other reason.
    """
    place = folder / "room"
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            left = PROBE
            while left:
                left -= os.write(descriptor, bytes(left))  # Only a second one says why it is short.
            os.fsync(descriptor)  # Some file systems refuse what they took before only then.
        finally:
            os.close(descriptor)
            place.unlink(missing_ok=True)
    except OSError as error:
        return error.errno in NO_ROOM
    return False
