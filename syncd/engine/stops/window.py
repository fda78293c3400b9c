"""Counts deletions, and lists those that wait for a person. Kept in the ledger: see `deletions`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import groupby

from syncd.core.decision import Decision
from syncd.core.guard import FEW, WINDOW, Direction, Guard, allowance, mass_guard
from syncd.core.model import Content, Digest, Key, Tombstone
from syncd.ledger.ledger import Ledger

Group = tuple[str, Direction]
"""Deletions that are counted together: of a store, in a direction."""


class Window:
    """The deletions of the last ten minutes. Writes inside the caller's transactions."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._deletions = ledger.deletions

    def approved(
        self, group: Group, deletions: Mapping[Key, Digest], now: float
    ) -> dict[Key, Digest]:
        """Those of `deletions` that a person let go, once: decided again they are the same."""
        let_go = {
            (key, digest)
            for key, (digest, state, since) in self._deletions.states(group[1], deletions).items()
            if state == "approved" or (state == "spent" and since > now - WINDOW)
        }
        return {key: digest for key, digest in deletions.items() if (key, digest) in let_go}

    def judge(
        self,
        group: Group,
        deletions: Mapping[Key, Digest],
        now: float,
        coming: Sequence[Digest] = (),
        vanished: Set[str] = frozenset(),
    ) -> Guard | None:
        """Why `deletions`, with those that went within the window before `now`, must wait.

        `coming` are the digests of files about to be made, `vanished` paths that hold none now.
        """
        # Each other half of a move is about to be made: nothing is lost by these. To count all that
        # went before in each of its turns would take the square of what a folder holds.
        if not vanished and Counter(deletions.values()) <= Counter(coming):
            return None
        counted = self._deletions.listed("gone", *group, after=now - WINDOW)
        gone = {key: digest for key, digest in counted.items() if key not in deletions}
        size = self._deletions.size(*group)
        if len(gone) + len(deletions) <= allowance(size):
            return None
        # A file that came back is not gone, unless it went again before that was sent.
        back = {key for key in self._ledger.views.returned(*group) if key.path not in vanished}
        gone = {key: digest for key, digest in gone.items() if key not in back}
        # A file that is renamed again, or goes after it was renamed, is one that goes, not two.
        moved, going = self._ledger.views.moved(*group), gone.keys() | deletions.keys()
        gone = {key: digest for key, digest in gone.items() if moved.get(key) not in going}
        without = {key.path for key in (*gone, *deletions)}.union(vanished)
        created = Counter(coming) + self._created(group[0], without, now)
        return mass_guard(*group, size, list(gone.values()), list(deletions.values()), created)

    def unexcused(self, decisions: Sequence[Decision], now: float) -> list[Guard]:
        """Why deletions that are not sent yet must wait, now that `decisions` find files gone
        before they were sent: these may have been what became of the deleted ones.
        """
        gone: dict[str, set[str]] = {}
        for each in decisions:
            plan = each.plan
            if not (each.file or each.part or plan.to_local or plan.to_remote or plan.hold):
                gone.setdefault(each.key.store, set()).add(each.key.path)
        judged = []
        for store, paths in gone.items():
            group = (store, Direction.TO_REMOTE)
            if unsent := self._deletions.listed("gone", *group, queued=True):
                judged.append(self.judge(group, unsent, now, made_by(decisions, store), paths))
        return [found for found in judged if found is not None]

    def renamed(self, store: str, lost: Mapping[Key, Digest], now: float) -> int:
        """How many of the `lost` files came under other names within the window before `now`."""
        if len(lost) <= FEW:
            return 0
        created = self._created(store, {key.path for key in lost}, now)
        return (Counter(lost.values()) & created).total()

    def _created(self, store: str, without: set[str], now: float) -> Counter[Digest]:
        came = self._ledger.events.came(store, int((now - WINDOW) * 1e9))
        return Counter(digest for path, digest in came if path not in without)

    def let_go(self, group: Group, deletions: Mapping[Key, Digest], now: float) -> None:
        """`deletions` are carried out: approved ones for once, the others counted."""
        approved = self.approved(group, deletions, now)
        counted = {key: digest for key, digest in deletions.items() if key not in approved}
        self._deletions.forget_before(now - WINDOW)
        self._deletions.put(group[1], approved, "spent", now)
        self._deletions.put(group[1], counted, "gone", now)

    def returned(self, there: Iterable[Key], decisions: Sequence[Decision]) -> None:
        """Files were found `there`, and `decisions` make others, or records: should they be
        deleted, that is another deletion than the one that a person let go.
        """
        made = [
            each.key
            for each in decisions
            if isinstance(each.plan.to_local, Content) or isinstance(each.plan.to_remote, Content)
        ]
        self._deletions.forget_approvals(Direction.TO_REMOTE, [*there, *made])
        self._deletions.forget_approvals(Direction.TO_LOCAL, made)

    def hold(self, group: Group, deletions: Mapping[Key, Digest], now: float) -> None:
        """`deletions` wait for a person."""
        self._deletions.put(group[1], deletions, "waiting", now)

    def stop(self, group: Group, now: float) -> None:
        """What was let go and is still here waits too."""
        if group[1] is not Direction.TO_LOCAL:
            self._deletions.withdraw(group[0], now)


def grouped(decisions: Sequence[Decision]) -> dict[Group, dict[Key, Digest]]:
    """The deletions among `decisions`, with the digest of what each would delete."""
    found = [(group, decision) for decision in decisions if (group := group_of(decision))]
    found.sort(key=lambda each: each[0])
    return {
        group: {decision.key: deleted_by(decision) for _, decision in each}
        for group, each in groupby(found, key=lambda each: each[0])
    }


def group_of(decision: Decision) -> Group | None:
    """The group in which a decision deletes something, None where it deletes nothing."""
    plan = decision.plan
    if isinstance(plan.to_remote, Tombstone):
        return decision.key.store, Direction.TO_REMOTE
    if isinstance(plan.to_local, Tombstone):
        return decision.key.store, Direction.TO_LOCAL
    return None


def deleted_by(decision: Decision) -> Digest:
    """The digest of what a deletion deletes."""
    base, file = decision.plan.base, decision.file
    digest = file.digest if file is not None else base.digest if base is not None else None
    return digest or Digest("")


def made_by(decisions: Sequence[Decision], store: str) -> list[Digest]:
    """The digests of content that `decisions` bring under names that did not hold it."""
    versions = [
        version
        for decision in decisions
        if decision.key.store == store
        for version in (decision.plan.to_local, decision.plan.to_remote)
    ]
    return [version.digest for version in versions if isinstance(version, Content)]


def brought(decisions: Sequence[Decision], store: str) -> set[Digest]:
    """The digests of the files of `store` that were decided about, and of what comes into them."""
    files = (each.file for each in decisions if each.key.store == store)
    return {file.digest for file in files if file is not None} | set(made_by(decisions, store))
