"""Three-way merge of values: what both sides changed since they last agreed. Pure.

|                       | local = base  | local changed                | local removed    |
|-----------------------|---------------|------------------------------|------------------|
| **remote = base**     | that          | local                        | gone             |
| **remote changed**    | remote        | by what it is; else a clash  | remote           |
| **remote removed**    | gone          | local                        | gone             |

"By what it is": objects field by field, lists whose elements carry ids element by element,
and what the annotation says of a field. An edit beats a deletion. On a clash the local value
stays and all three are reported. Without a base nothing was removed: what one side has is kept.

Merging the result with the same remote again gives the result again, so a merge that crashed
after its file was written repeats to the same file. Counters are the exception: each merge adds
both increments, even where the two sides are equal, so a caller must know that what it merges
are two edits and not one seen twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from syncd.core.annotation import PLAIN, Annotation, How
from syncd.core.counter import sum_counters
from syncd.core.lines import merge_lines
from syncd.core.sequence import Identity, Scalar, identified, interleave, merge_sets, scalars
from syncd.core.value import MISSING, Maybe, Number, Value, alike


@dataclass(frozen=True, slots=True)
class Clash:
    """Both sides changed one thing to different values; `local` is what the merge kept.

    `path` leads to it in the merged value: keys of objects and indexes of lists.
    """

    path: tuple[str, ...]
    base: Maybe
    local: Maybe
    remote: Maybe

    @property
    def pointer(self) -> str:
        """`path` as a JSON pointer (RFC 6901)."""
        escaped = (part.replace("~", "~0").replace("/", "~1") for part in self.path)
        return "".join(f"/{part}" for part in escaped)


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge came to. `value` is MISSING only where both sides agree on that."""

    value: Maybe
    clashes: tuple[Clash, ...] = ()


def merge(base: Maybe, local: Maybe, remote: Maybe, annotation: Annotation = PLAIN) -> Merged:
    """Merge two values that descend from `base`, MISSING where they never agreed on one."""
    return _Merge(first_contact=base is MISSING).merge(base, local, remote, annotation)


class _Merge:
    def __init__(self, *, first_contact: bool) -> None:
        self._first_contact = first_contact

    def merge(self, base: Maybe, local: Maybe, remote: Maybe, annotation: Annotation) -> Merged:
        if local == remote and not annotation.counts:
            return Merged(local)
        if local == base:
            return Merged(remote)
        if remote == base:
            return Merged(local)
        if local is MISSING or remote is MISSING:
            return Merged(remote if local is MISSING else local)
        merged = self._by_kind(base, local, remote, annotation)
        return merged or _clash(base, local, remote)

    def _by_kind(
        self, base: Maybe, local: Value, remote: Value, annotation: Annotation
    ) -> Merged | None:
        merged: Merged | None = None
        match annotation.how, local, remote:
            case How.WHOLE, _, _:
                pass
            case How.COUNTER, Number(), Number():
                merged = self._counted(base, local, remote)
            case How.LINES, str(), str():
                merged = _lines(base, local, remote)
            case How.SET, list(), list() if scalars(local) and scalars(remote):
                merged = _set(base, local, remote)
            case _, dict(), dict():
                merged = self._object(base, local, remote, annotation)
            case _, list(), list():
                merged = self._list(base, local, remote, annotation)
        return merged

    def _counted(self, base: Maybe, local: Value, remote: Value) -> Merged | None:
        total = sum_counters(base, local, remote, first_contact=self._first_contact)
        return None if total is None else Merged(total)

    def _object(
        self, base: Maybe, local: dict[str, Value], remote: dict[str, Value], known: Annotation
    ) -> Merged:
        former = base if isinstance(base, dict) else {}
        merged: dict[str, Value] = {}
        clashes: list[Clash] = []
        for key in interleave(list(local), list(remote)):
            field = self.merge(
                former.get(key, MISSING),
                local.get(key, MISSING),
                remote.get(key, MISSING),
                known.member(key),
            )
            if field.value is not MISSING:
                merged[key] = field.value
            clashes += _under(key, field.clashes)
        return Merged(merged, tuple(clashes))

    def _list(
        self, base: Maybe, local: list[Value], remote: list[Value], known: Annotation
    ) -> Merged | None:
        former = base if isinstance(base, list) else []
        indexes = identified(known.ids, former, local, remote)
        if indexes is None:
            return None
        before, ours, theirs = indexes
        order, reordered_by_both = _order(list(before), list(ours), list(theirs))
        merged: list[Value] = []
        clashes: list[Clash] = []
        for identity in order:
            element = self.merge(
                before.get(identity, MISSING),
                ours.get(identity, MISSING),
                theirs.get(identity, MISSING),
                known.element,
            )
            clashes += _under(str(len(merged)), element.clashes)
            if element.value is not MISSING:
                merged.append(element.value)
        if reordered_by_both:
            clashes.append(Clash((), base, local, remote))
        return Merged(merged, tuple(clashes))


def _order(
    base: list[Identity], local: list[Identity], remote: list[Identity]
) -> tuple[list[Identity], bool]:
    """The order of all elements, and whether both sides changed that of the ones they share.

    An order is an edit too: the local one stands, unless only the remote moved anything.
    """
    shared = {*base}.intersection(local).intersection(remote)
    before, ours, theirs = (
        [each for each in side if each in shared] for side in (base, local, remote)
    )
    if ours == before and theirs != before:
        return interleave(remote, local), False
    return interleave(local, remote), before != ours != theirs != before


def _lines(base: Maybe, local: str, remote: str) -> Merged | None:
    text = merge_lines(base, local, remote) if isinstance(base, str) else None
    return None if text is None else Merged(text)


def _set(base: Maybe, local: Sequence[Scalar], remote: Sequence[Scalar]) -> Merged:
    former = base if isinstance(base, list) and scalars(base) else []
    return Merged(list(merge_sets(former, local, remote)))


def _clash(base: Maybe, local: Maybe, remote: Maybe) -> Merged:
    if alike(local, remote):
        return Merged(local)
    return Merged(local, (Clash((), base, local, remote),))


def _under(part: str, clashes: Iterable[Clash]) -> list[Clash]:
    return [replace(each, path=(part, *each.path)) for each in clashes]
