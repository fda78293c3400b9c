"""One records file in a turn: what its save says, and what to do about each of its keys.

What the file is to hold of each key is kept in the ledger, and that is the local version that
counts. A save is taken as edits of it (see `core.authored`), each key is decided like any other,
and the file is written after that, once for all of them, where it does not hold what it is to
hold: see `rewrite`. No IO but reads of the ledger.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.core.decision import Decision, FileState, Known, Taken, View
from syncd.core.model import (
    BYTES_DAMAGED,
    TOMBSTONE,
    Content,
    Digest,
    Format,
    Hold,
    Key,
    Kind,
    OperationId,
    Plan,
    Reason,
    Tombstone,
    Version,
)
from syncd.engine.ports import LocalReplica
from syncd.engine.turns.combine import Combiner, Lacking
from syncd.engine.turns.merging import Merging, finished
from syncd.engine.turns.plan import Planner
from syncd.engine.turns.saves import UNKNOWN, Saves
from syncd.ledger.ledger import Ledger
from syncd.stores.records import ENVELOPE, Split, fitting, part_of
from syncd.stores.tree import compact


@dataclass(slots=True)
class FileTurn:
    """What a turn came to for a records file.

    `decisions` are those about its keys, `there` the records that the file is to hold,
    `wanted` those whose remote bytes must be fetched first. `saved`: a program saved it. `fresh`:
    what was `taken` is not in the ledger yet. `alone`: see `Parts._alone`.
    """

    file: Key
    state: FileState | None = None
    split: Split | None = None
    saved: bool = False
    decisions: list[Decision] = field(default_factory=list)
    there: list[str] = field(default_factory=list)
    wanted: list[Key] = field(default_factory=list)
    taken: Taken | None = None
    fresh: bool = False
    alone: list[tuple[Key, bytes]] = field(default_factory=list)


class Parts:
    """Decides the keys of records files."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], planner: Planner
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._planner = planner
        self.saves = Saves(ledger, stores)
        self._combiner = Combiner(ledger)

    async def decide(self, file: Key, state: FileState, split: Split) -> FileTurn:
        """What to do about a file that was read and taken apart."""
        before = self._ledger.places.file(file.store, file.path)
        saved = before is None or before.digest != state.digest
        turn = FileTurn(file, state, split, saved)
        known = self._ledger.records.known(file)
        parts = self.saves.taken(file, known, split) if saved else Taken(file, state, {}, {})
        turn.taken = replace(parts, file=state)
        await self._decide_keys(turn, known)
        turn.fresh = not self._same(before, state) or bool(turn.taken.parts)
        return turn

    async def decide_missing(self, file: Key, gone: Sequence[Key]) -> FileTurn:
        """What to do about a file that is not there; the keys in `gone` were deleted with it."""
        turn = FileTurn(file)
        known = self._ledger.records.known(file)
        parts = {key: (TOMBSTONE, self.saves.left_out(file, known[key.record])) for key in gone}
        turn.taken = Taken(file, None, parts, {})
        turn.fresh = self._ledger.places.file(file.store, file.path) is not None or bool(parts)
        await self._decide_keys(turn, known)
        return turn

    def live(self, file: Key) -> list[Key]:
        """The keys of a records file that was there; what never was is still to be written."""
        if self._ledger.places.file(file.store, file.path) is None:
            return []
        return [_key(file, name) for name, each in self._ledger.records.known(file).items()
                if isinstance(each.local, Content)]  # fmt: skip

    def let_go(self, store: str, live: list[Key]) -> list[Key]:
        """Those of `live` that are deleted with their file. Deployments are never deleted by
        leaving them out: the file comes back, unless a person let them go.
        """
        if self._stores[store].kind is not Kind.DEPLOYMENT:
            return live
        decided = self._ledger.deletions.decided(store)
        return [key for key in live if key in decided]

    def wants_no_file(self, file: Key) -> bool:
        """Whether none would be written where none is: see `Planner.wants_no_file`."""
        known = self._ledger.records.known(file)
        there = sum(isinstance(each.local, Content) for each in known.values())
        return there == len(self.let_go(file.store, self.live(file))) and all(
            self._planner.wants_no_file(_key(file, name), each.view) for name, each in known.items()
        )

    async def _decide_keys(self, turn: FileTurn, known: Mapping[str, Known]) -> None:
        assert turn.taken is not None
        held = {k.record for k in self._ledger.attention.held_records(turn.file.store)
                if k.path == turn.file.path}  # fmt: skip
        changed = {key.record: local for key, (local, _) in turn.taken.parts.items()}
        alive = False
        envelope: tuple[Known, Version] | None = None
        for name in {**dict.fromkeys(known), **dict.fromkeys(changed)}:
            before = known.get(name, UNKNOWN)
            local = changed.get(name, before.local)
            if isinstance(local, Content):
                turn.there.append(name)
            if name == ENVELOPE:
                envelope = (before, local)
                continue
            if before.settled(local) and name not in held:
                alive = alive or isinstance(local, Content)
                continue
            key = _key(turn.file, name)
            alive = await self._decide_key(turn, key, before, local) or alive
        if envelope is not None and not envelope[0].settled(envelope[1]):
            await self._decide_envelope(turn, *envelope, alive=alive)
        turn.alone = list(self._alone(turn, known))

    def _alone(self, turn: FileTurn, known: Mapping[str, Known]) -> Iterator[tuple[Key, bytes]]:
        """What only the ledger would hold: neither the file does nor, as was heard, the deployment.

        A program that starts anew leaves out what it does not know, sent or not; what was merged
        waits for the file to rest. With the ledger lost it is found in history.
        """
        assert turn.taken is not None
        there = turn.split.parts if turn.split is not None else {}
        made = {each.key.record: each for each in turn.decisions if each.plan.to_local is not None}
        changed = {key.record: local for key, (local, _) in turn.taken.parts.items()}
        for name in {**dict.fromkeys(known), **dict.fromkeys(changed)}:
            before = known.get(name, UNKNOWN)
            local, decision = changed.get(name, before.local), made.get(name)
            version = local if decision is None else decision.plan.to_local
            if not isinstance(version, Content) or version == before.view.remote.version:
                continue
            if name in there and there[name].content == version:
                continue
            body = self._body(turn, version) if decision is None else decision.body
            if body is not None:
                yield _key(turn.file, name), body

    async def _decide_key(self, turn: FileTurn, key: Key, before: Known, local: Version) -> bool:
        """Decide about one key; whether the file is to hold something of it after that."""
        decision = await self._decided(turn, key, before, local)
        if decision is not None:
            turn.decisions.append(decision)
        after = decision.plan.to_local if decision is not None else None
        return isinstance(local if after is None else after, Content)

    async def _decide_envelope(
        self, turn: FileTurn, before: Known, local: Version, *, alive: bool
    ) -> None:
        remote = before.view.remote
        if hold := self._mirrored_whole(turn.file, remote.version):
            plan = Plan(Reason.HELD, None, hold=hold)
            turn.decisions.append(self._decision(turn.file, plan, None))
            return
        gone = isinstance(remote.version, Tombstone) and before.view.sent is None
        if alive and gone and isinstance(local, Content) and before.view.base is not None:
            # An envelope stays while a record does: an edit of that beats its deletion.
            plan = Plan(Reason.PUSH, base=remote, to_remote=local)
            body = self._body(turn, local)
            turn.decisions.append(self._decision(turn.file, plan, body, capture=False))
            return
        await self._decide_key(turn, turn.file, before, local)

    def _mirrored_whole(self, file: Key, remote: Version) -> Hold | None:
        """Why the envelope must not meet what the deployment holds under its key, or None."""
        body = self._ledger.contents.get(remote.digest) if isinstance(remote, Content) else None
        pointer = self._stores[file.store].pointer or ""
        found = fitting(ENVELOPE, body, pointer) if body is not None else None
        return _OTHER_LAYOUT if isinstance(found, Hold) else None

    async def _decided(
        self, turn: FileTurn, key: Key, before: Known, local: Version
    ) -> Decision | None:
        view = before.view
        body = self._body(turn, local)
        if view.sent is not None:
            plan = Plan(Reason.NOTHING, None)
            if local != view.sent:
                plan = Plan(Reason.PUSH, base=None, to_remote=local)
            return self._decision(key, plan, body, capture=True)
        decision = self._decision(key, self._planner.plan(key, view, local), body)
        if isinstance(decision.plan.to_local, Content):
            return self._pulled(
                turn, replace(decision, replaced=_digest(local)), decision.plan.to_local
            )
        if isinstance(decision.plan.to_local, Tombstone):
            return replace(decision, replaced=_digest(local))
        if decision.plan.reason is not Reason.CONFLICT or not self._merges(key):
            return decision
        return await self._combined(turn, decision, view)

    async def _combined(self, turn: FileTurn, decision: Decision, view: View) -> Decision | None:
        # The envelope, too, is merged by the kind of its store.
        kind = self._stores[decision.key.store].kind
        refined = self._combiner.refine(replace(decision, kind=kind), view)
        if isinstance(refined, Lacking):
            if self._ledger.attention.reason(decision.key) == BYTES_DAMAGED:
                return decision  # Bytes that nobody can have lose: the save goes over them.
            turn.wanted.append(decision.key)
            return None
        if isinstance(refined, Merging):
            refined = await finished(refined)
        return self._fitted(replace(refined, kind=decision.kind))

    def _pulled(self, turn: FileTurn, decision: Decision, version: Content) -> Decision | None:
        body = self._ledger.contents.get(version.digest)
        if body is None:
            turn.wanted.append(decision.key)
            return None
        return self._fitted(replace(decision, body=body))

    def _fitted(self, decision: Decision) -> Decision:
        """The decision about the tokens of its bytes; a hold where the file must not have these."""
        if decision.body is not None and isinstance(decision.plan.to_local, Content):
            pointer = self._stores[decision.key.store].pointer or ""
            part = fitting(decision.key.record, decision.body, pointer)
            if isinstance(part, Hold):
                return replace(decision, plan=Plan(Reason.HELD, None, hold=part), body=None)
        return _compacted(decision)

    def _decision(
        self, key: Key, plan: Plan, body: bytes | None, *, capture: bool = False
    ) -> Decision:
        kind = self._stores[key.store].kind if key.record else Kind.DOCUMENT
        operation = OperationId(secrets.token_hex(16))
        return Decision(
            key, kind, Format.JSON, plan, operation, None, body, capture=capture, part=True
        )

    def _same(self, before: FileState | None, now: FileState) -> bool:
        if before is None or (before.racy and not now.racy):
            return False
        return (before.stat, before.digest) == (now.stat, now.digest)

    def _merges(self, key: Key) -> bool:
        return self._stores[key.store].way.merges

    def _body(self, turn: FileTurn, local: Version) -> bytes | None:
        if not isinstance(local, Content):
            return None
        new = turn.taken.bodies.get(local.digest) if turn.taken is not None else None
        return new if new is not None else self._ledger.contents.get(local.digest)


_OTHER_LAYOUT = Hold(
    "other-layout",
    "the deployment holds this file with all its records in one entry, as another machine, or an "
    "earlier configuration, mirrors it",
    "give the store another name, or the same layout on every machine",
)


def _key(file: Key, record: str) -> Key:
    return Key(file.store, file.path, record)


def _digest(version: Version) -> Digest | None:
    return version.digest if isinstance(version, Content) else None


def _compacted(decision: Decision) -> Decision:
    """The decision about the tokens of its bytes: what comes from elsewhere may be spread out."""
    if decision.body is None:
        return decision
    part = part_of(compact(decision.body.decode()))
    if part.body == decision.body:
        return decision
    plan = decision.plan
    both = replace(plan, to_local=part.content, to_remote=part.content)
    return replace(decision, plan=both, body=part.body)
