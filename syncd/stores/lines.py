"""The layout `lines`: which whole lines a file holds behind an extent. Pure.

A line ends with a line feed; what follows the last one waits for it. A carriage return before it
and a byte order mark at the start belong to no line's text, and lines without text are none.
"""

from __future__ import annotations

import hashlib
from typing import Final

from syncd.core.log import Cut, Extent, Line

TAIL_BYTES: Final = 4096
"""Bytes that a tail is the digest of: more than the last line, for lines repeat."""

LINE_BYTES: Final = 64 * 1024
"""What of a longer line is kept."""

COMPRESSED: Final = ("*.gz", "*.bz2", "*.xz", "*.zst", "*.lz4", "*.zip")
"""What programs make of rotated files: no lines."""

_MARK: Final = b"\xef\xbb\xbf"


def tail_of(window: bytes) -> str:
    """The tail of a log: SHA-256, hex, of its last TAIL_BYTES; `window` ends with at least these.

    Of a shorter log `window` is all of it; of an empty one the tail is "".
    """
    return hashlib.sha256(window[-TAIL_BYTES:]).hexdigest() if window else ""


def cut(before: bytes, fresh: bytes, offset: int, most: int, text_bytes: int) -> Cut:
    """Whole lines of `fresh`, the bytes at `offset`; `before` are the TAIL_BYTES ahead of them.

    At most `most` lines and `text_bytes` bytes of text, one longer line alone. `size` is the end
    of `fresh`.
    """
    lines: list[Line] = []
    place = room = 0
    while (end := fresh.find(b"\n", place)) >= 0:
        line = line_of(fresh[place:end], first=offset + place == 0)
        if line is not None:
            room += len(line.text.encode())
            if len(lines) == most or (lines and room > text_bytes):
                break
            lines.append(line)
        place = end + 1
    extent = Extent(offset + place, tail_of((before + fresh[:place])[-TAIL_BYTES:]))
    return Cut(tuple(lines), extent, offset + len(fresh), end >= 0)


def line_of(raw: bytes, *, first: bool = False) -> Line | None:
    """The line of these bytes, which a line feed followed; None where it has no text.

    Of a much longer line than LINE_BYTES `raw` may be the beginning. `first`: it is the file's
    first line.
    """
    if first:
        raw = raw.removeprefix(_MARK)
    raw = raw.removesuffix(b"\r")
    if not raw.strip():
        return None
    if len(raw) > LINE_BYTES:
        return Line(raw[:LINE_BYTES].decode("utf-8", "replace"), "cut")
    try:
        return Line(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Line(raw.decode("utf-8", "replace"), "not-text")
