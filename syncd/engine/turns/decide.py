"""From what was read of a key to the decision about it. No IO but reads of the ledger."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from syncd.core.decision import UNREAD, Decision, FileState, View
from syncd.core.model import (
    BYTES_DAMAGED,
    TOMBSTONE,
    Content,
    Digest,
    Format,
    Hold,
    Key,
    OperationId,
    Plan,
    Reason,
    Tombstone,
    Version,
)
from syncd.core.reading import Found, Missing, Obstructed, Reading, Unreadable, Unsettled
from syncd.engine.ports import Clock, LocalReplica
from syncd.engine.stops.guards import Guards
from syncd.engine.turns.combine import Combiner, Lacking
from syncd.engine.turns.merging import Merging
from syncd.engine.turns.parts import FileTurn, Parts
from syncd.engine.turns.plan import Planner
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import kind_of
from syncd.stores.records import Split


@dataclass(slots=True)
class Turn:
    """What a turn leaves to others.

    `again`: keys to name at a monotonic time. `wanted`: keys whose bytes must be fetched.
    `unready`: payloads that are here but not beside their files. `slow`: keys whose files are to
    be read apart. `deferred`: keys to name when their sent row is answered. `queued`: rows were
    queued.
    `guarded`: the stores looked at for deletions, and whether these must wait. `looked_ns`: when
    its files began to be read. `claimed`: the keys of what was claimed since it began. `taken`:
    those of files that were renamed over others.
    """

    again: list[tuple[Key, float]] = field(default_factory=list)
    wanted: list[Key] = field(default_factory=list)
    unready: list[tuple[Key, Digest]] = field(default_factory=list)
    slow: list[Key] = field(default_factory=list)
    deferred: list[Key] = field(default_factory=list)
    queued: bool = False
    guarded: dict[str, bool] = field(default_factory=dict)
    looked_ns: int = field(default=UNREAD, compare=False)
    claimed: Set[Key] = field(default=frozenset(), compare=False)
    taken: set[Key] = field(default_factory=set)

    def standing(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Those of `decisions` that nothing has overtaken; the others are named again.

        RACE: what was queued for a key was claimed since it was looked at, and answered perhaps.
        To decide nothing would then undo what was sent, and to send the same would send it twice.
        What was written to a file stands. Of a move both halves go, or neither.
        """
        gone = {
            each.operation
            for each in decisions
            if each.key in self.claimed and each.plan.to_local is None and not each.capture
        }
        if not gone:
            return list(decisions)
        lost = {each.key for each in decisions if each.operation in gone or each.target in gone}
        self.again += [(Key(key.store, key.path), 0.0) for key in lost]
        return [each for each in decisions if each.key not in lost]


