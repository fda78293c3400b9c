"""A file with many records taken apart, and put together again with the least change. Pure.

The records are the elements of the list at a JSON pointer; what is left, the list emptied, is
the *envelope*. Each part is its tokens as they are written, key order and spelling of numbers and
escapes, without the white space between them. White space and the order of the list belong to
the file: two files may differ in both and hold the same parts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from syncd.core.model import Content, Hold
from syncd.stores.elements import Place, locate, refused
from syncd.stores.tree import MARK, compact

ENVELOPE: Final = ""
"""What stands for the envelope where parts are listed by the ids of records."""

ID_BYTES: Final = 512
"""Longest id of a record, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a records file: its tokens, and what they are as a version."""

    content: Content
    body: bytes


@dataclass(frozen=True)
class Split:
    """A records file taken apart: its `parts` by id, the envelope first.

    `names` are the ids in the order of the list, `known` the parts by how they are written.
    """

    text: str
    place: Place
    names: list[str]
    parts: dict[str, Part]
    known: dict[str, tuple[str, Part]] = field(repr=False)


def split(body: bytes, pointer: str, former: Split | None = None) -> Split | Hold:
    """Take `body` apart; a hold where it is no records file, or two records have one id.

    What `former` knows is not parsed again, so a file of which little changed costs little.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return refused("it is not text")
    place = locate(text, pointer)
    if isinstance(place, Hold):
        return place
    outer = (text[: place.start] + "[]" + text[place.end :]).removeprefix(MARK)
    if _parsed(outer) is None:
        return refused("it does not parse")
    parts = {ENVELOPE: part_of(compact(outer))}
    found = Split(text, place, [], parts, {})
    for start, end in place.elements:
        written = text[start:end]
        known = (former.known.get(written) if former else None) or _record(written)
        if isinstance(known, Hold):
            return known
        name, part = known
        if name in parts:
            return refused(f"two records have the id {name!r}")
        found.names.append(name)
        parts[name] = part
        found.known[written] = known
    return found


def part_of(tokens: str) -> Part:
    """The part that is written so."""
    body = tokens.encode()
    return Part(Content.of(body), body)


def differing(one: bytes, other: bytes) -> int:
    """In how many fields two versions of a record differ."""
    here, there = _parsed(one.decode()), _parsed(other.decode())
    if not isinstance(here, dict) or not isinstance(there, dict):
        return int(here != there)
    return sum(
        name not in here or name not in there or here[name] != there[name]
        for name in here.keys() | there.keys()
    )


def fitting(name: str, body: bytes, pointer: str) -> Part | Hold:
    """The part `name` of a records file that bytes from elsewhere are, or why they are not."""
    if name == ENVELOPE:
        found = split(body, pointer)
        if isinstance(found, Hold):
            return found
        return refused("its list of records is not empty") if found.names else found.parts[name]
    try:
        record = _record(body.decode())
    except UnicodeDecodeError:
        return refused("it is not text")
    if isinstance(record, Hold):
        return record
    if record[0] != name:
        return refused(f"the record has another id than {name!r}")
    # One that is found no more among others would hold all of them.
    place = locate(_alone(record[1].body.decode(), pointer), pointer)
    return place if isinstance(place, Hold) else record[1]


def _alone(written: str, pointer: str) -> str:
    """The text of a file that holds one record and nothing else."""
    text = f"[{written}]"
    for token in reversed(pointer.split("/")[1:]):
        text = f"{{{json.dumps(token.replace('~1', '/').replace('~0', '~'))}:{text}}}"
    return text


def _record(written: str) -> tuple[str, Part] | Hold:
    value = _parsed(written)
    if not isinstance(value, dict):
        return refused("a record is no object")
    name = value.get("id")
    if not isinstance(name, str) or not name:
        return refused("a record has no id that is text")
    return unfit(name) or (name, part_of(compact(written)))


def unfit(name: str) -> Hold | None:
    """Why no record may have this id, None where one may."""
    try:
        long = len(name.encode()) > ID_BYTES or "\0" in name
    except UnicodeEncodeError:
        return refused(f"the id {name!r} of a record is not Unicode text")
    if long:
        return refused(f"the id {name[:40]!r} of a record is too long, or holds a null")
    return None


def _parsed(text: str) -> object:
    try:
        # Python converts integers of no more than 4,300 digits; no value is taken from here.
        return json.loads(text, parse_int=float)
    except (ValueError, RecursionError):
        return None


def tokens(parts: Mapping[str, Part]) -> dict[str, bytes]:
    """The bytes of `parts`."""
    return {name: part.body for name, part in parts.items()}
