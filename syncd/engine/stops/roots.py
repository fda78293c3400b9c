"""Which folder each store is, and which stores may be decided about at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import structlog

from syncd.core.guard import RootState
from syncd.core.model import Digest, Key
from syncd.core.reading import Found, Missing, Obstructed, Slow
from syncd.core.wording import STATE_DISK, refusal
from syncd.engine.ports import LocalReplica, Seen
from syncd.engine.stops.survey import Survey, survey_now, surveyed
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord

Unanswered = Mapping[Key, Sequence[Digest | None]]
"""What is queued and sent, by key, the sent one last; None: a deletion."""

SAMPLE = 8
"""Files that tell whether a folder is the one that was known."""

log = structlog.get_logger()


class Roots:
    """Knows the stores as the ledger does, and binds their replicas to the folders it knows."""

    def __init__(self, ledger: Ledger, stores: Mapping[str, LocalReplica]) -> None:
        self._ledger = ledger
        self._stores = stores
        self._records: dict[str, StoreRecord] = {}
        self._surveys: dict[str, Survey] = {}
        self._met: dict[str, str] = {}
        """A file of each store that was there when it was looked for last."""
        self.reload()

    def reload(self) -> None:
        """Take over what the ledger says now."""
        self._records = self._ledger.places.stores()
        for name, record in self._records.items():
            self._bind(name, record.root)

    def bootstrapped(self, store: str) -> bool:
        """Whether the deployment's part of `store` is known, so that it may be decided about."""
        record = self._records.get(store)
        return record is not None and record.bootstrapped

    def record(self, store: str, record: StoreRecord) -> None:
        """Remember what a store is from now on."""
        with self._ledger.transaction():
            self._ledger.places.record_store(store, record)
        self._records[store] = record
        self._bind(store, record.root)

    def state(self, store: str) -> RootState:
        """What became of the store's folder."""
        record = self._records.get(store)
        state = self._stores[store].root_state(record.root if record else None)
        if state is RootState.REPLACED and record is not None:
            identity = self._stores[store].identity()
            if identity is not None and self._moved_device(store, identity):
                self.record(store, replace(record, root=identity))
                return RootState.PRESENT
        return state

    def state_of(self, store: str, identity: str) -> RootState:
        """Whether the folder of `identity`, which was there, is the store's."""
        record = self._records.get(store)
        if record is None or record.root in (None, identity):
            return RootState.PRESENT
        moved = self._moved_device(store, identity)
        return RootState.PRESENT if moved else RootState.REPLACED

    def holds_files(self, store: str) -> bool:
        """Whether any file is in the store's folder."""
        # One that was there lately mostly tells, and else a walk to the first. What comes first in
        # the ledger may be just what goes, and each turn that takes of it would walk.
        replica, met = self._stores[store], self._met.get(store)
        known = [met] if met is not None else []
        some = self._ledger.places.files(store, SAMPLE)
        for path in [*known, *(path for path, *_ in some)]:
            (reading,) = replica.read_first([path], 0)
            if not isinstance(reading, Missing | Obstructed):
                self._met[store] = path
                return True
        there = next(iter(replica.scan(first=True).stats), None)
        if there is not None:
            self._met[store] = there
        return there is not None

    async def survey(self, store: str, seen: Seen | None, *, whole: bool) -> None:
        """Read what `adopt` is to know of another folder that was `seen`, None: that is there, if
        all of the store's files are in it, or it need not be `whole`: then it is adopted in a
        moment. Not between turns: see `Survey`.
        """
        self._surveys.pop(store, None)
        record, replica = self._records.get(store), self._stores[store]
        identity = seen.root if seen is not None else replica.identity()
        if record is None or identity is None or identity == record.root:
            return
        if self._moved_device(store, identity):
            return
        known = self._known(store, self._ledger.forgetting.outstanding(store))
        if seen is None:
            seen = await asyncio.to_thread(replica.scan)
        if whole and any(seen.missing(key.path) for key in known):
            return
        if survey := await surveyed(replica, seen, {key.path for key in known}):
            self._surveys[store] = survey

    def adopt(self, store: str, identity: str | None, now: float) -> None:
        """The folder of `identity` is the store's from now on.

        What was agreed was agreed with another folder. A file that holds something else than was
        agreed is no edit of that: it is met for the first time (sim). Files that are missing
        keep their base: a person may have approved that they go. What was noted tells of names
        in that folder and nothing of names in this one (sim). What is sent is of that folder too:
        its answer must not pass for what this one agreed to (sim). Its bytes are in history.
        """
        record = self._records.get(store)
        if record is None or identity is None or identity == record.root:
            return
        same = self._moved_device(store, identity)
        if not same and not self._meet_anew(store, identity, now):
            return
        self.record(store, replace(record, root=identity))
        log.info("root_adopted", store=store)

    def _meet_anew(self, store: str, identity: str, now: float) -> bool:
        """Forget what was agreed of strangers in the folder of `identity`; False where their bytes
        cannot be kept now.
        """
        unanswered = self._ledger.forgetting.outstanding(store)
        known = self._known(store, unanswered)
        survey = self._surveys.pop(store, None)
        if survey is None or survey.identity != identity:
            survey = survey_now(self._stores[store], identity, {key.path for key in known})
        strange = list(survey.strangers(known))
        try:
            kept = list(self._kept(store, unanswered, strange))
        except OSError as error:
            log.warning("adoption_put_off", store=store, why=refusal(error), advice=STATE_DISK)
            return False
        with self._ledger.transaction():
            for key, digest in kept:
                self._ledger.past.replaced(key, digest, "unsent", now)
            self._ledger.forgetting.bases(strange)
            self._ledger.forgetting.notes(store)
        return True

    def _known(self, store: str, unanswered: Unanswered) -> dict[Key, Digest | None]:
        """The keys of `store` with what was agreed, or what an answer may make of that."""
        known: dict[Key, Digest | None] = dict(self._ledger.entries.live(store))
        return known | {key: digests[-1] for key, digests in unanswered.items()}

    def _kept(
        self, store: str, unanswered: Unanswered, strange: Iterable[Key]
    ) -> Iterator[tuple[Key, Digest]]:
        """What was to be sent of strangers, once it is in history. Raises OSError."""
        for key in strange:
            for digest in unanswered.get(key, ()):
                body = self._ledger.contents.get(digest) if digest else None
                if body is not None:
                    yield key, self._stores[store].swapped.keep(body)

    def _moved_device(self, store: str, identity: str) -> bool:
        """Whether only the number of the device changed, as it may at a boot or a mount.

        The root of every file system of a sort has the same inode, so files of it must be the
        very ones that were known, down to the instant of their last change.
        """
        record = self._records.get(store)
        if record is None or record.root is None or _inode(identity) != _inode(record.root):
            return False
        return any(
            self._is_as_known(store, path, identity)
            for path, *_ in self._ledger.places.files(store, SAMPLE)
        )

    def _is_as_known(self, store: str, path: str, identity: str) -> bool:
        file = self._ledger.places.file(store, path)
        (reading,) = self._stores[store].read_first([path], 0, within=identity)
        if file is None or not isinstance(reading, Found | Slow):
            return False
        return reading.stat == file.stat

    def _bind(self, store: str, root: str | None) -> None:
        # RACE: a folder may be replaced between a look at it and a read or write in it. What is
        # bound is checked again by every one of those, so nothing happens in the wrong folder.
        if store in self._stores:
            self._stores[store].bound = root


def _inode(identity: str) -> str:
    return identity.rpartition(":")[2]
