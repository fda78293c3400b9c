"""How names, times and lines are written for people."""

from __future__ import annotations

import re
import shutil
import sys
import unicodedata
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


def cells(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(each) in "WF" for each in text)
    return len(text) + wide - sum(map(_takes_no_room, text))


def padded(text: str, width: int) -> str:
    """`text` and blanks, `width` columns in all."""
    return text + " " * (width - cells(text))


def folded(text: str, indent: str, stream: TextIO | None = None) -> str:
    """`text` in lines that fit the terminal, all but the first indented; one line where it is
    piped. Words are never broken.
    """
    if not (stream or sys.stdout).isatty():
        return text
    width = shutil.get_terminal_size().columns
    lines = [""]
    for word in _WORD.findall(text):
        if lines[-1].strip() and cells(lines[-1] + word) > width:
            lines.append(indent + word.lstrip())
        else:
            lines[-1] += word
    return "\n".join(lines)


def print_trouble(what: str, advice: str) -> None:
    """What happened, and what to do, on standard error."""
    said = f"{folded(shown(f'syncd: {what}'), '  ', sys.stderr)}\n"
    said += folded(shown(f"  -> {advice}"), "     ", sys.stderr)
    print(said, file=sys.stderr)  # noqa: T201


_WORD = re.compile(r"\s*\S+")


def _takes_no_room(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Me", "Cf")
