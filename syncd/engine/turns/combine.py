"""Clashes that can be merged with certainty, and saves that did not know what syncd had written.

The bytes of base and remote come from the ledger. A merge is written to the file and pushed; what
lost in it, or was not merged, goes to the conflict whole.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
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
from syncd.core.words import unlike
from syncd.engine.turns.merging import Merging
from syncd.ledger.ledger import Ledger
from syncd.stores.aware import aware
from syncd.stores.merge import MERGE_LIMIT, Combined, merge, summed


@dataclass(frozen=True, slots=True)
class Lacking:
    """The remote bytes are not here: the key must be fetched before it is decided."""


FORMER = 8
"""How many versions that were agreed on before are compared with a save, the newest first."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A version of the file that an editor may have read."""

    digest: Digest
    body: bytes

    @property
    def snapshot(self) -> Snapshot:
        """As it is listed."""
        return Snapshot(0, Content(self.digest, len(self.body)))


@dataclass(frozen=True, slots=True)
class _Buffer:
    """What an editor may hold: one of what it may have `read`; syncd has `written` the file since.

    `last` is what the file held before the save: that, or another save after it. `unsent` is the
    digest of what was written where that is all that tells what the editor does not know: what was
    agreed on is what it holds, and the deployment never had more. Else None.
    """

    authored: _Read | None
    before: tuple[_Read, ...]
    written: bytes
    last: bytes
    unsent: Digest | None = None

    def conflict(self, read: _Read, save: Version, told: Snapshot) -> Conflict:
        """What `save` did not know, as it is listed: `told`, or what was never sent."""
        if self.unsent is None:
            return Conflict(read.snapshot, save, told)
        return Conflict(read.snapshot, save, _Read(self.unsent, self.written).snapshot)


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
        self._kept = kept

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
        return Merging(
            max(len(save), len(buffer.written)),
            partial(_unaware, decision, buffer, save, to_remote, base),
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
        authored, wrote = self._ledger.authoring.last(decision.key)
        if authored is None:
            return None
        if authored == last:
            return self._older(decision.key, wrote, authored) if wrote is not None else None
        before = self._ledger.contents.get(authored)
        wrote, written = last, self._ledger.contents.get(last) if last is not None else None
        if written is None and base.digest is not None:
            # A merge that a crash cut short was in the file alone; what it took in is here.
            wrote, written = base.digest, self._ledger.contents.get(base.digest)
        if before is None or written is None or wrote == authored:
            return None
        unsent = wrote if base.digest in (None, authored) else None
        agreed = self._ledger.past.agreed(decision.key, FORMER)
        former = tuple(self._former(decision.key, agreed, {authored, wrote}))
        return _Buffer(_Read(authored, before), former, written, written, unsent)

    def _older(self, key: Key, wrote: Digest, last: Digest) -> _Buffer | None:
        """What an editor may hold where a program here saved since syncd `wrote`, or nobody yet.

        Only what was agreed on before that was written: all that came later was saved here.
        """
        agreed = self._ledger.past.agreed(key, FORMER)
        if wrote not in agreed:
            return None
        former = tuple(self._former(key, agreed[agreed.index(wrote) :], {wrote, last}))
        written, held = self._ledger.contents.get(wrote), self._ledger.contents.get(last)
        if not former or written is None or held is None:
            return None
        return _Buffer(None, former, written, held)

    def _former(
        self, key: Key, agreed: Sequence[Digest], known: Container[Digest | None]
    ) -> Iterator[_Read]:
        """What else the file may have held, as far as its bytes are here; the newest first."""
        room = MERGE_LIMIT
        for digest in agreed:
            if digest in known:
                continue
            body = self._ledger.contents.get(digest) or self._kept(key, digest)
            room -= len(body or b"")
            if room < 0:
                return
            if body is not None:
                yield _Read(digest, body)

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
    read = _read_before(decision, buffer, ours) if buffer is not None else None
    conflict = decision.plan.conflict if found.clashes or read is not None else None
    if buffer is not None and buffer.unsent and read and conflict and not found.clashes:
        conflict = buffer.conflict(read, conflict.local, remote)
    return _write_both(decision, remote, found.body, theirs, conflict)


def _summed(decision: Decision, remote: Snapshot, before: bytes, both: bytes) -> Decision:
    total = summed(before, both, decision.format, decision.kind)
    return decision if total is None else _write_both(decision, remote, total, both, None)


def _unaware(
    decision: Decision, buffer: _Buffer, save: bytes, saved: Version, base: Snapshot
) -> Decision:
    """A save from an editor's old buffer: the file wins, what it did not know is listed.

    The save follows a version that syncd wrote, and merging both from a version that the editor may
    have read before would give something else than the save.
    """
    read = _read_before(decision, buffer, save)
    if read is None:
        return decision
    conflict = buffer.conflict(read, saved, base)
    return replace(decision, plan=replace(decision.plan, conflict=conflict))


def _read_before(decision: Decision, buffer: _Buffer, save: bytes) -> _Read | None:
    """What an editor read that did not know what was `written`; None: it knew, as far as a merge
    can tell.

    Nothing tells which version that was: one that is more like the save than what the file held. A
    field that goes to and fro would be listed with each save, were all of them asked.
    """
    format, kind = decision.format, decision.kind
    written, first = buffer.written, buffer.authored
    reads = (*([first] if first is not None else []), *buffer.before)
    unlikeness = {read.digest: unlike(save, read.body) for read in reads}
    nearest = sorted(reads, key=lambda read: unlikeness[read.digest])
    if first is not None and not aware(first.body, save, written, format, kind):
        return nearest[0]
    known = unlike(save, buffer.last)
    for read in nearest:
        if unlikeness[read.digest] >= known:
            return None
        took_back = not aware(read.body, save, written, format, kind)
        # What the save before this one had taken back of it is listed.
        if took_back and not aware(written, buffer.last, read.body, format, kind):
            return read
    return None


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
