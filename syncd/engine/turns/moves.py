"""New files that may be known ones under another name: they wait until that is certain.

A file that vanished is believed gone only after a second, so a new file that may be the same one
waits as long, and both are decided in one turn. No IO but reads of the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from syncd.core.decision import Decision, View
from syncd.core.doubt import Doubts
from syncd.core.model import Content, Digest, Key, Snapshot, Tombstone
from syncd.core.move import Trace, may_be, pairs
from syncd.core.reading import Found, Reading, Unsettled
from syncd.core.whereabouts import Whereabouts
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.turns.decide import Turn
from syncd.ledger.ledger import Ledger

LIKE = 20
"""Files of the same bytes beyond which only the inode tells which of them one was."""

LATELY = 10_000
"""Moves that are remembered for edits of the old names that are heard late."""


class Moves:
    """Remembers which new files wait, and makes one move of a deletion and a creation."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica], clock: Clock) -> None:
        self._ledger = ledger
        self._stores = stores
        self._clock = clock
        self._patience = Doubts()
        self._waiting: dict[Key, set[Key]] = {}
        self._whereabouts = Whereabouts(LATELY)
        """Of files that were moved here."""

    def together(self, keys: Iterable[Key]) -> list[Key]:
        """`keys`, and the new files that wait for them: to be decided in one turn."""
        found = dict.fromkeys(keys)
        for key in list(found):
            found.update(dict.fromkeys(self._waiting.pop(key, ())))
        return list(found)

    def former(self, readings: Mapping[Key, Reading], turn: Turn) -> dict[Key, list[Key]]:
        """For each new file among `readings`, the keys of the known files that it may have been.

        Those of known files over which others were renamed are `taken` in `turn`.
        """
        read = {key: each for key, each in readings.items() if isinstance(each, Found)}
        for key in read:
            self._whereabouts.taken(key)
        # Of all at once: of a first mirror none was ever seen.
        known = self._ledger.places.known({each.content.digest for each in read.values()})
        found = {
            key: self._former(key, each, turn)
            for key, each in read.items()
            if each.content.digest in known
        }
        return {key: former for key, former in found.items() if former}

    def waits(self, key: Key, former: Collection[Key], turn: Turn) -> bool:
        """Whether `key` is decided later, with those of `former` whose absence is doubted yet."""
        when = max((when for other, when in turn.again if other in former), default=None)
        if when is None:
            return False
        turn.again.append((key, when))
        for other in former:
            self._waiting.setdefault(other, set()).add(key)
        return True

    def comes_later(self, decision: Decision, turn: Turn) -> bool:
        """Whether a removal waits, for a while, until its content is there under the new name."""
        gone = decision.plan.to_local
        if not isinstance(gone, Tombstone) or gone.moved_to is None:
            return False
        return self.awaits(decision.key, Key(decision.key.store, gone.moved_to), turn)

    def awaits(self, key: Key, target: Key, turn: Turn, reading: Reading | None = None) -> bool:
        """Whether `key` waits, for a while, until what is at `target` elsewhere is here, whole."""
        when = None
        moved = self._ledger.entries.get(key)[1].at
        if isinstance(reading, Unsettled) or self._is_coming(target, moved):
            when = self._patience.unsettled(key, self._clock.monotonic())
        if when is None:
            self._patience.certain(key)
            return False
        turn.again += [(target, 0.0), (key, when)]
        return True

    def after(self, key: Key, target: Key, turn: Turn) -> None:
        """Have `key` decided with `target`, of which an answer is awaited, once that is here."""
        turn.deferred.append(target)
        self._waiting.setdefault(target, set()).add(key)

    def paired(self, decisions: Sequence[Decision]) -> list[Decision]:
        """`decisions`, those that are halves of a move tied to one another."""
        gone = {each.key: each for each in decisions if _deletes(each) and each.target is None}
        came = {each.key: each for each in decisions if _creates(each)}
        moves = self._pairs(gone, came) if gone and came else {}
        for each in decisions if self._whereabouts else ():
            if _ends(each) and each.key not in moves:
                self._whereabouts.gone(each.key)
        # The deletion is queued first, so that it is met first where both are claimed.
        return [*moves.values(), *(each for each in decisions if each.key not in moves)]

    def _pairs(
        self, gone: Mapping[Key, Decision], came: Mapping[Key, Decision]
    ) -> dict[Key, Decision]:
        found = pairs((self._trace(each) for each in gone.values()), _appeared(came))
        moves = {
            key: replace(gone[key], target=came[target].operation)
            for key, target in found.items()
            if _alike(gone[key], came[target])
        }
        for key, each in moves.items():
            if each.plan.base is not None:
                self._whereabouts.moved(key, each.plan.base, found[key])
        return moves

    def moved(
        self, missed: Sequence[Decision], decisions: Sequence[Decision], views: Mapping[Key, View]
    ) -> dict[Key, Key]:
        """Where files are that were moved here, of `missed`: edited elsewhere under the old name.

        What was moved before a restart is known as long as that waits to be sent. What was merged
        into the moved file once is what is agreed on, and not found again.
        """
        if not missed:
            return {}
        gone = [self._trace_of(each.key, views[each.key].base) for each in missed]
        gone += [self._trace(each) for each in decisions if _deletes(each)]
        came = {each.key: each for each in decisions if _creates(each)}
        found = pairs(gone, _appeared(came))
        for each in missed:
            made = self._whereabouts.of(each.key, views[each.key].base)
            made = made or self._ledger.outbox.claimable.moving(each.key)
            if made is not None:  # And may move on in this very turn.
                found[each.key] = found.get(made, made)
        return {each.key: found[each.key] for each in missed if each.key in found}

    def _former(self, key: Key, reading: Found, turn: Turn) -> list[Key]:
        content, inode = reading.content, reading.stat.inode
        here = Trace(key, content.digest, inode)
        alike = self._ledger.places.like(key.store, content.digest, inode, LIKE)
        traces = [Trace(Key(key.store, path), content.digest, met) for path, met in alike]
        found = [trace.key for trace in traces if may_be(here, trace)]
        view = self._ledger.view(key) if found else None
        if view is None or _is_new(view):
            return found
        known = self._ledger.places.file(key.store, key.path)
        another = known is not None and known.stat.inode != inode
        if another and any(trace.inode == inode for trace in traces):
            turn.taken.add(key)
        return []

    def _is_coming(self, key: Key, moved: int) -> bool:
        """Whether what is at `key` elsewhere, since a file was `moved` there, is still to come."""
        if not self._stores[key.store].includes(key.path):
            return False
        if self._ledger.attention.reason(key) is not None:
            return False
        base, remote = self._ledger.entries.get(key)
        # RACE: written again since, it lies further on in the feed.
        return remote.at < moved or (isinstance(remote.version, Content) and base != remote)

    def _trace(self, decision: Decision) -> Trace:
        return self._trace_of(decision.key, decision.plan.base)

    def _trace_of(self, key: Key, base: Snapshot | None) -> Trace:
        file = self._ledger.places.file(key.store, key.path)
        digest = base.digest if base is not None else None
        return Trace(key, digest or Digest(""), file.stat.inode if file is not None else None)


