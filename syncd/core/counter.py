"""Numbers that both sides add to. Pure."""

from __future__ import annotations

from syncd.core.annotation import Annotation, How
from syncd.core.value import MISSING, Maybe, Number, Value, integer


def sum_counters(base: Maybe, local: Value, remote: Value, *, first_contact: bool) -> Value | None:
    """`base` and what either side added to it; a counter that was not there started at 0.

    At a first contact nobody knows what was added, and the larger one stands. None where the
    values are not whole numbers, or their changes no increments.
    """
    start = 0 if base is MISSING else integer(base)
    ours, theirs = integer(local), integer(remote)
    if start is None or ours is None or theirs is None:
        return None
    total = max(ours, theirs) if first_contact else ours + theirs - start
    if total < 0 <= min(start, ours, theirs):
        return None  # both were reset: a sum below zero means nothing
    return local if total == ours else Number(str(total))


def only_counters_changed(base: Maybe, local: Maybe, remote: Maybe, annotation: Annotation) -> bool:
    """Whether each side differs from `base`, and in nothing but counters, begun ones too."""
    if base is MISSING or not annotation.counts:
        return False
    return all(side != base and _counted_up(base, side, annotation) for side in (local, remote))


def counted_on(before: Maybe, save: Maybe, merged: Maybe, annotation: Annotation) -> bool:
    """Whether `merged` says the same as `save`, but for counters that `save` itself changed.

    Such a save went on counting from what it read: what else was added since is in it already.
    """
    if save == merged or not annotation.counts:
        return save == merged
    if annotation.how is How.COUNTER:
        return save != before
    if not isinstance(save, dict) or not isinstance(merged, dict) or save.keys() != merged.keys():
        return False
    former = before if isinstance(before, dict) else {}
    return all(
        counted_on(former.get(key, MISSING), save[key], merged[key], annotation.member(key))
        for key in save
    )


def _counted_up(before: Maybe, after: Maybe, annotation: Annotation) -> bool:
    """Whether `after` says what `before` did, but for counters that changed or were begun."""
    if before == after or not annotation.counts:
        return before == after
    if annotation.how is How.COUNTER:
        return integer(after) is not None and (before is MISSING or integer(before) is not None)
    if isinstance(before, list) and isinstance(after, list):
        pairs = zip(before, after, strict=False)
        same = (_counted_up(former, each, annotation.element) for former, each in pairs)
        return len(before) == len(after) and all(same)
    former = {} if before is MISSING else before
    if not isinstance(former, dict) or not isinstance(after, dict):
        return False
    return former.keys() <= after.keys() and all(
        _counted_up(former.get(key, MISSING), each, annotation.member(key))
        for key, each in after.items()
    )
