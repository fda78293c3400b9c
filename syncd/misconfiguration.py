"""What is told of a configuration that does not validate: which line, and why. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

_SAID: Mapping[str, str] = {
    "missing": "it is missing",
    "path_type": "it is no path: write it in quotes",
    "tuple_type": 'it is no list: write ["..."]',
}
_TABLES = "it is no list of tables: write [[store]], and its keys below"
"""What is said of the stores themselves where they are no list."""
_PATTERNS: Mapping[str, str] = {
    "name": "it takes letters, digits, - and _, 64 at most, and begins with a letter or a digit",
    "workspace": "it takes letters, digits, -, _ and ., 64 at most, and begins with a letter or "
    "a digit",
    "pointer": 'it is no JSON pointer: empty, or as in "/deployments"',
    "webhook": "it does not start with http:// or https://",
}
"""What a field's pattern asks for."""


def _number(told: object) -> object:
    if isinstance(told, str | bool):
        raise ValueError("it should be a valid integer")  # noqa: TRY004 - what pydantic collects
    return told


Number = Annotated[int, BeforeValidator(_number)]
"""A number as the file has it: by itself pydantic takes "1" and true for 1."""


def described(
    told: Mapping[str, Any], problem: Mapping[str, Any], known: Mapping[str, Collection[str]]
) -> str:
    """One problem that pydantic found in `told`. `known` are the keys of each table, those of the
    file itself under "".
    """
    place = list(problem["loc"])
    if problem["type"] != "extra_forbidden":
        return f"{_spot(told, place)}: {_said(place, problem)}".removeprefix(": ")
    keys = known.get(str(place[0]), known[""]) if len(place) > 1 else known[""]
    close = difflib.get_close_matches(str(place[-1]), list(keys), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{_spot(told, place[:-1])}: unknown key {place[-1]!r}{hint}".removeprefix(": ")


def _said(place: Sequence[Any], problem: Mapping[str, Any]) -> str:
    if problem["type"] == "string_pattern_mismatch" and str(place[-1]) in _PATTERNS:
        return _PATTERNS[str(place[-1])]
    if problem["type"] == "tuple_type" and list(place) == ["store"]:
        return _TABLES
    message = str(problem["msg"]).removeprefix("Value error, ")
    # pydantic's own words speak of input, and say why a parser gave up.
    message = message.replace("Input should be", "it should be").partition(", unable to parse")[0]
    return _SAID.get(problem["type"]) or message


def _spot(told: Mapping[str, Any], place: Sequence[Any]) -> str:
    if len(place) >= 2 and place[0] == "store" and isinstance(place[1], int):
        store = told["store"][place[1]]
        named = isinstance(store, dict) and "name" in store
        name = repr(store["name"]) if named else f"number {place[1] + 1}"
        return ".".join([f"store {name}", *(str(part) for part in place[2:3])])
    return ".".join(str(part) for part in place)
