"""Whether a text was made by somebody who had not read another one, where a merge cannot tell.

Both changed lines that touch. A line that was edited further looks like one that was never read,
so that is none; but a line that is gone, or is again what it was, nobody had in view. Pure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from syncd.core.lines import Change, changes

LIKE = 0.5
"""How much of what was added must be in a save that edited it further, in pairs of characters."""


def unread(base: Sequence[str], save: Sequence[str], written: Sequence[str]) -> bool:
    """Whether `save`, which was made from the lines of `base` or of `written`, lacks a change that
    `written` made of them.
    """
    before, ours, theirs = Counter(base), Counter(save), Counter(written)
    kept = {line for line in theirs - before if line in ours - before and _tells(line)}
    restored = {line for line in before - theirs if ours[line] > theirs[line] and _tells(line)}
    edits = list(changes(base, save))
    for change in changes(base, written):
        if kept.intersection(change.lines):
            continue
        former = base[change.start : change.end]
        if restored.intersection(former):
            return True
        if len(change.lines) > len(former) and not _edited(base, change, edits):
            return True
    return False


def _edited(base: Sequence[str], change: Change, edits: Iterable[Change]) -> bool:
    """Whether what `change` added is in the `edits` that touch it, as far as it looks like it."""
    added = _pairs(change.lines) - _pairs(base[change.start : change.end])
    if not added:
        return True  # Empty lines, or lines once more.
    touching = [each for each in edits if each.start <= change.end and change.start <= each.end]
    there: Counter[tuple[str, str]] = Counter()
    for each in touching:
        there += _pairs(each.lines) - _pairs(base[each.start : each.end])
    return (added & there).total() >= LIKE * added.total()


def _pairs(lines: Iterable[str]) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        if text := line.strip():
            found.update(zip(f" {text}", f"{text} ", strict=True))
    return found


def _tells(line: str) -> bool:
    """Whether a line is more than a bracket, which stands anywhere."""
    return any(map(str.isalnum, line))
