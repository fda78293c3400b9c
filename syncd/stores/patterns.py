"""Patterns with the meaning .gitignore gives them, fast enough for every name of a large store.

pathspec translates each pattern to a regular expression, which costs 10 us and more a path for
a usual list. Nearly all patterns only look at single names (`*.json`, `node_modules/`), and of
those the slow ones are fixed ends: both are told from the shape of pathspec's own expression.
What has another shape is still matched by the expression itself.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from itertools import groupby
from operator import attrgetter
from typing import Final

from pathspec.patterns.gitignore.base import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_ANYWHERE: Final = "^(?:.+/)?"
_FILE_OR_FOLDER: Final = "(?:(?P<ps_d>/)|$)"
_FOLDER: Final = "(?P<ps_d>/)"
_STAR: Final = "[^/]*"
_EVERYTHING: Final = "."
_LITERAL: Final = re.compile(r"(?:[^\\.^$*+?{}\[\]|()/]|\\[^\w/])*")


def _names(bodies: Iterable[str]) -> Callable[[str], bool]:
    """A match for one name, without slashes, by any of the expressions."""
    ends, others = [], []
    for body in bodies:
        end = body.removeprefix(_STAR)
        if end != body and _LITERAL.fullmatch(end):
            ends.append(re.sub(r"\\(.)", r"\1", end))
        else:
            # Most start with a literal character, and fail on it in a tenth of a microsecond.
            others.append(f"(?:{body})")
    fixed = tuple(ends)
    if not others:
        return lambda name: name.endswith(fixed)
    other = re.compile("|".join(others), re.DOTALL).fullmatch
    return lambda name: name.endswith(fixed) or other(name) is not None


class _Run:
    """Patterns next to each other in a list that all include, or all negate."""

    def __init__(self, expressions: Iterable[str]) -> None:
        every = set(expressions)
        files = {each: body for each in every if (body := _body(each, _FILE_OR_FOLDER)) is not None}
        folders = {each: body for each in every if (body := _body(each, _FOLDER)) is not None}
        paths = [each.replace(_FOLDER, "/") for each in every - files.keys() - folders.keys()]
        self._everything = _EVERYTHING in every
        self._name = _names(files.values())
        self._folder = _names({*files.values(), *folders.values()})
        self._path = re.compile("|".join(f"(?:{each})" for each in paths)) if paths else None

    def match_folder(self, path: str) -> bool:
        if self._everything or any(map(self._folder, path.split("/"))):
            return True
        return self._path is not None and self._path.search(path + "/") is not None

    def within(self, folder: str) -> Callable[[str], bool]:
        if self._everything or (folder and any(map(self._folder, folder.split("/")))):
            return _always
        if self._path is None:
            return self._name
        prefix = folder + "/" if folder else ""
        by_name, by_path = self._name, self._path.search
        return lambda name: by_name(name) or by_path(prefix + name) is not None


class Patterns:
    """A list of patterns. The last that matches decides, and one with `!` decides against."""

    def __init__(self, lines: Iterable[str]) -> None:
        patterns = [GitIgnoreSpecPattern(line) for line in lines]
        self._last_first = [
            (bool(include), _Run(each.regex.pattern for each in run if each.regex is not None))
            for include, run in groupby(reversed(patterns), key=attrgetter("include"))
            if include is not None
        ]

    @property
    def negates(self) -> bool:
        """Whether there is a pattern with `!`."""
        return not all(include for include, _ in self._last_first)

    def match_folder(self, path: str) -> bool:
        """Whether the folder at `path` matches, and so everything in it."""
        for include, run in self._last_first:
            if run.match_folder(path):
                return include
        return False

    def within(self, folder: str) -> Callable[[str], bool]:
        """Whether the file of a name in `folder` (empty for the root) matches, by itself or as part
        of a folder that does.
        """
        runs = [(include, run.within(folder)) for include, run in self._last_first]
        if len(runs) == 1 and runs[0][0]:
            return runs[0][1]
        return lambda name: next((include for include, match in runs if match(name)), False)


def meaningless(line: str) -> str | None:
    """Why the pattern `line` cannot be meant: it matches no path at all. None where it may."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Of [[:alpha:]], which is no class here.
            pattern = GitIgnoreSpecPattern(line)
    except (GitIgnorePatternError, re.error, FutureWarning):
        return "it is no pattern of .gitignore"
    if pattern.regex is not None:
        return None
    if line.startswith("#"):
        return "it is a comment, as in .gitignore: write \\# for a name that begins so"
    hint = ": an opening [ needs its ], and is written \\[ in a name" if "[" in line else ""
    return f"it matches nothing{hint}"


def _always(_name: str) -> bool:
    return True


def _body(expression: str, ending: str) -> str | None:
    """The part of an expression that is about one name, or None if it is about a path."""
    if not (expression.startswith(_ANYWHERE) and expression.endswith(ending)):
        return None
    body = expression.removeprefix(_ANYWHERE).removesuffix(ending)
    return None if "/" in body.replace("[^/", "") else body
