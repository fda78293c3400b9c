"""Edits of files that have another name by now: they are merged into the moved file.

An edit made here under the old name of a file that was moved elsewhere, and one made elsewhere of
a file that was moved here. Only what merges with certainty follows; else, and where anything is in
doubt, the old name comes back beside the new one. No IO but reads of files and of the ledger.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.decision import Decision, FileState, View
from syncd.core.direction import Way
from syncd.core.model import (
    INLINE_LIMIT,
    NEVER,
    TOMBSTONE,
    Content,
    Digest,
    Key,
    OperationId,
    Plan,
    Reason,
    Tombstone,
)
from syncd.core.reading import Found, Reading
from syncd.engine.ports import LocalReplica
from syncd.engine.turns.decide import Turn
from syncd.engine.turns.moves import Moves
from syncd.engine.turns.readings import Readings
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import kind_of
from syncd.stores.merge import Combined, merge

STEPS = 8
"""Moves of one file that are followed; what went on further is edited under a deleted name."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """An edit of a file that is at `target` now, made here or elsewhere, and what is known."""

    decision: Decision
    view: View
    target: Key
    there: View

    @property
    def ours(self) -> bool:
        """Whether the edit was made here, and the move elsewhere."""
        return self.decision.plan.to_remote is not None


class Renamed:
    """Has edits follow files to their new names."""

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        moves: Moves,
        readings: Readings,
        unfinished: Callable[[Key], bool],
    ) -> None:
        """`unfinished` tells what a crash left half written."""
        self._ledger = ledger
        self._stores = stores
        self._moves = moves
        self._readings = readings
        self._unfinished = unfinished

    async def followed(
        self, decisions: Sequence[Decision], views: Mapping[Key, View], turn: Turn
    ) -> list[Decision]:
        """`decisions`, those about edits that follow a move made about both of its names.

        The old name is given up only with what is written under the new one: it has that for its
        `target`.
        """
        found = {each.key: each for each in decisions}
        for edit in self._edits(decisions, views):
            key, target = edit.decision.key, edit.target
            read = await asyncio.to_thread(self._readings.first, [target], turn.slow)
            reading = read.get(target)
            if edit.ours and self._moves.awaits(key, target, turn, reading):
                del found[key]
                continue
            if not edit.ours and edit.there.sent is not None:
                # Nothing is written into it until that is answered, and the file is not here
                # anyway: the edit is safe where it was made.
                self._moves.after(key, target, turn)
                del found[key]
                continue
            made = await self._into(edit, reading, found.get(target), turn)
            if made is not None:
                found[target] = made
                found[key] = _given_up(edit, made)
        return list(found.values())

    def _edits(self, decisions: Sequence[Decision], views: Mapping[Key, View]) -> list[_Edit]:
        missed = [each for each in decisions if _is_missed(each, views[each.key])]
        targets = self._moves.moved(missed, decisions, views)
        for each in decisions:
            if _is_edit(each, views[each.key]):
                target = self._end(each.key, views[each.key])
                targets |= {} if target is None else {each.key: target}
        return [
            _Edit(each, views[each.key], targets[each.key], self._ledger.view(targets[each.key]))
            for each in decisions
            if each.key in targets and self._stores[each.key.store].way is Way.BOTH
            and not self._is_another(each, views[each.key], targets[each.key])
        ]  # fmt: skip

    def _is_another(self, decision: Decision, view: View, target: Key) -> bool:
        """Whether what `decision` brings under a name whose file is at `target` now is no edit of
        it, as far as is known: another file that was renamed over it, here or elsewhere.
        """
        key, come = decision.key, decision.plan.to_local
        if not isinstance(come, Content):
            return decision.taken or view.taken
        # Not the target's: the same edit may have been made of it here.
        return self._ledger.takeovers.had(come.digest, key.store, (key.path, target.path))

    def _end(self, key: Key, view: View) -> Key | None:
        """Where the file is that was moved from `key`, None where that is not known."""
        for _ in range(STEPS):
            gone = view.remote.version
            if not isinstance(gone, Tombstone):
                return key
            if gone.moved_to is None:
                return None
            moved, key = view.remote.at, Key(key.store, gone.moved_to)
            view = self._ledger.view(key)
            if view.remote.at < moved:
                return key  # What came of it is still to be heard.
        return None

    async def _into(
        self, edit: _Edit, found: Reading | None, other: Decision | None, turn: Turn
    ) -> Decision | None:
        """What brings the edit into the moved file, None where it does not follow."""
        key, store = edit.target, self._stores[edit.target.store]
        if not isinstance(found, Found) or found.body is None or not self._may_follow(edit, other):
            return None
        if edit.ours and found.content != edit.there.remote.version:
            return None
        body = await self._merged(edit, found.body, found.content.digest)
        if body is None:
            return None
        merged = Content.of(body)
        plan = Plan(
            Reason.MERGED,
            base=edit.there.remote,
            to_local=merged if merged != found.content else None,
            to_remote=merged if merged != edit.there.remote.version else None,
        )
        file = FileState(found.stat, found.content.digest, turn.looked_ns)
        operation = OperationId(secrets.token_hex(16))
        kind, format = kind_of(store.kind, key.path), store.format(key.path)
        return Decision(key, kind, format, plan, operation, file, body)

    def _may_follow(self, edit: _Edit, other: Decision | None) -> bool:
        """Whether nothing else is to be decided about the moved file first.

        A file whose last version is of this device may hold the edit already: a crash came between
        the writing of the new name and the end of the old one. Merged again, counters count twice.
        """
        key, there = edit.target, edit.there
        store = self._stores[key.store]
        if there.sent is not None or not store.includes(key.path) or store.pointer is not None:
            return False
        if self._ledger.attention.reason(key) is not None or self._unfinished(key):
            return False
        if store.format(key.path) is not edit.decision.format:
            return False
        if not edit.ours:
            known = there.agreed or (there.remote == NEVER and there.base is None)
            return known and (other is None or other.plan.reason is Reason.PUSH)
        theirs = self._ledger.entries.last_write(key)[1] != self._ledger.places.get("device")
        # What was just written is looked at once more, which changes nothing.
        still = other is None or other.plan.reason is Reason.NOTHING
        return there.agreed and theirs and still

    async def _merged(self, edit: _Edit, here: bytes, digest: Digest) -> bytes | None:
        former, body = edit.view.base, edit.decision.body
        if former is None or former.digest is None or body is None:
            return None
        if digest == former.digest:
            return body
        before = self._ledger.contents.get(former.digest)
        if before is None:
            return None
        sides = (body, here) if edit.ours else (here, body)
        of = edit.decision
        both = await asyncio.to_thread(merge, before, *sides, of.format, of.kind)
        if not isinstance(both, Combined) or both.clashes or len(both.body) > INLINE_LIMIT:
            return None
        return both.body


def together(decided: Sequence[Decision], admitted: Sequence[Decision]) -> list[Decision]:
    """Those of `admitted` that may go without what else was `decided`.

    An edit made elsewhere follows a move only with the end of the former name: else it would
    follow again.
    """
    kept = {each.key for each in admitted}
    waits = {each.target for each in decided if each.key not in kept and each.plan.to_remote}
    return [each for each in admitted if each.operation not in waits]


def postponed(
    halves: Sequence[Decision],
    decisions: Sequence[Decision],
    made: Collection[OperationId],
    turn: Turn,
) -> list[tuple[Key, float]]:
    """When those of `halves` are looked at again whose targets were not `made`: with these.

    Sooner, a file that is open for writing would be tried, and given up, at once.
    """
    again = dict(turn.again)
    targets = {each.operation: again.get(each.key, 0.0) for each in decisions}
    return [(each.key, targets.get(each.target, 0.0)) for each in halves
            if each.target is not None and each.target not in made]  # fmt: skip


def _is_edit(decision: Decision, view: View) -> bool:
    """Whether `decision` has an edit made here beat a deletion."""
    plan = decision.plan
    pushes = plan.reason is Reason.PUSH and isinstance(plan.to_remote, Content)
    edited = view.base is not None and isinstance(view.base.version, Content) and not view.agreed
    return pushes and edited and not decision.capture and decision.body is not None


def _is_missed(decision: Decision, view: View) -> bool:
    """Whether `decision` brings back what is gone here and was edited elsewhere, once.

    What was written more than once may have been deleted in between, and be another file: it would
    go over the one that was moved here.
    """
    plan, base = decision.plan, view.base
    pulls = plan.reason is Reason.PULL and isinstance(plan.to_local, Content)
    if base is None or not isinstance(base.version, Content) or decision.body is None:
        return False
    return pulls and decision.file is None and view.remote.revision == base.revision + 1


def _given_up(edit: _Edit, made: Decision) -> Decision:
    remote = edit.view.remote
    if edit.ours:
        plan = Plan(Reason.PULL, base=remote, to_local=remote.version)
    else:
        plan = Plan(Reason.PUSH, base=remote, to_remote=TOMBSTONE)
    return replace(edit.decision, plan=plan, body=None, target=made.operation)
