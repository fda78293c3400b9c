"""Convex validators and TypeScript types, made from the record models.

`make generate` writes them to convex/records.ts; a test fails where the two have drifted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from syncd.storage.records import RECORDS, Part, Record

_HEADER = """\
/**
 * Generated from syncd/storage/records.py by `make generate`: edit that, not this.
 *
 * What programs keep in files, as validators. Every field may be missing, and files hold fields
 * beyond these, which syncd keeps: a validator of objects refuses them, so check with these what
 * is to be written, never what was read. The types are of what is read: any other field is there
 * as `unknown`.
 */
import { v, type Infer } from "convex/values";

type Open<Fields> = Fields & { [field: string]: unknown };
"""

_SIMPLE: dict[object, str] = {
    str: "v.string()",
    datetime: "v.string()",
    int: "v.number()",
    float: "v.number()",
    bool: "v.boolean()",
    NoneType: "v.null()",
    Any: "v.any()",
}


def generate() -> str:
    """The whole module."""
    return _HEADER + "".join(_module(_parts()))


def _parts() -> list[type[Part]]:
    """Every model, each after those it is made of."""
    found: list[type[Part]] = []
    for record in RECORDS:
        for part in (*_below(record), record):
            if part not in found:
                found.append(part)
    return found


def _below(part: type[Part]) -> Iterator[type[Part]]:
    for field in part.model_fields.values():
        for each in _leaves(field.annotation):
            if isinstance(each, type) and issubclass(each, Part):
                yield from (*_below(each), each)


def _leaves(annotation: object) -> Iterator[object]:
    arguments = get_args(annotation)
    if not arguments:
        yield annotation
    for each in arguments:
        yield from _leaves(each)


def _module(parts: list[type[Part]]) -> Iterator[str]:
    for part in parts:
        name = _name(part)
        yield f"\n/** {(part.__doc__ or '').splitlines()[0]} */\n"
        yield f"export const {name} = v.object({{\n"
        for field, told in part.model_fields.items():
            if told.description:
                yield f"  /** {told.description} */\n"
            yield f"  {told.alias or field}: v.optional({_field(told)}),\n"
        yield "});\n"
        yield f"export type {name[0].upper()}{name[1:]} = Open<Infer<typeof {name}>>;\n"


def _field(field: FieldInfo) -> str:
    return _validator(field.annotation)


def _validator(annotation: object) -> str:
    if annotation in _SIMPLE:
        return _SIMPLE[annotation]
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return _name(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _validator(arguments[0])
    if origin is list:
        return f"v.array({_validator(arguments[0])})"
    if origin is dict:
        return "v.any()"  # The keys of free maps may be such as Convex refuses.
    if origin in (Union, UnionType):
        # Two of Python's types may be one there.
        members = list(dict.fromkeys(_validator(each) for each in _members(annotation)))
        return "v.any()" if "v.any()" in members else f"v.union({', '.join(members)})"
    raise TypeError(f"{annotation} has no validator: add one here")


def _members(annotation: object) -> Iterator[object]:
    """The members of a union, and of those in it."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for each in get_args(annotation):
            yield from _members(each)
    else:
        yield annotation


def _name(part: type[Part]) -> str:
    name = part.__name__[0].lower() + part.__name__[1:]
    return f"{name}Record" if issubclass(part, Record) else name


if __name__ == "__main__":
    sys.stdout.write(generate())
