"""Two YAML texts merged: the value is merged elsewhere, and this finds its text. Pure.

Where both sides' changed lines combine to a text that says the merged value, that text stands,
with the comments of both. Else the remote's values are written into the local text, and the
comments that find no place there are for the caller to tell.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from syncd.core.annotation import Annotation
from syncd.core.lines import merge_lines
from syncd.core.value import Value
from syncd.stores.yaml_splice import spliced
from syncd.stores.yaml_tree import Document, parse_yaml

_ROUNDS: Final = 4


def unmergeable(before: Document | None, ours: Document, theirs: Document) -> str | None:
    """Why the texts cannot be merged although each of them could, or None.

    Which keys like `on` and `1` are one depends on the reader (`on` is `true` to some), so
    neither side may add or rename one.
    """
    if not ours.line:
        return "the file's lines end in two ways"
    sides = [side for side in (before, ours, theirs) if side is not None]
    if any(side.odd != ours.odd or ours.odd & side.names for side in sides):
        return "keys that are not text are not the same on both sides"
    return None


def merged_yaml(
    value: Value, before: Document | None, ours: Document, theirs: Document, known: Annotation
) -> Document | None:
    """The local text with what the remote brought, which reads as `value`; None where no text
    was found that does.

    The result, merged with the same remote again, is the result again.
    """
    for _ in range(_ROUNDS):
        if found := _by_lines(value, before, ours, theirs):
            return found
        found = _by_values(value, ours, theirs, known)
        if found is None or found is ours:
            return found
        # Written into the text, what was in the way of the lines may be there no more.
        ours = found
    return None


def lost_comments(
    before: Document | None, side: Document, result: Document, other: Document | None = None
) -> str:
    """The comments of a side that are not in the result, by line: those that it wrote since the
    base and, of those that were there, what `other` has too.
    """
    removed = Counter(before.comments if before else ()) - Counter(other.comments if other else ())
    return "\n".join(Counter(side.comments) - removed - Counter(result.comments))


def _by_lines(
    value: Value, before: Document | None, ours: Document, theirs: Document
) -> Document | None:
    text = merge_lines(before.text, ours.text, theirs.text) if before else None
    return None if text is None else _read(text, value, ours)


def _by_values(
    value: Value, ours: Document, theirs: Document, known: Annotation
) -> Document | None:
    if value == ours.root.value:
        return ours
    copied = spliced(value, ours, theirs, known)
    # A block scalar at the end of a text without a final line break would lose its own.
    found = _read(copied, value, ours) or _read(copied + "\n", value, ours)
    return found or _read(spliced(value, ours, theirs, known, anew=True), value, ours)


def _read(text: str, value: Value, ours: Document) -> Document | None:
    """A merged text, if it reads as it should: it is about to replace a file."""
    found = parse_yaml(ours.restored(text))
    return found if isinstance(found, Document) and found.root.value == value else None
