"""The three-way merge of values, by table and by property."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.annotation import PLAIN, Annotation, How
from syncd.core.counter import only_counters_changed
from syncd.core.merge import Clash, Merged, merge
from syncd.core.value import MISSING, Maybe, Number, Value, spelled
from tests.core.json_values import at, leaves, triples, values

SET = Annotation(How.SET)
COUNTER = Annotation(How.COUNTER)
ANNOTATED = Annotation(
    fields={
        "tags": SET,
        "text": Annotation(How.LINES),
        "a": Annotation(fields={"b": Annotation(How.WHOLE), "tags": SET}),
        "steps": Annotation(ids=("a", "id"), elements=Annotation(fields={"tags": SET})),
    }
)
some_annotation = st.sampled_from([PLAIN, ANNOTATED, SET, Annotation(How.LINES)])
thorough = settings(max_examples=300, deadline=None)


def value(text: str) -> Value:
    def number(token: str) -> Number:
        return Number(token)

    parsed: Value = json.loads(text, parse_int=number, parse_float=number)
    return parsed


def of(*sides: str | None) -> list[Maybe]:
    return [MISSING if side is None else value(side) for side in sides]


CLEAN = {
    "disjoint fields": ('{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":1,"b":2}', '{"a":2,"b":2}'),
    "nested fields": ('{"a":{"x":1,"y":1}}', '{"a":{"x":2,"y":1}}', '{"a":{"x":1,"y":2}}',
                      '{"a":{"x":2,"y":2}}'),
    "both added": ('{}', '{"a":1}', '{"b":1}', '{"a":1,"b":1}'),
    "removed by local": ('{"a":1,"b":1}', '{"b":1}', '{"a":1,"b":2}', '{"b":2}'),
    "removed by remote": ('{"a":1,"b":1}', '{"a":1,"b":2}', '{"b":1}', '{"b":2}'),
    "an edit here beats a deletion there": ('{"a":1}', '{"a":2}', '{"c":1}', '{"a":2,"c":1}'),
    "an edit there beats a deletion here": ('{"a":1}', '{"c":1}', '{"a":2}', '{"c":1,"a":2}'),
    "the same edit": ('{"a":1,"b":1}', '{"a":2,"b":1}', '{"a":2,"b":3}', '{"a":2,"b":3}'),
    "the same number in another spelling": ('{"a":1}', '{"a":2}', '{"a":20e-1}', '{"a":2}'),
    "elements": ('[{"id":"x","v":1},{"id":"y","v":1}]', '[{"id":"x","v":2},{"id":"y","v":1}]',
                 '[{"id":"x","v":1},{"id":"y","v":2}]', '[{"id":"x","v":2},{"id":"y","v":2}]'),
    "elements by numbers": ('[{"id":1,"v":1}]', '[{"id":1,"v":2}]', '[{"id":1,"v":1},{"id":2}]',
                            '[{"id":1,"v":2},{"id":2}]'),
    "an element removed here": ('[{"id":"x"},{"id":"y"}]', '[{"id":"y"}]',
                                '[{"id":"x"},{"id":"y","v":1}]', '[{"id":"y","v":1}]'),
    "an element removed there": ('[{"id":"x"},{"id":"y"}]', '[{"id":"x"},{"id":"y","v":1}]',
                                 '[{"id":"y"}]', '[{"id":"y","v":1}]'),
    "an element edited here, removed there": ('[{"id":"x"},{"id":"y"}]',
                                              '[{"id":"x","v":1},{"id":"y"}]', '[{"id":"y"}]',
                                              '[{"id":"x","v":1},{"id":"y"}]'),
    "an element removed here, edited there": ('[{"id":"x"},{"id":"y"}]', '[{"id":"y"}]',
                                              '[{"id":"x","v":1},{"id":"y"}]',
                                              '[{"id":"x","v":1},{"id":"y"}]'),
    "a remote addition after its predecessor": ('[{"id":"x"},{"id":"y"}]',
                                                '[{"id":"x","v":1},{"id":"y"}]',
                                                '[{"id":"x"},{"id":"n"},{"id":"y"}]',
                                                '[{"id":"x","v":1},{"id":"n"},{"id":"y"}]'),
    "a remote addition in front": ('[{"id":"x"}]', '[{"id":"x","v":1}]', '[{"id":"n"},{"id":"x"}]',
                                   '[{"id":"n"},{"id":"x","v":1}]'),
    "additions without neighbours": ('[]', '[{"id":"l"}]', '[{"id":"r"}]',
                                     '[{"id":"l"},{"id":"r"}]'),
    "moved here": ('[{"id":"x"},{"id":"y"}]', '[{"id":"y"},{"id":"x"}]',
                   '[{"id":"x","v":1},{"id":"y"}]', '[{"id":"y"},{"id":"x","v":1}]'),
    "moved there": ('[{"id":"x"},{"id":"y"}]', '[{"id":"x","v":1},{"id":"y"}]',
                    '[{"id":"y"},{"id":"x"}]', '[{"id":"y"},{"id":"x","v":1}]'),
    "first contact": (None, '{"a":1,"l":1}', '{"a":1,"r":1}', '{"a":1,"r":1,"l":1}'),
    "first contact of elements": (None, '[{"id":"x"},{"id":"l"}]', '[{"id":"x"},{"id":"r"}]',
                                  '[{"id":"x"},{"id":"r"},{"id":"l"}]'),
}  # fmt: skip


@pytest.mark.parametrize("case", CLEAN)
def test_clean_merges(case: str) -> None:
    base, local, remote, merged = of(*CLEAN[case])
    assert merge(base, local, remote) == Merged(merged)
    assert spelled_or_missing(merge(base, local, remote).value) == spelled_or_missing(merged)


CLASHES = {
    "scalars": ('{"a":1}', '{"a":2}', '{"a":3}', '{"a":2}', "/a"),
    "types": ('{"a":1}', '{"a":{"b":1}}', '{"a":[1]}', '{"a":{"b":1}}', "/a"),
    "a number's spelling": ('{"a":1}', '{"a":1.0}', '{"a":2}', '{"a":1.0}', "/a"),
    "beyond 2^53": ('{"a":1}', '{"a":9007199254740993}', '{"a":9007199254740992}',
                    '{"a":9007199254740993}', "/a"),
    "infinite as floats": ('{"a":1}', '{"a":1e400}', '{"a":1e500}', '{"a":1e400}', "/a"),
    "lists without ids": ('[1,2]', '[1,2,3]', '[0,1,2]', '[1,2,3]', ""),
    "ids that repeat": ('[{"id":"x"}]', '[{"id":"x"},{"id":"x"}]', '[{"id":"y"}]',
                        '[{"id":"x"},{"id":"x"}]', ""),
    "inside an element": ('[{"id":"x"},{"id":"y","v":1}]', '[{"id":"y","v":2}]',
                          '[{"id":"x"},{"id":"y","v":3}]', '[{"id":"y","v":2}]', "/0/v"),
    "both moved": ('[{"id":"x"},{"id":"y"},{"id":"z"}]', '[{"id":"y"},{"id":"x"},{"id":"z"}]',
                   '[{"id":"x"},{"id":"z"},{"id":"y"}]', '[{"id":"y"},{"id":"x"},{"id":"z"}]', ""),
    "first contact": (None, '{"a":1,"b":1}', '{"a":1,"b":2}', '{"a":1,"b":1}', "/b"),
    "a key to escape": ('{"/~":1}', '{"/~":2}', '{"/~":3}', '{"/~":2}', "/~1~0"),
}  # fmt: skip


@pytest.mark.parametrize("case", CLASHES)
def test_on_a_clash_the_file_wins_and_all_three_are_told(case: str) -> None:
    *sides, expected, pointer = CLASHES[case]
    base, local, remote, merged = of(*sides, expected)
    result = merge(base, local, remote)
    assert result.value == merged
    (clash,) = result.clashes
    assert clash.pointer == pointer
    assert (clash.local, clash.remote) == (at(local, clash.path), remote_of(remote, clash))


def remote_of(remote: Maybe, clash: Clash) -> Maybe:
    """The remote's value at the clash; elements are where their id is."""
    if clash.pointer == "/0/v":
        return at(remote, ("1", "v"))
    return at(remote, clash.path)


