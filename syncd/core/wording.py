"""Numbers of things in words. Pure."""

from __future__ import annotations

from typing import Final


def counted(number: int, noun: str, verb: str = "") -> str:
    """A number of things, with the plural where it is due: of the noun, and of what they do.

    The `verb` is told as it is of many: `counted(1, "deletion", "wait")` is "1 deletion waits".
    """
    one = number == 1
    things = f"{number:,} {noun}" if one else f"{number:,} {noun}s"
    return f"{things} {_IRREGULAR.get(verb, f'{verb}s') if one else verb}" if verb else things


def sentence(text: str) -> str:
    """`text` as it stands behind another sentence."""
    return text[:1].upper() + text[1:]


STATE_DISK: Final = "make room on the disk of the state folder, or mend it: it is tried again"
"""What to do where something could not be kept in the state folder."""


def refusal(error: OSError) -> str:
    """What the operating system refused, and of what where it tells."""
    what = error.strerror or str(error) or type(error).__name__
    places = [str(each) for each in (error.filename, error.filename2) if each is not None]
    return ": ".join([what, *places])


_IRREGULAR = {"are": "is", "have": "has"}
