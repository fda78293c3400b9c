"""What holds deletions back, and which stores may be decided about at all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import structlog

from syncd.core.guard import Guard, RootState, guard
from syncd.core.reading import Missing
from syncd.engine.ports import Clock, LocalReplica
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord

_SAMPLE = 8

log = structlog.get_logger()


class Guards:
    """Looks at each store's folder before a deletion leaves it or reaches it.

    A guard that stands does so until a scan finds every known file again, or until the store is
    in `approved` at a start.
    """

    def __init__(
        self,
        ledger: Ledger,
        stores: Mapping[str, LocalReplica],
        clock: Clock,
        approved: Collection[str] = (),
    ) -> None:
        self._ledger = ledger
        self._stores = stores
        self._clock = clock
        self._approved = approved
        self._records = ledger.places.stores()
        self._standing = ledger.attention.guards()
        self._on_stopped: Callable[[str], None] = lambda _: None

    def connect(self, on_stopped: Callable[[str], None]) -> None:
        """Tell who walks a store whose deletions stopped."""
        self._on_stopped = on_stopped

    def bootstrapped(self, store: str) -> bool:
        """Whether the deployment's part of `store` is known, so that it may be decided about."""
        record = self._records.get(store)
        return record is not None and record.bootstrapped

    @property
    def stand(self) -> bool:
        """Whether deletions of any store wait."""
        return bool(self._standing)

    def record(self, store: str, record: StoreRecord) -> None:
        """Remember what a store is from now on."""
        with self._ledger.transaction():
            self._ledger.places.record_store(store, record)
        self._records[store] = record

    def known(self, store: str) -> StoreRecord | None:
        """What the ledger knows of a store."""
        return self._records.get(store)

    def root_state(self, store: str) -> RootState:
        """What became of the store's folder."""
        record = self._records.get(store)
        return self._stores[store].root_state(record.root if record else None)

    def check(self, store: str) -> bool:
        """Whether deletions of `store` must wait, seen anew."""
        if store in self._approved:
            return False
        if store in self._standing:
            return True
        root = self.root_state(store)
        if root is RootState.PRESENT and self._holds_files(store):
            return False
        return self._set(store, guard(store, root, self._ledger.entries.count_live(store), 0))

    def _holds_files(self, store: str) -> bool:
        # A few files that were there lately mostly tell; the whole walk is for the worst case.
        replica = self._stores[store]
        some = self._ledger.places.some_files(store, _SAMPLE)
        if any(not isinstance(replica.read(path), Missing) for path in some):
            return True
        return bool(replica.scan().stats)

    def scanned(self, store: str, known: int, missing: int) -> None:
        """A whole scan of `store` found all but `missing` of its `known` live files."""
        approved = store in self._approved
        root = self.root_state(store)
        if root in (RootState.MISSING, RootState.UNREADABLE):
            # Nothing was seen, so nothing was seen missing.
            self._set(store, guard(store, root, known, 0))
        elif missing == 0 or approved:
            self._set(store, None)
            self._adopt_root(store, root)
        elif store not in self._standing:
            self._set(store, guard(store, root, known, known - missing))

    def _adopt_root(self, store: str, root: RootState) -> None:
        record = self._records.get(store)
        identity = self._stores[store].identity()
        if root is RootState.REPLACED and record is not None and identity is not None:
            self.record(store, StoreRecord(record.configuration, identity, record.bootstrapped))
            log.info("root_adopted", store=store)

    def _set(self, store: str, found: Guard | None) -> bool:
        if found == self._standing.get(store):
            return found is not None
        with self._ledger.transaction():
            self._ledger.attention.set_guard(store, found, self._clock.now())
        if found is None:
            del self._standing[store]
            log.info("guard_lifted", store=store)
            return False
        self._standing[store] = found
        self._on_stopped(store)
        log.warning(
            "deletions_stopped", store=store, reason=found.reason, missing=found.missing,
            advice="put the files back; or, if they are meant to go, stop the daemon and run "
            f"`syncd sync --once --approve-deletions {store}`",
        )  # fmt: skip
        return True
