"""What a program changed in a record, written into the text the record came from. Pure.

Only what differs between the record as it was read and as it is now is an edit. All else keeps
its bytes: fields that the model does not know, key order, white space, the spelling of numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import yaml

from syncd.core.model import Format, Kind
from syncd.core.value import MISSING, Maybe, Number, Opaque, Value, alike, spelled
from syncd.errors import RecordError
from syncd.storage.sameness import mark, moved, same
from syncd.stores import yaml_scalar
from syncd.stores.annotations import annotation
from syncd.stores.merge import Combined, merge, read, summed
from syncd.stores.splice import spliced
from syncd.stores.tree import Source, parse
from syncd.stores.yaml_merge import merged_yaml
from syncd.stores.yaml_tree import Document, parse_yaml

_INDENT: Final = 2


def fields_of(body: bytes, format: Format) -> dict[str, Any] | str:
    """The fields of a text's object, or in a few words why it has none."""
    if not body:
        return "it is empty"
    found = read(body, format)
    if isinstance(found, str):
        return found
    value = plain(found.root.value)
    return value if isinstance(value, dict) else "it is not an object"


def written(fields: dict[str, Any], format: Format) -> bytes:
    """A new record's text: in JSON indented by two and without a final newline, as such files
    have it.
    """
    text = json_of(fields, indent=_INDENT)
    return _in_new_yaml(fields) if format is Format.YAML else text.encode()


def edited(
    origin: bytes, before: dict[str, Any], after: dict[str, Any], format: Format, kind: Kind
) -> bytes:
    """The text `origin`, in which a record told `before`, changed so that it tells `after`.

    Raises RecordError where a field would be written over that the record could not tell.
    """
    return _made(origin, _Edit(told_all=False), before, after, format, kind)


def edited_anew(
    met: bytes, before: dict[str, Any], after: dict[str, Any], format: Format, kind: Kind
) -> bytes:
    """The text of others with what a program changed from `before` to `after`, which wins."""
    return _made(met, _Edit(told_all=True), before, after, format, kind)


def replaced(met: bytes, after: dict[str, Any], format: Format, kind: Kind) -> bytes:
    """The text of a record that takes the place of another one: laid out as that one is."""
    found = read(met, format)
    if isinstance(found, str):
        return written(after, format)
    return _laid_out(_like(found.root.value, _value(after)), found, kind)


def joined(origin: bytes, ours: bytes, met: bytes, format: Format, kind: Kind) -> bytes | None:
    """Our text with what others changed since `origin`; where both changed a thing, ours. None
    where that cannot be told of the two texts: then our edit is made once more, in theirs.

    Two increments that came to one text are two.
    """
    if ours == met:
        return summed(origin, ours, format, kind) or ours
    merged = merge(origin, ours, met, format, kind, anyhow=True)
    return merged.body if isinstance(merged, Combined) else None


