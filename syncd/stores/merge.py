"""Three versions of an entry's bytes merged into one. Pure.

Outcomes are values: nothing that bytes can hold raises. What cannot be merged with certainty is
one whole conflict, in which the file wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from syncd.core import counter
from syncd.core import merge as values
from syncd.core.lines import merge_lines
from syncd.core.merge import Clash
from syncd.core.model import Format, Kind
from syncd.core.value import MISSING, Value
from syncd.stores.annotations import annotation, flaws, identity
from syncd.stores.splice import spliced
from syncd.stores.tree import Source, parse

MERGE_LIMIT: Final = 1024 * 1024
"""Longest text that is merged, in bytes: up to there the bytes of the base are kept (design,
The one path)."""


@dataclass(frozen=True, slots=True)
class Combined:
    """Both sides' edits in one text. `clashes` are the parts where the local one won."""

    body: bytes
    clashes: tuple[Clash, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """The two versions are not merged: the file wins, the remote version goes to the conflict.

    `why` says so to a person.
    """

    why: str


Merge = Combined | Whole


def merge(base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind) -> Merge:
    """Merge two versions of one entry that descend from `base`, None where they never agreed.

    Equal bytes are one version: see `summed` for the exception. The result, merged with the
    same remote again, is the same bytes again, but for counters.
    """
    if local == remote or remote == base:
        return Combined(local)
    if local == base:
        return Combined(remote)
    if why := _unmergeable(kind, max(map(len, (base or b"", local, remote)))):
        return Whole(why)
    match format:
        case Format.JSON:
            return _merged_json(base, local, remote, kind)
        case Format.TEXT:
            return _merged_text(base, local, remote)
        case Format.YAML:
            return Whole("YAML is not merged in this version")


def only_counters_changed(
    base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind
) -> bool:
    """Whether each side says something else than `base`, and nothing else than its counters."""
    if format is not Format.JSON or base is None or not annotation(kind).counts:
        return False
    before, ours, theirs = _source(base), _source(local), _source(remote)
    if before is None or ours is None or theirs is None:
        return False
    return counter.only_counters_changed(
        before.root.value, ours.root.value, theirs.root.value, annotation(kind)
    )


def summed(base: bytes | None, both: bytes, format: Format, kind: Kind) -> bytes | None:
    """Two increments that came to equal bytes, added; None where equal bytes are convergence.

    To be asked only where no note says that the local bytes are syncd's own: else one increment
    would be counted twice.
    """
    if base is None or not only_counters_changed(base, both, both, format, kind):
        return None
    merged = _merged_json(base, both, both, kind)
    return merged.body if isinstance(merged, Combined) and merged.body != both else None


def _unmergeable(kind: Kind, size: int) -> str | None:
    if kind in (Kind.FILE, Kind.METRIC):
        return f"a store of kind {kind.value} is not merged"
    return f"a version is longer than {MERGE_LIMIT:,} bytes" if size > MERGE_LIMIT else None


def _merged_json(base: bytes | None, local: bytes, remote: bytes, kind: Kind) -> Merge:
    ours, theirs = _source(local), _source(remote)
    before = None if base is None else _source(base)
    if ours is None or theirs is None or (base is not None and before is None):
        return Whole("a version is not JSON that can be merged")
    former = MISSING if before is None else before.root.value
    here, there = ours.root.value, theirs.root.value
    if before is None and not _same_id(kind, here, there):
        return Whole("the two never met before and do not carry the same id")
    merged = values.merge(former, here, there, annotation(kind))
    if any(not clash.path for clash in merged.clashes) or merged.value is MISSING:
        return Whole("the two have nothing in common that could be merged")
    made = flaws(kind, merged.value) - flaws(kind, here) - flaws(kind, there)
    if made:
        return Whole(f"merged, {min(made)}")
    return _written(merged.value, ours, theirs, kind, merged.clashes)


def _same_id(kind: Kind, one: Value, other: Value) -> bool:
    found = identity(kind, one)
    return found is not None and found == identity(kind, other)


def _written(
    value: Value, local: Source, remote: Source, kind: Kind, clashes: tuple[Clash, ...]
) -> Merge:
    text = spliced(value, local, remote, annotation(kind))
    # What is about to replace a file is read back first, whatever the splicing claims.
    again = parse(text)
    if again is None or again.value != value:
        return Whole("the merged text does not read as the merged value")
    return Combined(text.encode(), clashes)


def _merged_text(base: bytes | None, local: bytes, remote: bytes) -> Merge:
    try:
        before, ours, theirs = ((each or b"").decode() for each in (base, local, remote))
    except UnicodeDecodeError:
        return Whole("a version is not text")
    merged = None if base is None else merge_lines(before, ours, theirs)
    if merged is None:
        return Whole("both sides changed the same lines, or lines that touch")
    return Combined(merged.encode())


def _source(body: bytes) -> Source | None:
    """A JSON text and its tree, or None where it is not one."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    root = parse(text)
    return None if root is None else Source(text, root)
