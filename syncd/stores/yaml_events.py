"""What a YAML text says, event by event, as far as libyaml reads it. Pure.

libyaml reads YAML 1.1, which is all but a superset of what 1.2 writes. It builds nothing from
what it reads: an alias is an event, so that ten lines cannot stand for a billion values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import yaml

try:
    from yaml import _yaml as libyaml
except ImportError:  # PyYAML was built without it
    libyaml = None  # type: ignore[assignment]

LONGEST: Final = 2 * 1024 * 1024 if libyaml else 128 * 1024
"""Longest text that is read, in characters: libyaml takes 25 ms for it, Python 2 s a megabyte."""

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_TAB_ALONE: Final = re.compile(r"^ *+\t[ \t]*+(?=#|\r?$)", re.MULTILINE)
_TAB_BEHIND: Final = re.compile(r"^( *+(?:[-?:] ++)*[-?:]) *+\t[ \t]*+", re.MULTILINE)
"""A tab behind a dash, where YAML 1.2 takes it for a space."""

_LONGEST_KEY: Final = 1024
_START: Final = "cannot start any token"
_COLON: Final = "mapping values are not allowed"


def events(text: str) -> Iterator[yaml.Event]:
    """The events of `text`, which has no byte order mark. Raises yaml.YAMLError."""
    parser = libyaml.CParser(text) if libyaml else yaml.SafeLoader(text)
    while True:
        event = parser.get_event()
        if event is None:
            return
        yield event


def broken(text: str) -> str | None:
    """Why `text` is not YAML, in a few words, or None where it is or is too long to tell.

    Half of a JSON string's surrogate pair in escapes is no YAML, and tabs on a line without more
    than a comment, or behind a dash, are only to YAML 1.2: all are let pass. Whether a file is
    whole does not depend on them.
    """
    if len(text) > LONGEST:
        return None
    try:
        _read_through(text)
    except yaml.YAMLError as error:
        spared = _TAB_ALONE.sub("", _SURROGATE.sub(r"\\u0041", text))
        spared = _TAB_BEHIND.sub(r"\1 ", spared)
        return _told(error, text) if spared == text else broken(spared)
    return None


def _read_through(text: str) -> None:
    if libyaml:
        libyaml.CParser(text).raw_parse()
    else:
        for _ in events(text):
            pass


def _told(error: yaml.YAMLError, text: str) -> str:
    """libyaml's own words, one line, and what is mostly meant by them; what it quotes of the text
    is left out.
    """
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not YAML"
    if mark is None:
        return str(what)
    line = text[text.rfind("\n", 0, mark.index) + 1 : mark.index + 1]
    return f"{what} at line {mark.line + 1}, column {mark.column + 1}{_meant(what, line)}"


def _meant(what: str, line: str) -> str:
    """What to look for; `line` ends with the character that the parser stopped at."""
    if _START in what:
        tab = line.endswith("\t")
        return ": only spaces indent" if tab else f": quote a value that begins with {line[-1:]}"
    if len(line) > _LONGEST_KEY and line.endswith(":"):
        return f": a key has {_LONGEST_KEY:,} characters at most, or stands behind a ?"
    return ": quote a value with a colon in it, or mend the indentation" if _COLON in what else ""
