"""Which files that vanished are which files that appeared, under another name. Pure.

A move saves sending what the deployment has, and keeps the identity of its row. It is never
needed: where anything is in doubt there is none, and the rename travels as a create and a delete.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from syncd.core.model import Digest, Key

EMPTY: Final = Digest("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""The digest of no bytes, which tells nothing about where they came from."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A file that vanished, as it was last read, or one that appeared, as it is.

    `inode` is None where it is not known any more.
    """

    key: Key
    digest: Digest
    inode: int | None


def may_be(appeared: Trace, vanished: Trace) -> bool:
    """Whether both are the same file: by inode and bytes, or by bytes and the last name."""
    return appeared.key != vanished.key and any(
        mark(appeared) is not None and mark(appeared) == mark(vanished) for mark in _MARKS
    )


def pairs(vanished: Iterable[Trace], appeared: Iterable[Trace]) -> dict[Key, Key]:
    """The new key of each vanished one that is certainly meant; one to one.

    By inode and bytes first; what that leaves over, by bytes and the last name. What a mark
    leaves ambiguous is in no pair.
    """
    found: dict[Key, Key] = {}
    gone, came = list(vanished), list(appeared)
    for mark in _MARKS:
        before, after = _grouped(gone, mark), _grouped(came, mark)
        met = before.keys() & after.keys()
        for each in met:
            if len(before[each]) == len(after[each]) == 1:
                found[before[each][0].key] = after[each][0].key
        gone = [trace for trace in gone if mark(trace) not in met]
        came = [trace for trace in came if mark(trace) not in met]
    return found


def _by_inode(trace: Trace) -> Hashable:
    # The bytes too: a file system gives the inode of a removed file to the next new one.
    return None if trace.inode is None else (trace.key.store, trace.inode, trace.digest)


def _by_name(trace: Trace) -> Hashable:
    name = trace.key.path.rpartition("/")[2]
    return None if trace.digest == EMPTY else (trace.key.store, name, trace.digest)


_Mark = Callable[[Trace], Hashable]
_MARKS: tuple[_Mark, ...] = (_by_inode, _by_name)


def _grouped(traces: Iterable[Trace], mark: _Mark) -> dict[Hashable, list[Trace]]:
    groups: dict[Hashable, list[Trace]] = {}
    for trace in traces:
        if (met := mark(trace)) is not None:
            groups.setdefault(met, []).append(trace)
    return groups
