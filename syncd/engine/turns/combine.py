"""Clashes that can be merged with certainty, and saves that did not know what syncd had written.

The bytes of base and remote come from the ledger. A merge is written to the file and pushed; what
lost in it, or was not merged, goes to the conflict whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from syncd.core.decision import Decision, View
from syncd.core.model import (
    Conflict,
    Content,
    Digest,
    Format,
    Key,
    Kind,
    Plan,
    Reason,
    Snapshot,
    Version,
)
from syncd.engine.turns.merging import Merging
from syncd.ledger.ledger import Ledger
from syncd.stores.merge import Combined, counted_on, merge, summed


@dataclass(frozen=True, slots=True)
class Lacking:
    """The remote bytes are not here: the key must be fetched before it is decided."""


@dataclass(frozen=True, slots=True)
class _Buffer:
    """What an editor may hold: `before`, which is `authored`; syncd has `written` since.

    `unsent` is the digest of that where it is all that tells what the editor does not know: what
    was agreed on is what it holds, and the deployment never had more. Else None.
    """

    authored: Digest
    before: bytes
    written: bytes
    unsent: Digest | None

    def conflict(self, save: Version, told: Snapshot) -> Conflict:
        """What `save` did not know, as it is listed: `told`, or what was never sent."""
        known = Snapshot(0, Content(self.authored, len(self.before)))
        if self.unsent is None:
            return Conflict(known, save, told)
        return Conflict(known, save, Snapshot(0, Content(self.unsent, len(self.written))))


class Combiner:
    """Refines the decisions that reconcile made from digests alone, where bytes tell more."""

    def __init__(
        self, ledger: Ledger, arrived: Callable[[Key, Digest], bool] = lambda *_: False
    ) -> None:
        self._ledger = ledger
        self._arrived = arrived

    def refine(self, decision: Decision, view: View) -> Decision | Merging | Lacking:
        """The decision to take for a file whose bytes are `decision.body`."""
        if decision.plan.reason not in (Reason.CONFLICT, Reason.CONVERGED, Reason.PUSH):
            return decision
        last = self._last(decision.key) if view.base is not None else None
        if last is not None and decision.file is not None and last == decision.file.digest:
            decision = replace(decision, seen=True)
        match decision.plan.reason:
            case Reason.CONFLICT:
                return self._conflict(decision, view, last)
            case Reason.CONVERGED:
                return self._converged(decision, view)
            case _:
                return self._push(decision, view, last)

    def _conflict(
        self, decision: Decision, view: View, last: Digest | None
    ) -> Decision | Merging | Lacking:
        theirs = self._bytes(view.remote.version)
        if theirs is None:
            # A payload is merged with nothing: what is left is to have it before it is listed.
            digest = view.remote.digest
            here = digest is not None and self._arrived(decision.key, digest)
            return decision if here else Lacking()
        before = self._bytes(view.base.version) if view.base else None
        lost = view.base is not None and isinstance(view.base.version, Content) and before is None
        if lost or decision.body is None:
            return decision
        buffer = self._buffer(decision, view, last)
        return Merging(
            max(len(decision.body), len(theirs), len(buffer.written) if buffer else 0),
            partial(_merged, decision, view.remote, before, decision.body, theirs, buffer),
        )

    def _converged(self, decision: Decision, view: View) -> Decision | Merging:
        # Two increments that came to equal bytes. Bytes of our own never come here: the note, or
        # the commit that removed it, made them the base.
        before = self._bytes(view.base.version) if view.base else None
        if decision.body is None or before is None:
            return decision
        return Merging(
            len(decision.body), partial(_summed, decision, view.remote, before, decision.body)
        )

    def _push(self, decision: Decision, view: View, last: Digest | None) -> Decision | Merging:
        """A save from an editor's old buffer, perhaps: see `_unaware`."""
        buffer, base = self._buffer(decision, view, last), view.base
        save, to_remote = decision.body, decision.plan.to_remote
        if buffer is None or base is None or save is None or to_remote is None:
            return decision
        conflict = buffer.conflict(to_remote, base)
        return Merging(
            max(len(save), len(buffer.written)),
            partial(_unaware, decision, buffer.before, save, buffer.written, conflict),
        )

    def _buffer(self, decision: Decision, view: View, last: Digest | None) -> _Buffer | None:
        """What an editor may have read before syncd wrote the file; None: there is no such thing.

        `last` is what the file held before the save: what syncd wrote, if it is not `authored`.
        What was written may be more than the base, and not be sent yet: a merge of two sides.
        """
        base = view.base
        # What the last turn read or wrote is no new save: `authored` may be that save itself.
        if base is None or decision.seen or decision.part:
            return None
        authored = self._ledger.entries.authored(decision.key)
        if authored is None or authored == last:
            return None
        before = self._ledger.contents.get(authored)
        wrote, written = last, self._ledger.contents.get(last) if last is not None else None
        if written is None and base.digest is not None:
            # A merge that a crash cut short was in the file alone; what it took in is here.
            wrote, written = base.digest, self._ledger.contents.get(base.digest)
        if before is None or written is None or wrote == authored:
            return None
        unsent = wrote if base.digest in (None, authored) else None
        return _Buffer(authored, before, written, unsent)

    def _last(self, key: Key) -> Digest | None:
        """What the file held when it was last read or written."""
        known = self._ledger.places.file(key.store, key.path)
        return known.digest if known is not None else None

    def _bytes(self, version: Version) -> bytes | None:
        if not isinstance(version, Content):
            return None
        return self._ledger.contents.get(version.digest)


