"""JSON values and edits of them, for tests of the merge."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import strategies as st

from syncd.core.value import MISSING, Maybe, Number, Opaque, Value

TOKENS = ["0", "1", "2", "-1", "1.0", "9007199254740993", "9007199254740992", "1e400", "-0"]
KEYS = ["a", "b", "/~", "", "steps", "tags", "text"]
IDS = ["x", "y", "z", "w"]

scalars: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(TOKENS).map(Number),
    st.sampled_from(["", "1", "caf\u00e9", "\ud800", '"\\\n']),
    st.sampled_from(['{"a":1,"a":2}', '{"a":2,"a":1}']).map(Opaque),
)
texts = st.lists(st.sampled_from(["p", "q", "r", "s", ""]), max_size=9).map("\n".join)


def _records(values: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    """A list of objects with ids."""
    return st.lists(st.sampled_from(IDS), unique=True, max_size=4).flatmap(
        lambda ids: st.tuples(
            *(
                st.dictionaries(st.sampled_from(KEYS), values, max_size=3).map(
                    lambda fields, name=name: {"id": name, **fields}  # type: ignore[misc]
                )
                for name in ids
            )
        ).map(list)
    )


def _nested(leaf: st.SearchStrategy[Value]) -> st.SearchStrategy[Value]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
            st.lists(inner, max_size=4),
            _records(inner),
        ),
        max_leaves=12,
    )


values: st.SearchStrategy[Value] = _nested(st.one_of(scalars, texts))

plain: st.SearchStrategy[Value] = _nested(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from(["0", "-1", "1.5", "9007199254740993"]).map(Number),
        st.sampled_from(["", "1", '"\\\n']),
    )
)
"""Values whose tokens the standard library reads and writes as they are."""


@st.composite
def edited(draw: st.DrawFn, value: Value, depth: int = 0) -> Value:
    """`value` after a person's edits: fields and elements changed, removed, added, moved."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    if isinstance(value, dict):
        return draw(_edited_object(value, depth))
    if isinstance(value, list):
        return draw(_edited_list(value, depth))
    if isinstance(value, str) and "\n" in value:
        return "\n".join(draw(_edited_list([*value.split("\n")], depth)))  # type: ignore[arg-type]
    return draw(st.one_of(st.just(value), scalars)) if depth else value


@st.composite
def _edited_object(draw: st.DrawFn, value: dict[str, Value], depth: int) -> Value:
    result: dict[str, Value] = {}
    for key, each in value.items():
        match draw(st.integers(0, 5)):
            case 0 if key != "id":
                continue
            case 1 | 2 if key != "id":
                result[key] = draw(edited(each, depth + 1))
            case _:
                result[key] = each
    if draw(st.integers(0, 2)) == 0:
        result[draw(st.sampled_from(KEYS))] = draw(values)
    return result


@st.composite
def _edited_list(draw: st.DrawFn, value: list[Value], depth: int) -> list[Value]:
    result: list[Value] = []
    is_text = all(isinstance(each, str) for each in value)
    for each in value:
        match draw(st.integers(0, 5)):
            case 0:
                continue
            case 1 | 2 if not is_text:
                result.append(draw(edited(each, depth + 1)))
            case _:
                result.append(each)
    if draw(st.integers(0, 2)) == 0:
        new = draw(st.sampled_from(["p", "t"]) if is_text else _new_element(value))
        result.insert(draw(st.integers(0, len(result))), new)
    if draw(st.integers(0, 4)) == 0:
        result = draw(st.permutations(result))
    return result


def _new_element(value: list[Value]) -> st.SearchStrategy[Value]:
    if not all(isinstance(each, dict) and "id" in each for each in value):
        return values
    taken = {each["id"] for each in value if isinstance(each, dict)}
    free = [each for each in [*IDS, "new"] if each not in taken]
    return st.builds(lambda name, each: {"id": name, "a": each}, st.sampled_from(free), values)


triples = values.flatmap(lambda base: st.tuples(st.just(base), edited(base), edited(base)))
"""A base, and a local and a remote that were edited from it."""


def leaves(value: Maybe, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """What a value says: each scalar with the keys and ids that lead to it, wherever in a list."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif isinstance(value, list):
        for each in value:
            name = each.get("id") if isinstance(each, dict) else None
            yield from leaves(each, (*path, f"#{name}"))
    elif value is not MISSING:
        yield path, Number("1") if value == Number("1.0") else value


def at(value: Maybe, path: tuple[str, ...]) -> Maybe:
    """What stands at a path of keys and indexes."""
    for part in path:
        value = value[int(part)] if isinstance(value, list) else value[part]  # type: ignore[index,call-overload]
    return value
