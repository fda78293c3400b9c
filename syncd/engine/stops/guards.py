"""What holds deletions back, in the files and on the deployment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

import structlog

from syncd.core.decision import Decision
from syncd.core.doubt import Doubts
from syncd.core.guard import Direction, Guard, RootState, Verdict, anew, gone_at_once, guard
from syncd.core.model import Digest, Key
from syncd.engine.ports import Clock, LocalReplica, Seen
from syncd.engine.stops.roots import Roots
from syncd.engine.stops.window import Group, Window, brought, group_of, grouped, made_by
from syncd.ledger.ledger import Ledger

_AWAY = (RootState.MISSING, RootState.UNREADABLE)
_BACK = "put it back, or make an empty one, and say so again"
log = structlog.get_logger()


class Guards:
    """Looks at stores before deletions leave them or reach them.

    A guard stands until what waits is there again, or until a person decides. `confirmed` tells
    whether the deployment was met since the start: until then the ledger may be an old copy, and
    nothing is written into files on its word.
    """

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        approved: Collection[str] = (),
    ) -> None:
        self.roots = Roots(ledger, stores)
        self.confirmed = True
        self.doubts = Doubts()
        """Which files are missing at first sight, and which are not whole yet."""
        self._ledger = ledger
        self._stores = stores
        self._clock = clock
        self._approved = approved
        self._window = Window(ledger)
        self._standing = ledger.attention.guards()
        self._unreviewed, self._grown = set[Group](), set(self._standing)
        """What the next turn judges anew, and what the next walk: with each turn that adds some it
        took the square of the time."""
        self._walk: Callable[[str], None] = lambda _: None

    def connect(self, walk: Callable[[str], None]) -> None:
        """Tell who walks a store whose deletions stopped, or may go on."""
        self._walk = walk

    def reload(self) -> None:
        """Take over what the ledger says after an epoch ended."""
        self.roots.reload()
        self._standing = self._ledger.attention.guards()
        self._unreviewed, self._grown = set(), set(self._standing)

    def root_state(self, store: str) -> RootState:
        """What became of the store's folder."""
        return self.roots.state(store)

    @property
    def guarded(self) -> set[str]:
        """The stores of which deletions wait."""
        return {store for store, _ in self._standing}

    def waiting(self, store: str, way: Direction) -> Collection[Key]:
        """The files of `store` whose deletion waits for a person: another look decides nothing."""
        # No walk follows the one that finds the folder well again: that one names what waited here.
        of_folder = way is Direction.TO_REMOTE and (store, Direction.BOTH) in self._standing
        waits = ((store, way) in self._standing or of_folder) and store not in self._approved
        return self._ledger.deletions.listed("waiting", store, way).keys() if waits else ()

    def check(self, store: str) -> bool:
        """Whether deletions of `store` must wait for the sake of its folder, seen anew."""
        if store in self._approved:
            return False
        if (store, Direction.BOTH) in self._standing:
            return True
        root, views = self.root_state(store), self._ledger.views
        if root is RootState.PRESENT and (self.roots.holds_files(store) or views.let_go(store)):
            return False
        return self._stop(guard(store, root, self._known(store), 0))

    def holds_back(self, store: str, direction: Direction) -> bool:
        """Whether deletions of `store` must wait at the moment they would go."""
        if store in self._approved:
            return False
        return (store, direction) in self._standing or self.check(store)

    def admitted(self, decisions: Sequence[Decision], there: Collection[Key]) -> list[Decision]:
        """Those of `decisions` that may be carried out; deletions that must wait are listed.

        All deletions of a turn are judged together. `there` are the keys whose files were found:
        their deletion does not wait any more.
        """
        if not self.confirmed:
            decisions = [each for each in decisions if each.plan.to_local is None]
        self._settle(decisions, there)
        # Hardly ever, and it may have to wait for the disk.
        if self._ledger.deletions.approvals_left():
            with self._ledger.transaction():
                self._window.returned(there, decisions)
        for found in self._window.unexcused(decisions, self._clock.now()):
            self._stop(found if found.store not in self._approved else None)
        waiting: set[tuple[Key, Group | None]] = set()
        for group, deletions in grouped(decisions).items():
            held = self._hold(group, deletions, made_by(decisions, group[0]))
            waiting |= {(key, group) for key in held}
        return [each for each in decisions if (each.key, group_of(each)) not in waiting]

    async def survey(self, store: str, seen: Seen | None = None) -> None:
        """What a decision, or a walk that has `seen` it, is to know of another folder is read
        before: see Roots.
        """
        whole = seen is not None and store not in self._approved
        await self.roots.survey(store, seen, whole=whole)

    def scanned(
        self, store: str, walked: str | None, missing: Mapping[Key, Digest], appeared: int
    ) -> None:
        """A scan of `store` found its keys but for `missing`, by digest, and `appeared` new.

        `walked` is the identity of the folder that was walked from end to end, None where that
        was not one and the same: then nothing was seen, and so nothing was seen missing. Only
        what was walked is judged and adopted, never what is there by now.
        """
        decided = self._ledger.deletions.decided(store)
        lost = {key: digest for key, digest in missing.items() if key not in decided}
        if walked is None:
            self._unseen(store, self._known(store))
            return
        self.doubts.walked(store, missing)
        root = self.roots.state_of(store, walked)
        if not lost or store in self._approved:
            self._lift((store, Direction.BOTH))
            self.roots.adopt(store, walked, self._clock.now())
        elif standing := self._standing.get((store, Direction.BOTH)):
            if found := anew(standing, root, self._known(store), len(lost)):
                self._set(found)
                log.info("guard_changed", store=store, reason=found.reason)
        else:
            known = self._known(store)
            appeared += self._window.renamed(store, lost, self._clock.now())
            renamed = root is RootState.PRESENT and appeared >= len(lost)
            found = guard(store, root, known, known if renamed else known - len(lost))
            self._stop(found or gone_at_once(store, known, len(lost), appeared))
        self._list_lost(store, lost)

    def approve(self, store: str) -> Verdict:
        """Let the deletions of `store` that wait go, once."""
        if (root := self.root_state(store)) in _AWAY:
            why = f"its folder is {root.value}: what is gone from it is not known"
            return Verdict(0, why, _BACK)
        with self._ledger.transaction():
            approved = self._ledger.deletions.approve(store, self._clock.now())
        return self._decide(store, approved, "approved")

    def reject(self, store: str) -> Verdict:
        """Decide against the deletions of `store` that wait: files come back, on either side."""
        if (root := self.root_state(store)) in _AWAY:
            why = f"its folder is {root.value}: nothing can be put into it"
            return Verdict(0, why, _BACK)
        deletions = self._ledger.deletions
        ours = deletions.listed("waiting", store, Direction.TO_REMOTE)
        theirs = deletions.listed("waiting", store, Direction.TO_LOCAL)
        with self._ledger.transaction():
            self._ledger.rejecting.bring_back(ours)
            self._ledger.rejecting.put_over(theirs)
            deletions.drop(Direction.TO_REMOTE, ours)
            deletions.drop(Direction.TO_LOCAL, theirs)
        return self._decide(store, len(ours) + len(theirs), "rejected")

    def _decide(self, store: str, count: int, how: str) -> Verdict:
        if not count and not any(name == store for name, _ in self._standing):
            return Verdict(0, "no deletion of it waits", "`syncd status` tells what waits")
        self.roots.adopt(store, self._stores[store].identity(), self._clock.now())
        for direction in Direction:
            self._lift((store, direction))
        log.warning("deletions_decided", store=store, deletions=count, how=how)
        self._walk(store)
        return Verdict(count)

    def _hold(
        self, group: Group, deletions: Mapping[Key, Digest], coming: Sequence[Digest]
    ) -> Collection[Key]:
        """Those of `deletions` that must wait; all are recorded as what they are from now on."""
        store, now = group[0], self._clock.now()
        if self.check(store):
            held = dict(deletions)
        elif store in self._approved:
            held = {}
        else:
            approved = self._window.approved(group, deletions, now)
            held = {key: each for key, each in deletions.items() if key not in approved}
            if group not in self._standing and held:
                stopped = self._stop(self._window.judge(group, held, now, coming))
                held = held if stopped else {}
        if held:
            self._grown.add(group)
        with self._ledger.transaction():
            self._window.hold(group, held, now)
            let_go = {key: each for key, each in deletions.items() if key not in held}
            self._window.let_go(group, let_go, now)
        return held

    def _settle(self, decisions: Sequence[Decision], there: Collection[Key]) -> None:
        """Look anew at what waits, now that `decisions` were made and files found `there`."""
        settled: dict[Key, Group | None] = dict.fromkeys(there)
        settled.update({each.key: group_of(each) for each in decisions})
        for group in [group for group in self._standing if group[1] is not Direction.BOTH]:
            # Thousands may wait: only those that were met are looked for.
            met = [key for key, now in settled.items() if key.store == group[0] and now != group]
            states = self._ledger.deletions.states(group[1], met).items()
            over = [key for key, (_, state, _) in states if state == "waiting"]
            if over:
                with self._ledger.transaction():
                    self._ledger.deletions.drop(group[1], over)
            if over or group in self._unreviewed:
                self._review(group)
            # Files that came are in the ledger behind this turn: the next one counts them.
            if self._ledger.deletions.any_of(*group, brought(decisions, group[0])):
                self._unreviewed.add(group)

    def _review(self, group: Group) -> None:
        """Judge anew all that waits. What only grew out of it is found by the next walk."""
        # The window stays where it was when deletions stopped: waiting must not wear a guard out.
        for each in (self._unreviewed, self._grown):
            each.discard(group)
        waiting = self._ledger.deletions.listed("waiting", *group)
        standing = self._standing[group]
        found = self._window.judge(group, waiting, standing.since or self._clock.now())
        if found is None or not waiting:
            with self._ledger.transaction():
                self._ledger.deletions.drop(group[1], waiting)
            self._lift(group)
            self._walk(group[0])
        # A walk and a turn give other reasons for the same: each would undo what the other said.
        elif found.missing != standing.missing:
            self._set(replace(found, since=standing.since))

    def _known(self, store: str) -> int:
        return self._ledger.entries.count_live(store) - len(self._ledger.deletions.decided(store))

    def _list_lost(self, store: str, lost: Mapping[Key, Digest]) -> None:
        group = (store, Direction.TO_REMOTE)
        listed = self._ledger.deletions.listed("waiting", *group)
        found = listed.keys() - lost.keys()
        stands = group in self._standing or (store, Direction.BOTH) in self._standing
        # Most of thousands waited at the last walk.
        more = {key: each for key, each in lost.items() if listed.get(key) != each}
        if found or (stands and more):
            with self._ledger.transaction():
                self._ledger.deletions.drop(group[1], found)
                self._window.hold(group, more if stands else {}, self._clock.now())
        # What waits here grew by turns, and the last of them was judged by none.
        grown = (self._unreviewed | self._grown) & {(store, Direction.TO_LOCAL)}
        for each in self._standing.keys() & {group, *grown}:
            self._review(each)

    def _unseen(self, store: str, known: int) -> None:
        if (root := self.root_state(store)) is not RootState.PRESENT:
            self._stop(guard(store, root, known, 0))
        self._list_lost(store, {})

    def _stop(self, found: Guard | None) -> bool:
        if found is None:
            return False
        known = self._standing.get((found.store, found.direction))
        if found == known:
            return True
        found = replace(found, since=self._clock.now())
        with self._ledger.transaction():
            self._window.stop((found.store, found.direction), found.since)
        self._set(found)
        self._walk(found.store)
        log.warning(
            "deletions_stopped", store=found.store, reason=found.reason, waiting=found.missing,
            meanwhile=found.meanwhile, advice=found.advice,
        )  # fmt: skip
        return True

    def _set(self, found: Guard) -> None:
        with self._ledger.transaction():
            self._ledger.attention.set_guard(found)
        self._standing[found.store, found.direction] = found

    def _lift(self, group: Group) -> None:
        with suppress(KeyError):
            del self._standing[group]
            with self._ledger.transaction():
                self._ledger.attention.lift_guard(*group)
            log.info("guard_lifted", store=group[0], direction=group[1].value)