def json_of(value: Any, *, indent: int | None = None) -> str:
    """What a program tells as JSON: on one line, or indented. Raises RecordError for what is none,
    and for numbers that are none to other programs: NaN and infinities.
    """
    separators = (",", ":") if indent is None else None
    spell = partial(json.dumps, value, indent=indent, separators=separators, allow_nan=False)
    try:
        text = spell(ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # A lone surrogate, which only an escape can spell.
        return spell()
    except (TypeError, ValueError, RecursionError) as error:
        raise RecordError(
            f"the record is no JSON: {error}; nothing was written",
            "give it strings, finite numbers, booleans, None, lists and dicts",
        ) from error
    return text


def plain(value: Value) -> Any:
    """A value as programs take it: a number is an int or a float, a YAML date its text."""
    match value:
        case Number(token):
            return _number(token)
        case Opaque(source):
            return _opaque(source)
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case _:
            return value


def _number(token: str) -> int | float:
    try:
        found: int | float = json.loads(token)
    except ValueError:  # More digits than Python makes an int of.
        return float(token)
    return found


def _opaque(source: str) -> Any:
    # An object that repeats a key, or a YAML scalar that is read in more than one way: a date.
    try:
        return json.loads(source)
    except ValueError:
        return source


def _value(fields: Any) -> Value:
    node = parse(json_of(fields))
    if node is None:
        raise RecordError("the record nests too deep; nothing was written", "flatten it")
    return node.value


def _made(
    text: bytes, edit: _Edit, before: dict[str, Any], after: dict[str, Any], format: Format,
    kind: Kind,
) -> bytes:  # fmt: skip
    found = read(text, format)
    if isinstance(found, str):
        return written(after, format)
    return _laid_out(edit.value(found.root.value, before, _keyed(after)), found, kind)


def _laid_out(value: Value, read: Source | Document, kind: Kind) -> bytes:
    if isinstance(read, Document):
        return _in_yaml(value, read, kind)
    if value == read.root.value:
        return read.text.encode()
    compact = spelled(value)
    root = parse(compact)
    assert root is not None  # it was spelled from a value
    return spliced(value, read, Source(compact, root), annotation(kind)).encode()


def _in_new_yaml(fields: dict[str, Any]) -> bytes:
    value = _value(fields)
    for told in (*_dumps(plain(value)), yaml_scalar.written(value) + "\n"):
        there = parse_yaml(told)
        if isinstance(there, Document) and alike(there.root.value, value):
            return told.encode()
    raise RecordError("the record is too long for YAML; nothing was written", "keep it as JSON")


def _in_yaml(value: Value, read: Document, kind: Kind) -> bytes:
    # As people write it, else on one line, where every value can be spelled.
    for told in (*_dumps(plain(value)), yaml_scalar.written(value)):
        there = parse_yaml(told)
        if isinstance(there, Document) and there.root.value == value:
            found = merged_yaml(value, None, read, there, annotation(kind))
            if found is not None:
                return found.restored(found.text).encode()
    raise RecordError(
        "the record cannot be written into its YAML; nothing was written", "edit the file by hand"
    )


def _dumps(fields: Any) -> Iterator[str]:
    """As people write it; what not every YAML reads as it stands in escapes."""
    for allow_unicode in (True, False):
        yield yaml.safe_dump(fields, sort_keys=False, allow_unicode=allow_unicode)


def _keyed(value: Any) -> Any:
    """A value with keys as JSON spells them."""
    match value:
        case dict():
            return {_key(name): _keyed(each) for name, each in value.items()}
        case list():
            return [_keyed(each) for each in value]
        case _:
            return value


def _key(name: object) -> str:
    # The standard parser's own rule, and its error for what is no key.
    return name if isinstance(name, str) else next(iter(json.loads(json_of({name: None}))))


class _Edit:
    """One edit. `told_all`: what is in the text and not in `before` may be written over."""

    def __init__(self, *, told_all: bool) -> None:
        self._told_all = told_all

    def value(self, value: Value, before: Any, after: Any) -> Value:
        """`value`, which reads as `before`, where that is what `after` is; `after` elsewhere."""
        if same(before, after):
            return value
        if isinstance(value, dict) and isinstance(before, dict) and isinstance(after, dict):
            return self._members(value, before, after)
        if isinstance(value, list) and isinstance(before, list) and isinstance(after, list):
            return self._elements(value, before, after)
        return _value(after)

    def _members(
        self, value: dict[str, Value], before: dict[str, Any], after: dict[str, Any]
    ) -> dict[str, Value]:
        kept: dict[str, Value] = {}
        for name, each in value.items():
            if name in after:
                kept[name] = self._member(name, each, before.get(name), after[name])
            elif name not in before:
                kept[name] = each
        return kept | {
            name: _value(each)
            for name, each in after.items()
            if name not in value and not (name in before and same(before[name], each))
        }

    def _member(self, name: str, value: Value, before: Any, after: Any) -> Value:
        # What a field cannot be reads as if it were absent. Who assigns a text or a number means to
        # replace that; who adds to a list or an object that seemed empty does not know of it.
        added = isinstance(after, dict | list) and not same(before, after)
        told = before is not None and before not in ([], {})
        if self._told_all or told or not value or not added:
            return self.value(value, before, after)
        raise RecordError(
            f"{name} holds {spelled(value)[:60]}, which it cannot be in a record, and which would "
            "be written over; nothing was written",
            "mend the file; or save a record that is made, which takes the place of all there is",
        )

    def _elements(self, value: list[Value], before: list[Any], after: list[Any]) -> list[Value]:
        if len(value) == len(before) == len(after) and not moved(before, after):
            return [self.value(*each) for each in zip(value, before, after, strict=True)]
        spare: dict[str, list[tuple[Any, Value]]] = {}
        for was, each in zip(before, value, strict=False):
            spare.setdefault(mark(was), []).append((was, each))
        return [self._taken(each, spare.get(mark(each), [])) for each in after]

    def _taken(self, element: Any, marked: list[tuple[Any, Value]]) -> Value:
        """The element as it was written before, where it, or one of its id, was in the list."""
        if not marked:
            return _value(element)
        exact = (place for place, (was, _) in enumerate(marked) if same(was, element))
        was, value = marked.pop(next(exact, 0))
        return self.value(value, was, element)


def _like(met: Maybe, value: Value) -> Value:
    """`value` in the spelling and the key order of what it replaces."""
    if met is not MISSING and alike(met, value):
        return met
    if isinstance(met, dict) and isinstance(value, dict):
        order = {name: value[name] for name in met if name in value} | value
        return {name: _like(met.get(name, MISSING), each) for name, each in order.items()}
    return value
