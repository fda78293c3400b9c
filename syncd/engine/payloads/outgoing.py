"""A payload being read for sending, from the file itself: no copy is kept of it."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from syncd.core.model import Content, Hold
from syncd.engine.freight import Transit

PART = 1 << 20
"""Bytes read and sent at once."""


class Changed(Exception):
    """The file does not hold any more what was queued."""


@dataclass(slots=True)
class Outgoing:
    """Reads a file for sending; gives its last part away only if the whole is what it must be."""

    file: BinaryIO
    content: Content
    changed: bool = False
    begun: bytes = b""
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    async def parts(self, moved: Callable[[int], None]) -> AsyncIterator[bytes]:
        """The bytes of `content`, told as they go. Raises Changed where the file holds others."""
        left = self.content.size
        part, self.begun = self.begun, b""
        while part:
            left -= len(part)
            following = await asyncio.to_thread(self.next) if left > 0 else b""
            if not following and (left or self._digest.hexdigest() != self.content.digest):
                break
            moved(len(part))
            yield part
            part = following
        if left or self._digest.hexdigest() != self.content.digest:
            self.changed = True
            raise Changed

    def next(self) -> bytes:
        """The next part, none at the end or where the file is another. Blocks."""
        self.changed |= os.fstat(self.file.fileno()).st_size != self.content.size
        if self.changed:  # A program is writing it: the rest would travel in vain.
            return b""
        part = self.file.read(PART)
        self._digest.update(part)
        return part


def begin(transit: Transit, path: str, content: Content) -> Outgoing:
    """The file at `path`, opened, its first part read: of most files that is all. Blocks.

    Raises Changed, too, where it cannot be read: the turn that looks at it says why.
    """
    opened = transit.open(path)
    if isinstance(opened, Hold):
        raise Changed
    reader = Outgoing(opened, content)
    try:
        reader.begun = reader.next()
    except OSError as error:
        opened.close()
        raise Changed from error
    if reader.changed:
        opened.close()
        raise Changed
    return reader
