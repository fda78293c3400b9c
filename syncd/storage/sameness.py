"""Which element of a list as a program has it was which, when it was read. Pure."""

from __future__ import annotations

import json
from typing import Any


def moved(before: list[Any], after: list[Any]) -> bool:
    """Whether an element is in the place of another one. A new id alone makes none another."""
    here, there = ([repr(_id(each)) for each in side] for side in (before, after))
    known = {*here} - {repr(None)}
    return any(now != was and now in known for was, now in zip(here, there, strict=False))


def mark(element: Any) -> str:
    """What tells an element of a list from most others: its id, else all of it."""
    id = _id(element)
    return json.dumps(element if id is None else {"id": id}, sort_keys=True, default=repr)


def _id(element: Any) -> Any:
    return element.get("id") if isinstance(element, dict) else None


def same(one: Any, other: Any) -> bool:
    """Whether two values are one, down to the types of numbers."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)
