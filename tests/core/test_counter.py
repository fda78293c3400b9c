"""Whether a save went on counting, or is an old buffer that does not know what was added."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.annotation import Annotation, How
from syncd.core.counter import counted_on as went_on_counting
from syncd.core.counter import only_counters_changed
from syncd.core.model import Format, Kind
from syncd.core.value import MISSING, Number, Value, integer
from syncd.stores.merge import Combined, counted_on, merge


def asset(downloads: int, name: str = "a") -> bytes:
    return json.dumps({"id": "a", "name": name, "metadata": {"downloads": downloads}}).encode()


@pytest.mark.parametrize(
    ("save", "written", "went_on"),
    [
        (asset(6), asset(5), True),
        (asset(3), asset(5), False),
        (asset(6, "mine"), asset(5), True),
        (asset(6), asset(5, "theirs"), False),
        (asset(3, "mine"), asset(3, "theirs"), True),
    ],
)
def test_a_save_that_counts_on_is_no_old_buffer(save: bytes, written: bytes, went_on: bool) -> None:
    before = asset(3)
    found = merge(before, save, written, Format.JSON, Kind.ASSET)
    assert isinstance(found, Combined)
    assert counted_on(before, save, found.body, Format.JSON, Kind.ASSET) is went_on


COUNTED = Annotation(fields={"n": Annotation(How.COUNTER)})
KNOWN = Annotation(fields={**COUNTED.fields, "in": COUNTED, "all": Annotation(elements=COUNTED)})
scalars: st.SearchStrategy[Value] = st.sampled_from([Number("1"), Number("2"), Number("1.5"), "x"])
inner: st.SearchStrategy[Any] = st.fixed_dictionaries({}, optional={"n": scalars, "name": scalars})
values: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"all": st.lists(inner, min_size=2, max_size=3) | scalars},
    optional={"n": scalars, "name": scalars, "in": inner | scalars},
)


def near(value: Value, name: str = "") -> st.SearchStrategy[Any]:
    """The value, or one that differs from it: in counters mostly, seldom in something else."""
    other = scalars if name == "n" else st.sampled_from([value] * 7 + ["other"])
    match value:
        case dict():
            counted = {"n": Number("1"), "in": {}, **value} if name == "" else value
            same = [{key: near(each, key) for key, each in v.items()} for v in (value, counted)]
            return st.one_of(*map(st.fixed_dictionaries, same), other)
        case list():
            return st.tuples(*(near(each, "all") for each in value)).map(list) | other
        case _:
            return other


told = values.flatmap(lambda base: st.tuples(st.just(base), near(base), near(base)))


def leaves(
    value: Value, known: Annotation, *, lists: bool, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], bool, Value]]:
    """Each place that may hold a counter: whether it is one, and what is there by itself."""
    counts = known.how is How.COUNTER
    if known.counts and isinstance(value, dict):
        yield path, False, {}
        for key, each in value.items():
            yield from leaves(each, known.member(key), lists=lists, path=(*path, key))
    elif known.counts and lists and isinstance(value, list):
        yield path, False, [None] * len(value)
        for number, each in enumerate(value):
            yield from leaves(each, known.element, lists=lists, path=(*path, str(number)))
    else:
        yield path, counts, value


@settings(max_examples=400)
@given(told)
def test_only_counters_changed_where_everything_else_is_as_it_was(
    told: tuple[Value, Value, Value],
) -> None:
    def counted_up(base: Value, side: Value) -> bool:
        before, after = (
            {
                path: "counts" if counter and integer(each) is not None else each
                for path, counter, each in leaves(value, KNOWN, lists=True)
            }
            for value in (base, side)
        )
        begun = [each for path, each in after.items() if path not in before]
        stands = all(path in after and after[path] == each for path, each in before.items())
        return side != base and stands and all(each in ("counts", {}) for each in begun)

    base, local, remote = told
    expected = counted_up(base, local) and counted_up(base, remote)
    assert only_counters_changed(base, local, remote, KNOWN) == expected
    assert not only_counters_changed(MISSING, local, remote, KNOWN)


@settings(max_examples=400)
@given(told)
def test_a_save_counted_on_where_it_differs_in_counters_that_it_changed(
    told: tuple[Value, Value, Value],
) -> None:
    before, save, merged = (
        {path: (counter, each) for path, counter, each in leaves(value, KNOWN, lists=False)}
        for value in told
    )
    expected = save.keys() == merged.keys() and all(
        here == merged[path] or (here[0] and here != before.get(path))
        for path, here in save.items()
    )
    assert went_on_counting(*told, KNOWN) == expected
