"""Whether who saved a file had read what was written into it meanwhile. Pure.

Bytes do not tell what an editor read: what they lack does, as far as a merge can tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from syncd.core.merge import Clash
from syncd.core.model import Format, Kind
from syncd.core.unread import unread
from syncd.core.value import Maybe, Number, Opaque, Value
from syncd.stores.merge import MERGE_LIMIT, Combined, counted_on, merge


def aware(before: bytes, save: bytes, written: bytes, format: Format, kind: Kind) -> bool:
    """Whether nothing of `written` is missing in `save`, which was made from it or from `before`.

    A value that both of them changed nobody can tell: the later one stands, as it would anywhere.
    """
    found = merge(before, save, written, format, kind)
    if not isinstance(found, Combined):
        found = merge(before, save, written, Format.TEXT, Kind.DOCUMENT)
    if not isinstance(found, Combined):
        return not _unread_text(before, save, written)
    if any(_unread(clash) for clash in found.clashes):
        return False
    return counted_on(before, save, found.body, format, kind)


def _unread_text(before: bytes, save: bytes, written: bytes) -> bool:
    if max(map(len, (before, save, written))) > MERGE_LIMIT:
        return False
    try:
        base, ours, theirs = (each.decode().split("\n") for each in (before, save, written))
    except UnicodeDecodeError:
        return False
    return unread(base, ours, theirs)


def _unread(clash: Clash) -> bool:
    """Whether the local side of a clash lacks a line or an element that the other one changed."""
    sides = (clash.base, clash.local, clash.remote)
    return len(set(map(type, sides))) == 1 and unread(*map(_parts, sides))


def _parts(value: Maybe) -> list[str]:
    match value:
        case str():
            return value.split("\n")
        case list():
            return [" ".join(_leaves(each)) for each in value]
        case _:
            return []


def _leaves(value: Value) -> Iterator[str]:
    match value:
        case list():
            for each in value:
                yield from _leaves(each)
        case dict():
            for each in value.values():
                yield from _leaves(each)
        case Number(token) | Opaque(token):
            yield token
        case _:
            yield str(value)