SETS = [
    ("abc", "abcl", "abcr", "abclr"),
    ("abc", "ac", "abc", "ac"),
    ("abc", "ca", "ab", "a"),
    ("abc", "cab", "abcr", "cabr"),
    ("ab", "", "ba", ""),
    ("ab", "b", "abr", "br"),
    ("", "xy", "yz", "xyz"),
    (None, "ab", "bc", "abc"),
]


@pytest.mark.parametrize(("base", "local", "remote", "merged"), SETS)
def test_sets(base: str | None, local: str, remote: str, merged: str) -> None:
    before, ours, theirs, expected = (
        MISSING if side is None else [*map(value, map(json.dumps, side))]
        for side in (base, local, remote, merged)
    )
    assert merge(before, ours, theirs, SET) == Merged(expected)


COUNTERS = [
    ("5", "6", "7", "8"),
    ("5", "6", "6", "7"),
    ("5", "6", "5", "6"),
    ("5", "5", "6", "6"),
    ("5", "4", "7", "6"),
    ("0", "10000000000000000000000", "1", "10000000000000000000001"),
    (None, "6", "7", "7"),
    (None, "6", "6", "6"),
]


@pytest.mark.parametrize(("base", "local", "remote", "merged"), COUNTERS)
def test_counters_add_both_increments(
    base: str | None, local: str, remote: str, merged: str
) -> None:
    former = MISSING if base is None else Number(base)
    assert merge(former, Number(local), Number(remote), COUNTER) == Merged(Number(merged))


