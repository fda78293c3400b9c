"""Merges of real workflow files, edited at random on both sides."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest

from syncd.core import merge as core
from syncd.core.model import Format, Kind
from syncd.core.value import MISSING, Number, Value
from syncd.stores.annotations import annotation, flaws
from syncd.stores.merge import Combined, Whole, merge
from syncd.stores.tree import parse
from tests.core.json_values import leaves
from tests.stores.written import CORPUS, TWO_SPACES, Layout, needs_corpus

pytestmark = needs_corpus
FILES = CORPUS[::4]
LAYOUTS = [TWO_SPACES, Layout(unit="\t", end="\n"), Layout(unit="", comma=", ")]


def read(body: bytes) -> Value:
    node = parse(body.decode())
    assert node is not None
    return node.value


def edited(value: Value, chance: random.Random, edits: int) -> Value:
    """`value` after some edits at random places."""
    value = copy.deepcopy(value)
    for _ in range(edits):
        _edit(value, chance)
    return value


def _edit(value: Any, chance: random.Random) -> None:
    while isinstance(value, dict | list) and value:
        place = chance.choice([*value] if isinstance(value, dict) else [*range(len(value))])
        inner = value[place]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.9:
            value = inner
            continue
        _change(value, place, chance)
        return


def _change(container: Any, place: Any, chance: random.Random) -> None:
    new: Any = chance.choice([Number(str(chance.randrange(99))), f"new {chance.random()}", True,
                         {"deep": [Number("1.50"), {"er": "\u00e9"}]}])  # fmt: skip
    if place in ("id", "name"):
        return
    match chance.randrange(4), container:
        case 0, _:
            del container[place]
        case 1, dict():
            container[f"added {chance.randrange(5)}"] = new
        case 1, list():
            container.insert(chance.randrange(len(container) + 1), new)
        case _:
            container[place] = new


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem[:40])
def test_random_edits_on_both_sides(path: Path) -> None:
    base = path.read_bytes()
    chance = random.Random(path.name)
    value = read(base)
    for layout in LAYOUTS:
        ours, theirs = edited(value, chance, 4), edited(value, chance, 4)
        local, remote = layout.write(ours), TWO_SPACES.write(theirs)
        result = merge(base, local, remote, Format.JSON, Kind.WORKFLOW)
        expected = core.merge(value, ours, theirs, annotation(Kind.WORKFLOW))
        if isinstance(result, Whole):
            assert expected.value is not MISSING
            before = flaws(Kind.WORKFLOW, ours) | flaws(Kind.WORKFLOW, theirs)
            assert flaws(Kind.WORKFLOW, expected.value) - before
            continue
        assert read(result.body) == expected.value
        assert result.clashes == expected.clashes
        assert merge(base, result.body, remote, Format.JSON, Kind.WORKFLOW) == result
        assert_nothing_lost(value, (ours, theirs), expected)
        assert result.body == layout.write(read(result.body))


def assert_nothing_lost(base: Value, sides: tuple[Value, ...], merged: core.Merged) -> None:
    kept = {leaf for _, leaf in leaves(merged.value)}
    for clash in merged.clashes:
        kept |= {leaf for side in (clash.local, clash.remote) for _, leaf in leaves(side)}
    before = {leaf for _, leaf in leaves(base)}
    for side in sides:
        assert {leaf for _, leaf in leaves(side)} - before <= kept


@pytest.mark.parametrize("path", FILES[::3], ids=lambda path: path.stem[:40])
def test_a_remote_edit_touches_only_its_own_lines(path: Path) -> None:
    base = path.read_bytes()
    value = read(base)
    assert isinstance(value, dict)
    local = base.replace(b'"name"', b'"here": [1,   2],\n "name"', 1)
    remote = TWO_SPACES.write({**value, "there": {"a": [Number("1")]}})
    result = merge(base, local, remote, Format.JSON, Kind.WORKFLOW)
    assert isinstance(result, Combined)
    assert result.clashes == ()
    assert b'[1,   2],\n "name"' in result.body
    added = b',\n  "there": {\n    "a": [\n      1\n    ]\n  }'
    assert result.body.replace(added, b"") == local
