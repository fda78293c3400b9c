"""Whose names other files took: remembered until something else is agreed on, the last of them."""

from __future__ import annotations

from syncd.core.model import Content, Digest, Key, Snapshot
from syncd.core.takeover import Takeovers


def key(number: int) -> Key:
    return Key("notes", f"{number}.txt")


def digest(number: int) -> Digest:
    return Digest(f"{number:064x}")


def base(revision: int) -> Snapshot:
    return Snapshot(revision, Content(digest(revision), 1))


def test_a_name_is_taken_until_something_else_is_agreed_on() -> None:
    takeovers = Takeovers(2)
    takeovers.taken(key(1), base(1))
    assert takeovers.is_taken(key(1), base(1))
    assert not takeovers.is_taken(key(1), base(2))
    assert not takeovers.is_taken(key(2), base(1))
    assert not takeovers.is_taken(key(2), None)


def test_the_last_are_remembered_and_what_is_named_again_is_among_them() -> None:
    takeovers = Takeovers(2)
    for number in (1, 2, 1, 3):
        takeovers.taken(key(number), base(1))
        takeovers.gone(digest(number))
    assert [takeovers.is_taken(key(number), base(1)) for number in (1, 2, 3)] == [True, False, True]
    assert [takeovers.went(digest(number)) for number in (1, 2, 3)] == [True, False, True]
