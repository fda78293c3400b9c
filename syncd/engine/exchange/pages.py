"""What of a page that was told is heard at once. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from syncd.core.model import Change, Content


def lacking(change: Change) -> int:
    """Bytes of it that are on the deployment alone, as far as is known."""
    version = change.snapshot.version
    if not isinstance(version, Content) or change.stored or change.body is not None:
        return 0
    return version.size


def cut(
    groups: Iterable[Sequence[Change]], rows: int, most: Callable[[], int]
) -> Iterator[list[Change]]:
    """The changes in order, of as many groups at once as lack up to `most()` bytes and are up to
    `rows` changes; of one at least.
    """
    some: list[Change] = []
    total = 0
    for group in groups:
        size = sum(map(lacking, group))
        if some and (len(some) + len(group) > rows or total + size > most()):
            yield some
            some, total = [], 0
        some += group
        total += size
    if some:
        yield some


def by_place(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """News of the feed in order, those of one place together: no cursor lies between them."""
    for _, group in groupby(changes, key=lambda change: change.snapshot.at):
        yield list(group)
