"""How names, times and lines are written for people."""

from __future__ import annotations

import shutil
import sys
import textwrap
from datetime import datetime
from typing import TextIO


def shown(text: str, keep: str = "") -> str:
    """`text` with everything that could drive a terminal, or turn a line around, escaped."""
    return "".join(
        each if each.isprintable() or each in keep else each.encode("unicode_escape").decode()
        for each in text
    )


def moment(seconds: float) -> str:
    """A time of day here, to the second."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def size(count: int | None) -> str:
    """A number of bytes."""
    if count is None:
        return "not kept here"
    if count < 10_000:
        return f"{count} B"
    return f"{count / 1000:.0f} kB" if count < 10_000_000 else f"{count / 1e6:.0f} MB"


def counted(number: int, noun: str) -> str:
    """A number of things, with the plural where it is due."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def folded(text: str, indent: str, stream: TextIO | None = None) -> str:
    """`text` in lines that fit the terminal, all but the first indented; one line where it is
    piped.
    """
    if not (stream or sys.stdout).isatty():
        return text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