def test_a_counter_that_both_began_starts_at_nothing() -> None:
    annotation = Annotation(fields={"n": COUNTER})
    merged = merge({}, {"n": Number("1")}, {"n": Number("2")}, annotation)
    assert merged == Merged({"n": Number("3")})


@pytest.mark.parametrize(
    ("base", "local", "remote"), [("9", "2", "3"), ("1", "2.5", "3"), ("1", "1e400", "2")]
)
def test_what_is_not_increments_is_a_clash(base: str, local: str, remote: str) -> None:
    result = merge(Number(base), Number(local), Number(remote), COUNTER)
    assert result.value == Number(local)
    assert len(result.clashes) == 1


def test_an_object_in_the_place_of_a_counter_is_merged_as_any() -> None:
    base, local, remote, both = of('{"a":1}', '{"a":2}', '{"a":1,"b":1}', '{"a":2,"b":1}')
    assert merge(base, local, remote, COUNTER) == Merged(both)


def test_a_counter_removed_by_one_side_stays_where_the_other_counted() -> None:
    annotation = Annotation(fields={"n": COUNTER})
    base, local, remote = of('{"n":1}', "{}", '{"n":2}')
    assert merge(base, local, remote, annotation) == Merged({"n": Number("2")})
    assert merge(base, remote, local, annotation) == Merged({"n": Number("2")})


COUNTED = Annotation(
    fields={
        "n": COUNTER,
        "within": Annotation(fields={"n": COUNTER}),
        "list": Annotation(elements=Annotation(fields={"n": COUNTER})),
    }
)
ONLY = [
    ('{"n":1,"a":1}', '{"n":2,"a":1}', '{"n":2,"a":1}', True),
    ('{"n":1,"a":1}', '{"n":2,"a":1}', '{"a":1,"n":3}', True),
    ('{"n":1,"a":1}', '{"n":2,"a":1}', '{"n":1,"a":1}', False),
    ('{"n":1,"a":1}', '{"n":2,"a":2}', '{"n":2,"a":1}', False),
    ('{"n":1,"a":1}', '{"n":2,"a":1}', '{"n":2,"a":2}', False),
    ('{"n":1,"a":1}', '{"n":"2","a":1}', '{"n":2,"a":1}', False),
    ('{"n":1}', '{"n":2}', "{}", False),
    ("{}", '{"n":1}', '{"n":1}', True),
    ("{}", '{"n":"1"}', '{"n":1}', False),
    ("{}", '{"within":{"n":1}}', '{"within":{"n":2}}', True),
    ("{}", '{"within":{"n":1,"a":1}}', '{"within":{"n":1,"a":1}}', False),
    ('{"within":1}', '{"within":{"n":1}}', '{"within":{"n":1}}', False),
    ('{"list":[{"n":1}]}', '{"list":[{"n":2}]}', '{"list":[{"n":2}]}', True),
    ('{"list":[{"n":1}]}', '{"list":[{"n":2}]}', '{"list":[{"n":2},{}]}', False),
    (None, '{"n":2}', '{"n":2}', False),
]


@pytest.mark.parametrize(("base", "local", "remote", "answer"), ONLY)
def test_only_counters_changed(base: str | None, local: str, remote: str, answer: bool) -> None:
    before, ours, theirs = of(base, local, remote)
    assert only_counters_changed(before, ours, theirs, COUNTED) is answer