def _is_new(view: View) -> bool:
    known = [view.remote, *([view.base] if view.base else [])]
    return view.sent is None and all(isinstance(each.version, Tombstone) for each in known)


def _deletes(decision: Decision) -> bool:
    plan = decision.plan
    deleting = isinstance(plan.to_remote, Tombstone) and not decision.part
    return deleting and not decision.capture and plan.base is not None


def _ends(decision: Decision) -> bool:
    """Whether no file is at the key any more, or will be; what came of that is not told."""
    plan = decision.plan
    there = decision.file is not None and not isinstance(plan.to_local, Tombstone)
    comes = isinstance(plan.to_local, Content) or plan.hold is not None
    return not (there or comes or decision.part or decision.target is not None)


def _creates(decision: Decision) -> bool:
    plan = decision.plan
    creating = isinstance(plan.to_remote, Content) and not decision.part
    new = plan.base is not None and isinstance(plan.base.version, Tombstone)
    return creating and new and plan.to_local is None and not decision.capture


def _appeared(came: Mapping[Key, Decision]) -> list[Trace]:
    files = ((key, each.file) for key, each in came.items())
    return [Trace(key, file.digest, file.stat.inode) for key, file in files if file is not None]


def _alike(gone: Decision, came: Decision) -> bool:
    return (gone.kind, gone.format) == (came.kind, came.format)
