"""What is counted of the log."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import syncd
from syncd.monitoring.tally import EVENTS, MANY

LEVELS = {"debug", "info", "warning", "error"}


def test_every_word_that_is_counted_is_one_of_the_log() -> None:
    sources = Path(syncd.__file__).parent.rglob("*.py")
    logged = {word for each in sources for word in _logged(ast.parse(each.read_text()))}
    assert logged >= set(EVENTS) >= MANY.keys()


def _logged(tree: ast.AST) -> Iterator[str]:
    """The words that a module logs."""
    for call in ast.walk(tree):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                args=[ast.Constant(value=str(word)), *_],
            ) if level in LEVELS:
                yield word
