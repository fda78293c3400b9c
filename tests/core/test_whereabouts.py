"""Where moved files are, held against files that know all the names they had."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Content, Digest, Key, Snapshot
from syncd.core.whereabouts import Whereabouts

KEYS = [Key("notes", name) for name in "abcd"]
MANY = 1000


def agreed(revision: int) -> Snapshot:
    return Snapshot(revision, Content(Digest("a" * 64), 1))


@dataclass
class File:
    """A file, and what was agreed on of it under each name that it had."""

    had: dict[Key, Snapshot] = field(default_factory=dict)


steps = st.lists(
    st.tuples(st.sampled_from(["move", "make", "delete"]), st.permutations(KEYS)), max_size=30
)


@given(steps)
def test_a_file_is_found_under_every_name_that_was_its_last(
    happened: list[tuple[str, list[Key]]],
) -> None:
    whereabouts, files, last = Whereabouts(MANY), dict[Key, File](), dict[Key, File]()
    for revision, (what, (key, other, *_)) in enumerate(happened):
        if what == "make":  # Or look at the file that is there.
            last[key] = files.setdefault(key, File())
            whereabouts.taken(key)
        elif key in files and what == "delete":
            del files[key]
            whereabouts.gone(key)
        elif key in files and other not in files:
            file = files[other] = files.pop(key)
            file.had[key] = agreed(revision)
            last[other] = file
            whereabouts.taken(other)
            whereabouts.moved(key, agreed(revision), other)
        for name in KEYS:
            file = last.get(name, File())
            now = next((at for at, there in files.items() if there is file), None)
            moved = now if now != name and name in file.had else None
            assert whereabouts.of(name, file.had.get(name)) == moved
            assert whereabouts.of(name, agreed(-1)) is None


def test_only_the_last_moves_are_remembered() -> None:
    whereabouts = Whereabouts(2)
    for revision, (key, other) in enumerate([(0, 1), (2, 1), (3, 1)]):
        whereabouts.moved(KEYS[key], agreed(revision), KEYS[other])
    assert len(whereabouts) == 2
    assert whereabouts.of(KEYS[0], agreed(0)) is None
    assert whereabouts.of(KEYS[2], agreed(1)) == KEYS[1]