def _merged(
    decision: Decision,
    remote: Snapshot,
    before: bytes | None,
    ours: bytes,
    theirs: bytes,
    buffer: _Buffer | None,
) -> Decision:
    """Both sides in one. What lost in it is listed, and what a save took back unknowingly."""
    found = merge(before, ours, theirs, decision.format, decision.kind)
    if not isinstance(found, Combined):
        return decision
    unaware = buffer is not None and not _merged_as_save(
        decision, buffer.before, ours, buffer.written
    )
    conflict = decision.plan.conflict if found.clashes or unaware else None
    if buffer is not None and buffer.unsent and conflict is not None and not found.clashes:
        conflict = buffer.conflict(conflict.local, remote)
    return _write_both(decision, remote, found.body, theirs, conflict)


def _summed(decision: Decision, remote: Snapshot, before: bytes, both: bytes) -> Decision:
    total = summed(before, both, decision.format, decision.kind)
    return decision if total is None else _write_both(decision, remote, total, both, None)


def _unaware(
    decision: Decision, before: bytes, save: bytes, written: bytes, conflict: Conflict
) -> Decision:
    """A save from an editor's old buffer: the file wins, what it did not know is listed.

    The save follows a version that syncd wrote, and merging both from the last version that it
    did not write, `before`, would give something else than the save.
    """
    if _merged_as_save(decision, before, save, written):
        return decision
    return replace(decision, plan=replace(decision.plan, conflict=conflict))


def _merged_as_save(decision: Decision, before: bytes, save: bytes, written: bytes) -> bool:
    """Whether nothing of `written` is missing in `save`, as far as a merge can tell."""
    found = merge(before, save, written, decision.format, decision.kind)
    if not isinstance(found, Combined):
        found = merge(before, save, written, Format.TEXT, Kind.DOCUMENT)
    if not isinstance(found, Combined):
        return True
    return counted_on(before, save, found.body, decision.format, decision.kind)


def _write_both(
    decision: Decision, remote: Snapshot, body: bytes, theirs: bytes, conflict: Conflict | None
) -> Decision:
    """The decision that brings `body` to whichever side does not hold it yet."""
    merged = Content.of(body)
    plan = Plan(
        Reason.MERGED,
        base=remote,
        to_local=merged if body != decision.body else None,
        to_remote=merged if body != theirs else None,
        conflict=conflict,
    )
    return replace(decision, plan=plan, body=body)