@thorough
@given(triples, some_annotation)
def test_a_replay_changes_nothing(sides: tuple[Value, Value, Value], known: Annotation) -> None:
    base, local, remote = sides
    merged = merge(base, local, remote, known)
    again = merge(base, merged.value, remote, known)
    assert again.value == merged.value
    assert {each.pointer for each in again.clashes} == {each.pointer for each in merged.clashes}
    settled = merge(merged.value, merged.value, merged.value, known)
    assert settled == Merged(merged.value)
    assert merge(remote, merged.value, remote, known) == Merged(merged.value)


@thorough
@given(values, values, some_annotation)
def test_a_replay_of_a_first_contact_changes_nothing(
    local: Value, remote: Value, known: Annotation
) -> None:
    merged = merge(MISSING, local, remote, known)
    assert merge(MISSING, merged.value, remote, known).value == merged.value


@thorough
@given(triples, some_annotation)
def test_what_one_side_changed_is_taken(
    sides: tuple[Value, Value, Value], known: Annotation
) -> None:
    base, local, _ = sides
    assert merge(base, local, base, known) == Merged(local)
    assert merge(base, base, local, known) == Merged(local)
    assert merge(base, local, local, known) == Merged(local)
    assert merge(MISSING, local, MISSING, known) == Merged(local)
    assert merge(MISSING, MISSING, local, known) == Merged(local)


@thorough
@given(st.one_of(triples, st.tuples(st.just(MISSING), values, values)), some_annotation)
def test_nothing_that_a_side_wrote_is_lost(
    sides: tuple[Maybe, Value, Value], known: Annotation
) -> None:
    base, local, remote = sides
    known = Annotation(known.how, fields={**known.fields, "text": PLAIN})
    if known.how is How.LINES:
        known = PLAIN
    merged = merge(base, local, remote, known)
    # A leaf is told apart by its own key or element, since a clash is told from where it is.
    reached = {(path[-1:], leaf) for path, leaf in leaves(merged.value)}
    for clash in merged.clashes:
        for side in (clash.local, clash.remote):
            under = clash.path[-1:]
            reached |= {((*under, *path)[-1:], leaf) for path, leaf in leaves(side)}
            reached |= {((), leaf) for path, leaf in leaves(side) if not path}
    before = {(path[-1:], leaf) for path, leaf in leaves(base)}
    for side in (local, remote):
        written = {(path[-1:], leaf) for path, leaf in leaves(side)} - before
        assert {(path[-1:], leaf) for path, leaf in written} <= reached


@thorough
@given(triples)
def test_the_mirror_differs_only_in_who_wins(sides: tuple[Value, Value, Value]) -> None:
    base, local, remote = sides
    one, other = merge(base, local, remote), merge(base, remote, local)
    assert told(one) == told(other)
    assert len(one.clashes) == len(other.clashes)


def told(merged: Merged) -> str:
    """A merge without order and winner: at each clash stand both."""
    return str(_told(merged.value, (), {each.path: each for each in merged.clashes}))


def _told(each: Maybe, path: tuple[str, ...], clashes: dict[tuple[str, ...], Clash]) -> object:
    clash = clashes.get(path)
    if clash and not order_only(clash):
        return "clash", *sorted([str(_plain(clash.local)), str(_plain(clash.remote))])
    if isinstance(each, dict):
        return sorted((key, str(_told(part, (*path, key), clashes))) for key, part in each.items())
    if isinstance(each, list):
        parts = [str(_told(part, (*path, str(at)), clashes)) for at, part in enumerate(each)]
        return sorted(parts)
    return _plain(each)


def _plain(each: Maybe) -> str:
    return spelled_or_missing(each).replace("1.0", "1")


def order_only(clash: Clash) -> bool:
    def ids(side: Maybe) -> list[str] | None:
        if not isinstance(side, list) or not all(isinstance(each, dict) for each in side):
            return None
        found = [str(each.get("id", MISSING)) for each in side if isinstance(each, dict)]
        named = str(MISSING) not in found and len({*found}) == len(found)
        return found if named else None

    return None not in (ids(clash.base), ids(clash.local), ids(clash.remote))


def spelled_or_missing(each: Maybe) -> str:
    return "MISSING" if each is MISSING else spelled(each)
