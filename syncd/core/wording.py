"""Numbers of things in words. Pure."""

from __future__ import annotations


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


_IRREGULAR = {"are": "is", "have": "has"}
