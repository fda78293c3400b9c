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
    Key,
    Plan,
    Reason,
    Snapshot,
    Version,
)
from syncd.engine.turns.buffers import Buffer, Buffers, read_before
from syncd.engine.turns.merging import Merging
from syncd.ledger.ledger import Ledger
from syncd.stores.merge import Combined, merge, summed


@dataclass(frozen=True, slots=True)
class Lacking:
    """The remote bytes are not here: the key must be fetched before it is decided."""


class Combiner:
    """Refines the decisions that reconcile made from digests alone, where bytes tell more."""

    def __init__(
        self,
        ledger: Ledger,
        arrived: Callable[[Key, Digest], bool] = lambda *_: False,
        kept: Callable[[Key, Digest], bytes | None] = lambda *_: None,
    ) -> None:
        self._ledger = ledger
        self._arrived = arrived
        self._buffers = Buffers(ledger, kept)

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
        buffer = self._buffers.of(decision, view, last)
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
        buffer, base = self._buffers.of(decision, view, last), view.base
        save, to_remote = decision.body, decision.plan.to_remote
        if buffer is None or base is None or save is None or to_remote is None:
            return decision
        return Merging(
            max(len(save), len(buffer.written)),
            partial(_unaware, decision, buffer, save, to_remote, base),
        )

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
    buffer: Buffer | None,
) -> Decision:
    """Both sides in one. What lost in it is listed, and what a save took back unknowingly."""
    found = merge(before, ours, theirs, decision.format, decision.kind)
    if not isinstance(found, Combined):
        return decision
    read = read_before(decision, buffer, ours) if buffer is not None else None
    conflict = decision.plan.conflict if found.clashes or read is not None else None
    if buffer is not None and buffer.unsent and read and conflict and not found.clashes:
        conflict = buffer.conflict(read, conflict.local, remote)
    return _write_both(decision, remote, found.body, theirs, conflict)


def _summed(decision: Decision, remote: Snapshot, before: bytes, both: bytes) -> Decision:
    total = summed(before, both, decision.format, decision.kind)
    return decision if total is None else _write_both(decision, remote, total, both, None)


def _unaware(
    decision: Decision, buffer: Buffer, save: bytes, saved: Version, base: Snapshot
) -> Decision:
    """A save from an editor's old buffer: the file wins, what it did not know is listed.

    The save follows a version that syncd wrote, and merging both from a version that the editor may
    have read before would give something else than the save.
    """
    read = read_before(decision, buffer, save)
    if read is None:
        return decision
    conflict = buffer.conflict(read, saved, base)
    return replace(decision, plan=replace(decision.plan, conflict=conflict))


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
