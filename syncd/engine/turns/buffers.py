"""What an editor may hold that saves a file over what syncd wrote into it since it read it.

Nobody tells what a program has read. What its save lacks tells, as far as a merge can.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass

from syncd.core.decision import Decision, View
from syncd.core.model import Conflict, Content, Digest, Key, Snapshot, Version
from syncd.core.words import unlike
from syncd.ledger.ledger import Ledger
from syncd.stores.aware import aware
from syncd.stores.merge import MERGE_LIMIT

FORMER = 8
"""How many versions that were agreed on before are compared with a save, the newest first."""


@dataclass(frozen=True, slots=True)
class Read:
    """A version of the file that an editor may have read."""

    digest: Digest
    body: bytes

    @property
    def snapshot(self) -> Snapshot:
        """As it is listed."""
        return Snapshot(0, Content(self.digest, len(self.body)))


@dataclass(frozen=True, slots=True)
class Buffer:
    """What an editor may hold: `authored`, or one of what was agreed on `before`; syncd has
    `written` the file since.

    `authored` is None where it is what the file held: `last`, which is what was written or another
    save after it. `unsent` is the digest of what was written where that is all that tells what the
    editor does not know: what was agreed on is what it holds, and the deployment never had more.
    """

    authored: Read | None
    before: tuple[Read, ...]
    written: bytes
    last: bytes
    unsent: Digest | None = None

    def conflict(self, read: Read, save: Version, told: Snapshot) -> Conflict:
        """What `save` did not know, as it is listed: `told`, or what was never sent."""
        if self.unsent is None:
            return Conflict(read.snapshot, save, told)
        return Conflict(read.snapshot, save, Read(self.unsent, self.written).snapshot)


class Buffers:
    """Tells of a save what its editor may hold. `kept` finds a text that was replaced."""

    def __init__(self, ledger: Ledger, kept: Callable[[Key, Digest], bytes | None]) -> None:
        self._ledger = ledger
        self._kept = kept

    def of(self, decision: Decision, view: View, last: Digest | None) -> Buffer | None:
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
        return Buffer(Read(authored, before), former, written, written, unsent)

    def _older(self, key: Key, wrote: Digest, last: Digest) -> Buffer | None:
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
        return Buffer(None, former, written, held)

    def _former(
        self, key: Key, agreed: Sequence[Digest], known: Container[Digest | None]
    ) -> Iterator[Read]:
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
                yield Read(digest, body)


def read_before(decision: Decision, buffer: Buffer, save: bytes) -> Read | None:
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
    last = unlike(save, buffer.last)
    for read in nearest:
        if unlikeness[read.digest] >= last:
            return None
        took_back = not aware(read.body, save, written, format, kind)
        # What the save before this one had taken back of it is listed.
        if took_back and not aware(written, buffer.last, read.body, format, kind):
            return read
    return None