class Decider:
    """Asks reconcile, and sees to what it cannot know: doubts, guards, bytes."""

    def __init__(
        self, ledger: Ledger, stores: Mapping[str, LocalReplica], guards: Guards, clock: Clock
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._guards = guards
        self._clock = clock
        self._doubts = guards.doubts
        self._combiner = Combiner(ledger, self._arrived, self._kept)
        self._planner = Planner(ledger, stores)
        self.parts = Parts(ledger, stores, self._planner)

    async def decide_file(
        self, key: Key, reading: Reading, split: Split | Hold | None, turn: Turn
    ) -> FileTurn | None:
        """What to do about a records file and all its keys, None for nothing now."""
        if isinstance(reading, Found) and isinstance(split, Split):
            self._doubts.certain(key)
            state = FileState(reading.stat, reading.content.digest, turn.looked_ns)
            decided = await self.parts.decide(key, state, split)
        elif isinstance(reading, Found) and isinstance(split, Hold):
            decided = FileTurn(key, decisions=[self._held(key, split)])
        elif isinstance(reading, Unsettled | Unreadable) and not (
            isinstance(reading, Obstructed) and self.parts.wants_no_file(key)
        ):
            held = self._unread(key, reading, turn)
            decided = FileTurn(key, decisions=[held] if held else [])
        else:
            gone = self._gone(key, turn)
            if gone is None:
                return None
            decided = await self.parts.decide_missing(key, gone)
        turn.wanted += [each for each in decided.wanted if self._wanting(each)]
        return decided

    def _gone(self, file: Key, turn: Turn) -> list[Key] | None:
        """The keys that were deleted with a records file that is missing; None: look again."""
        live = self.parts.live(file)
        if not live:
            return []
        if self._guarded(file.store, turn):
            return None
        when = self._doubts.missing(file, self._clock.monotonic())
        if when is not None:
            turn.again.append((file, when))
            return None
        return self.parts.let_go(file.store, live)

    def decide(
        self, key: Key, reading: Reading, view: View, turn: Turn
    ) -> Decision | Merging | None:
        """What to do about `key`, None for nothing now; what is left to others is in `turn`."""
        match reading:
            case Found(content):
                self._doubts.certain(key)
                return self._plan(key, content, reading, view, turn)
            case Missing():
                return self._decide_missing(key, view, turn)
            case Obstructed() if self._planner.wants_no_file(key, view):
                # There is none, and none is wanted: a hold would have nothing to wait for.
                return self._decide_missing(key, view, turn)
            case Unsettled() | Unreadable():
                return self._unread(key, reading, turn)

    def _unread(self, key: Key, reading: Unsettled | Unreadable, turn: Turn) -> Decision | None:
        if isinstance(reading, Unreadable):
            self._doubts.certain(key)
            return self._held(key, reading.hold)
        when = self._doubts.unsettled(key, self._clock.monotonic())
        if when is None:
            return self._held(key, reading.hold)
        turn.again.append((key, when))
        return None

    def _decide_missing(self, key: Key, view: View, turn: Turn) -> Decision | Merging | None:
        if view.sent is not None:
            turn.deferred.append(key)
            return None
        if view.base is not None and isinstance(view.base.version, Content):
            if self._guarded(key.store, turn):
                # Nobody knows whether the file is gone or its folder is not the right one.
                return None
            when = self._doubts.missing(key, self._clock.monotonic())
            if when is not None:
                turn.again.append((key, when))
                return None
        return self._plan(key, TOMBSTONE, None, view, turn)

    def _plan(
        self, key: Key, local: Version, found: Found | None, view: View, turn: Turn
    ) -> Decision | Merging | None:
        capture = view.sent is not None
        if view.sent is not None:
            plan = _behind(view.sent, local)
        else:
            plan = self._planner.plan(key, view, local)
        decision = self._decision(key, plan, found, turn.looked_ns, capture=capture)
        if key in turn.taken:
            decision = replace(decision, taken=True)
        if plan.reason is Reason.NOTHING and not capture and self._known(decision):
            return None
        match plan.to_local:
            case Content():
                return self._with_bytes(decision, plan.to_local, turn)
            case Tombstone():
                return decision
            case None:
                return self._refined(decision, found, view, turn)

    def _refined(
        self, decision: Decision, found: Found | None, view: View, turn: Turn
    ) -> Decision | Merging | None:
        if self._awaits_loser(decision, turn):
            return None
        merges = self._stores[decision.key.store].way.merges
        if found is None or not merges or self._are_two(decision, view):
            return decision
        refined = self._combiner.refine(decision, view)
        # Bytes that nobody can have lose the conflict: the save goes over them.
        return decision if isinstance(refined, Lacking) else refined

    def _are_two(self, decision: Decision, view: View) -> bool:
        """Whether one side has another file than was agreed on, renamed over that: of two files
        that one name had nobody wants one.
        """
        if decision.taken or view.taken:
            return True
        key, come = decision.key, view.remote.digest
        edited = view.base is not None and view.base.digest is not None
        if decision.plan.conflict is None or come is None or not edited:
            return False
        return self._ledger.takeovers.had(come, key.store, (key.path, key.path))

    def _awaits_loser(self, decision: Decision, turn: Turn) -> bool:
        """Whether a payload is to lose that is not here yet: it is kept before it loses."""
        key, conflict = decision.key, decision.plan.conflict
        lost = conflict.remote.digest if conflict is not None else None
        if lost is None or self._ledger.contents.has(lost) or self._arrived(key, lost):
            return False
        # Bytes that nobody can have lose all the same.
        return self._want(key, turn)

    def _want(self, key: Key, turn: Turn) -> bool:
        """Have the bytes of `key` fetched, unless that was tried and they are damaged."""
        if not self._wanting(key):
            return False
        turn.wanted.append(key)
        return True

    def _wanting(self, key: Key) -> bool:
        return self._ledger.attention.reason(key) != BYTES_DAMAGED

    def _guarded(self, store: str, turn: Turn) -> bool:
        if store not in turn.guarded:
            turn.guarded[store] = self._guards.check(store)
        return turn.guarded[store]

    def _with_bytes(self, decision: Decision, content: Content, turn: Turn) -> Decision | None:
        key, digest = decision.key, content.digest
        body = self._ledger.contents.get(digest)
        if body is not None or self._stores[key.store].transit.prepared(key.path, digest):
            return replace(decision, body=body)
        if self._arrived(key, digest):
            turn.unready.append((key, digest))
        else:
            self._want(key, turn)
        return None

    def _arrived(self, key: Key, digest: Digest) -> bool:
        """Whether the payload `digest` is here."""
        return self._stores[key.store].transit.payloads.has(digest)

    def _kept(self, key: Key, digest: Digest) -> bytes | None:
        """The text that was replaced by something else, if it is in history."""
        return self._stores[key.store].swapped.kept(digest)

    def _known(self, decision: Decision) -> bool:
        known = self._ledger.places.file(decision.key.store, decision.key.path)
        now = decision.file
        same = (known and (known.stat, known.digest)) == (now and (now.stat, now.digest))
        if known is not None and now is not None and known.racy and not now.racy:
            return False  # Read late enough to be trusted: the next scan need not read it.
        return same and self._ledger.attention.reason(decision.key) is None

    def _decision(
        self,
        key: Key,
        plan: Plan,
        found: Found | None,
        looked_ns: int = UNREAD,
        *,
        capture: bool = False,
    ) -> Decision:
        store = self._stores[key.store]
        file, body = None, None
        if found is not None:
            file = FileState(found.stat, found.content.digest, looked_ns)
            body = found.body if plan.to_local is None else None
        operation = OperationId(secrets.token_hex(16))
        payload = found is not None and found.body is None
        format = Format.BYTES if payload else store.format(key.path)
        return Decision(key, kind_of(store.kind, key.path), format, plan, operation, file, body,
                        capture=capture)  # fmt: skip

    def _held(self, key: Key, hold: Hold) -> Decision:
        return self._decision(key, Plan(Reason.HELD, None, hold=hold), None)


def _behind(sent: Version, local: Version) -> Plan:
    # What was sent is frozen; a save that differs from it waits behind it in the outbox.
    if local == sent:
        return Plan(Reason.NOTHING, base=None)
    return Plan(Reason.PUSH, base=None, to_remote=local)
