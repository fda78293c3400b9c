"""Three versions of an entry's bytes merged into one. Pure.

Outcomes are values: nothing that bytes can hold raises. What cannot be merged with certainty is
one whole conflict, in which the file wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from syncd.core import counter
from syncd.core import merge as values
from syncd.core.lines import merge_lines
from syncd.core.merge import Clash
from syncd.core.model import Format, Kind
from syncd.core.value import MISSING, Maybe, Value
from syncd.stores.annotations import annotation, flaws, identity
from syncd.stores.splice import spliced
from syncd.stores.tree import Source, parse

if TYPE_CHECKING:
    # With the parser of YAML, which most stores never need, a start takes a tenth longer.
    from syncd.stores.yaml_tree import Document

MERGE_LIMIT: Final = 1024 * 1024
"""Longest text that is merged, in bytes: longer ones clash whole."""


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
Parsed: TypeAlias = "Source | Document"

_MISREAD: Final = Whole("the merged text does not read as the merged value")


def merge(
    base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind,
    *, anyhow: bool = False,
) -> Merge:  # fmt: skip
    """Merge two versions of one entry that descend from `base`, None where they never agreed.

    Equal bytes are one version: see `summed` for the exception. The result, merged with the
    same remote again, is the same bytes again, but for counters. `anyhow`: where no conflict would
    keep the remote version, neither its length nor a flaw of the result keeps it from being merged.
    """
    if local == remote or remote == base:
        return Combined(local)
    if local == base:
        return Combined(remote)
    if kind in (Kind.FILE, Kind.METRIC):
        return Whole(f"a store of kind {kind.value} is not merged")
    if not anyhow and max(map(len, (base or b"", local, remote))) > MERGE_LIMIT:
        return Whole(f"a version is longer than {MERGE_LIMIT:,} bytes")
    if format is Format.TEXT:
        return _merged_text(base, local, remote)
    return _merged_values(base, local, remote, format, kind, anyhow=anyhow)


def only_counters_changed(
    base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind
) -> bool:
    """Whether each side says something else than `base`, and nothing else than its counters."""
    if format is Format.TEXT or base is None or not annotation(kind).counts:
        return False
    before, ours, theirs = (read(side, format) for side in (base, local, remote))
    if isinstance(before, str) or isinstance(ours, str) or isinstance(theirs, str):
        return False
    return counter.only_counters_changed(
        before.root.value, ours.root.value, theirs.root.value, annotation(kind)
    )


def counted_on(before: bytes, save: bytes, merged: bytes, format: Format, kind: Kind) -> bool:
    """Whether `merged` says the same as `save`, but for counters that `save` itself changed.

    A comment that only `merged` holds is something else.
    """
    if save == merged or format is Format.TEXT or not annotation(kind).counts:
        return save == merged
    former, ours, made = (read(side, format) for side in (before, save, merged))
    if isinstance(former, str) or isinstance(ours, str) or isinstance(made, str):
        return False
    if _notes_more(made, ours):
        return False
    return counter.counted_on(former.root.value, ours.root.value, made.root.value, annotation(kind))


def _notes_more(one: Parsed, other: Parsed) -> bool:
    """Whether a text holds comments that the other lacks."""
    if isinstance(one, Source) or isinstance(other, Source):
        return False
    from syncd.stores.yaml_merge import lost_comments

    return lost_comments(None, one, other) != ""


def summed(base: bytes | None, both: bytes, format: Format, kind: Kind) -> bytes | None:
    """Two increments that came to equal bytes, added; None where equal bytes are convergence.

    To be asked only where no note says that the local bytes are syncd's own: else one increment
    would be counted twice.
    """
    if base is None or not only_counters_changed(base, both, both, format, kind):
        return None
    merged = _merged_values(base, both, both, format, kind, anyhow=False)
    return merged.body if isinstance(merged, Combined) and merged.body != both else None


def _merged_values(
    base: bytes | None, local: bytes, remote: bytes, format: Format, kind: Kind, *, anyhow: bool
) -> Merge:
    before = None if base is None else read(base, format)
    ours, theirs = read(local, format), read(remote, format)
    for side, what in ((ours, "the file"), (theirs, "the remote version"), (before, "the base")):
        if isinstance(side, str):
            return Whole(f"{what} cannot be merged: {side}")
    assert not isinstance(ours, str)
    assert not isinstance(theirs, str)
    assert not isinstance(before, str)
    merged = _merged(before.root.value if before else MISSING, ours, theirs, kind)
    if isinstance(merged, Whole):
        return merged
    if not anyhow and (flaw := _flaw(merged, ours, theirs, kind)):
        return Whole(f"merged, {flaw}")
    if isinstance(ours, Source) and isinstance(theirs, Source):
        return _json(merged, ours, theirs, kind)
    assert not isinstance(ours, Source)
    assert not isinstance(theirs, Source)
    return _yaml(merged, None if isinstance(before, Source) else before, ours, theirs, kind)


def _merged(former: Maybe, ours: Parsed, theirs: Parsed, kind: Kind) -> values.Merged | Whole:
    here, there = ours.root.value, theirs.root.value
    if former is MISSING and not _same_id(kind, here, there):
        return Whole("the two never met before and do not carry the same id")
    merged = values.merge(former, here, there, annotation(kind))
    if any(not clash.path for clash in merged.clashes) or merged.value is MISSING:
        return Whole("the two have nothing in common that could be merged")
    return merged


def _flaw(merged: values.Merged, ours: Parsed, theirs: Parsed, kind: Kind) -> str | None:
    """A flaw that neither side had."""
    assert merged.value is not MISSING
    made = flaws(kind, merged.value)
    made = made and made - flaws(kind, ours.root.value) - flaws(kind, theirs.root.value)
    return min(made) if made else None


def _same_id(kind: Kind, one: Value, other: Value) -> bool:
    found = identity(kind, one)
    return found is not None and found == identity(kind, other)


def _json(merged: values.Merged, ours: Source, theirs: Source, kind: Kind) -> Merge:
    assert merged.value is not MISSING
    text = spliced(merged.value, ours, theirs, annotation(kind))
    # What is about to replace a file is read back first, whatever the splicing claims.
    again = parse(text)
    if again is None or again.value != merged.value:
        return _MISREAD
    return Combined(text.encode(), merged.clashes)


def _yaml(
    merged: values.Merged, before: Document | None, ours: Document, theirs: Document, kind: Kind
) -> Merge:
    from syncd.stores.yaml_merge import lost_comments, merged_yaml, unmergeable

    assert merged.value is not MISSING
    if why := unmergeable(before, ours, theirs):
        return Whole(why)
    result = merged_yaml(merged.value, before, ours, theirs, annotation(kind))
    if result is None:
        return _MISREAD
    if why := unmergeable(before, result, theirs):
        return Whole(why)  # else it could not be repeated after a crash
    if lost_comments(before, ours, result):
        return Whole("a comment that was written here is on what the remote removed")
    clashes = merged.clashes
    if lost := lost_comments(before, theirs, result, ours):
        clashes = (*clashes, Clash((), MISSING, MISSING, lost))
    return Combined(result.restored(result.text).encode(), clashes)


def _merged_text(base: bytes | None, local: bytes, remote: bytes) -> Merge:
    try:
        before, ours, theirs = ((each or b"").decode() for each in (base, local, remote))
    except UnicodeDecodeError:
        return Whole("a version is not text")
    merged = None if base is None else merge_lines(before, ours, theirs)
    if merged is None:
        return Whole("both sides changed the same lines, or lines that touch")
    return Combined(merged.encode())


def read(body: bytes, format: Format) -> Parsed | str:
    """A text and its tree, or why it has none."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return "it is not text"
    if format is Format.YAML:
        from syncd.stores.yaml_tree import parse_yaml

        return parse_yaml(text)
    root = parse(text)
    return "it is not JSON, or nests too deep" if root is None else Source(text, root)
