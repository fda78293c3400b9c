"""What a program changed in a record, written into the text the record came from. Pure.

Only what differs between the record as it was read and as it is now is an edit. All else keeps
its bytes: fields that the model does not know, key order, white space, the spelling of numbers.
"""

from __future__ import annotations

import json
from typing import Any, Final

from syncd.core.model import Format, Kind
from syncd.core.value import MISSING, Maybe, Number, Opaque, Value, alike, spelled
from syncd.errors import RecordError
from syncd.stores.annotations import annotation
from syncd.stores.merge import Combined, merge
from syncd.stores.splice import spliced
from syncd.stores.tree import Source, parse

_INDENT: Final = 2


def fields_of(body: bytes) -> dict[str, Any] | None:
    """The fields of a JSON text's object; None where it is no whole JSON, or no object."""
    source = _source(body)
    value = None if source is None else _plain(source.root.value)
    return value if isinstance(value, dict) else None


def written(fields: dict[str, Any]) -> bytes:
    """A new record's text: two-space JSON without a final newline, as such files have it."""
    return _json(fields, _INDENT).encode()


def edited(origin: bytes, before: dict[str, Any], after: dict[str, Any], kind: Kind) -> bytes:
    """The text `origin`, in which a record told `before`, changed so that it tells `after`."""
    source = _source(origin)
    if source is None:
        return written(after)
    return _laid_out(_edited(source.root.value, before, after), source, kind)


def replaced(met: bytes, after: dict[str, Any], kind: Kind) -> bytes:
    """The text of a record that takes the place of another one: laid out as that one is."""
    source = _source(met)
    if source is None:
        return written(after)
    return _laid_out(_like(source.root.value, _value(after)), source, kind)


def joined(origin: bytes, ours: bytes, met: bytes, kind: Kind) -> bytes:
    """Our text with what others changed since `origin`; where both changed a thing, ours."""
    match merge(origin, ours, met, Format.JSON, kind):
        case Combined(body):
            return body
        case _:
            return ours


def _source(body: bytes) -> Source | None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    root = parse(text)
    return None if root is None else Source(text, root)


def _plain(value: Value) -> Any:
    match value:
        case Number() | Opaque():
            return json.loads(spelled(value))
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list():
            return [_plain(each) for each in value]
        case _:
            return value


def _json(value: Any, indent: int | None = None) -> str:
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:  # A lone surrogate, which only an escape can spell.
        return json.dumps(value, indent=indent, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError(
            f"the record is no JSON: {error}; nothing was written",
            "give it strings, finite numbers, booleans, None, lists and dicts",
        ) from error
    return text


def _value(fields: Any) -> Value:
    node = parse(_json(fields))
    if node is None:
        raise RecordError("the record nests too deep; nothing was written", "flatten it")
    return node.value


def _laid_out(value: Value, source: Source, kind: Kind) -> bytes:
    if value == source.root.value:
        return source.text.encode()
    text = spelled(value)
    root = parse(text)
    assert root is not None  # it was spelled from a value
    return spliced(value, source, Source(text, root), annotation(kind)).encode()


def _edited(value: Value, before: Any, after: Any) -> Value:
    """`value`, which reads as `before`, where that is what `after` is, and `after` elsewhere."""
    if _same(before, after):
        return value
    if isinstance(value, dict) and isinstance(before, dict) and isinstance(after, dict):
        return _members(value, before, after)
    if isinstance(value, list) and isinstance(before, list) and isinstance(after, list):
        return _elements(value, before, after)
    return _value(after)


def _members(value: dict[str, Value], before: dict[str, Any], after: dict[str, Any]) -> Value:
    kept: dict[str, Value] = {}
    for name, each in value.items():
        if name in after and name in before:
            kept[name] = _edited(each, before[name], after[name])
        elif name in after or name not in before:
            kept[name] = _value(after[name]) if name in after else each
    return kept | {
        name: _value(each)
        for name, each in after.items()
        if name not in value and not (name in before and _same(before[name], each))
    }


def _elements(value: list[Value], before: list[Any], after: list[Any]) -> Value:
    if not len(value) == len(before) == len(after):
        spare = list(zip(before, value, strict=False))
        return [_taken(each, spare) for each in after]
    return [_edited(*each) for each in zip(value, before, after, strict=True)]


def _taken(element: Any, spare: list[tuple[Any, Value]]) -> Value:
    """The element as it was written before, where it was in the list already."""
    place = next((at for at, (was, _) in enumerate(spare) if _same(was, element)), None)
    return _value(element) if place is None else spare.pop(place)[1]


def _like(met: Maybe, value: Value) -> Value:
    """`value` in the spelling and the key order of what it replaces."""
    if met is not MISSING and alike(met, value):
        return met
    if isinstance(met, dict) and isinstance(value, dict):
        order = {name: value[name] for name in met if name in value} | value
        return {name: _like(met.get(name, MISSING), each) for name, each in order.items()}
    return value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)
