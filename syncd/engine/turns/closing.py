"""A turn's end: what it came to is committed, and what may be sent at once is claimed with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from syncd.core.decision import Decision, FileState, Taken
from syncd.core.lead import Lead
from syncd.core.model import Intent, Key, Tombstone, Version
from syncd.engine.ports import Clock
from syncd.engine.telling import tell_turn
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger
from syncd.stores.carried import started_at


class Closing:
    """Commits, in one transaction each: it waits for the disk, and a save for little else."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self.lead = Lead()
        """How much is queued that no call has claimed yet: bulk waits while that is enough."""
        self._claim: Callable[[int], Claim | None] = lambda _: None
        self._send: Callable[[Sequence[Intent]], None] = lambda _: None

    def connect(
        self, claim: Callable[[int], Claim | None], send: Callable[[Sequence[Intent]], None]
    ) -> None:
        """Tell what may be claimed beside so many saves, and who sends it."""
        self._claim, self._send = claim, send

    def commit(self, decided: Sequence[Decision], taken: Sequence[Taken] = ()) -> None:
        """Write down what was decided and `taken` up. Raises LedgerError; then nothing was."""
        decisions = [_with_start(decision) for decision in decided]
        if not decisions and not taken:
            return
        queued = [each.plan.to_remote for each in decisions if each.plan.to_remote is not None]
        claim = self._claim_beside(queued)
        done = self._ledger.commit(decisions, self._clock.now(), taken, claim)
        self.lead.queued(len(queued))
        if done.claimed:
            self._send(done.claimed)
        tell_turn(decisions, done.held)

    def looked_at(self, held: Iterable[Decision]) -> None:
        """Deletions are `held` that would go here: of their files it is written down how they were
        read, else each walk would have those read again that were read too early to be trusted.
        """
        files = [
            (each.key, each.file)
            for each in held
            if each.file is not None and isinstance(each.plan.to_local, Tombstone)
        ]
        if unlike := [(key, file) for key, file in files if self._is_news(key, file)]:
            with self._ledger.transaction():
                self._ledger.places.record_files(unlike)

    def _is_news(self, key: Key, file: FileState) -> bool:
        known = self._ledger.places.file(key.store, key.path)
        if known is None or known.digest != file.digest:
            return False
        return known.stat != file.stat or (known.racy and not file.racy)

    def _claim_beside(self, queued: Sequence[Version]) -> Claim | None:
        """What is claimed beside `queued`; to be asked before the transaction, for what it looks
        at, git and the folders, is told in others.

        Of saves alone: a deletion has the guards asked once it is queued, and its other half, if
        it is one of a move, must not go without it.
        """
        if not queued or any(isinstance(each, Tombstone) for each in queued):
            return None
        return self._claim(len(queued))


def _with_start(decision: Decision) -> Decision:
    if decision.body is None:
        return decision
    started = started_at(decision.kind, decision.format, decision.body)
    return decision if started is None else replace(decision, started=started)
