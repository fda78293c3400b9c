"""A model of the functions in `convex/model`: what they answer and what they change.

One deployment, one workspace. Every call is one transaction; everything it writes shares one
`at`. The order of `at` is the order of commits.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from syncd.core.model import (
    NEVER,
    Applied,
    Change,
    Content,
    Cursor,
    Digest,
    Format,
    Intent,
    Key,
    Kind,
    OperationId,
    Outcome,
    Refused,
    Replayed,
    Snapshot,
    Stale,
    Tombstone,
    Version,
    Witness,
)
from syncd.core.news import Page, StoreSettings, Welcome
from syncd.core.portion import ANSWER
from syncd.errors import FunctionFailed

NOBODY = ""
"""The device of what functions of the app plane write: none."""


@dataclass(frozen=True)
class Receipt:
    """The last operation of a device on an entry, and the revision it made."""

    operation: str
    revision: int


@dataclass(frozen=True)
class Entry:
    """What the deployment holds for a key. `row`: which row of the app plane is its own."""

    key: Key
    revision: int
    digest: Digest | None
    last: Digest | None
    body: bytes | None
    device: str
    receipts: dict[str, Receipt]
    at: int
    row: int | None = None
    moved: bool = False
    moved_to: str | None = None
    origin: str = ""
    """The device that made the key, empty where none did."""
    begun: int = 0
    """The revision behind which it began."""

    @property
    def snapshot(self) -> Snapshot:
        version: Version = Tombstone(self.last, self.moved_to)
        if self.digest is not None and self.body is not None:
            version = Content(self.digest, len(self.body))
        return Snapshot(self.revision, version, self.at)


@dataclass(frozen=True)
class Accepted:
    """One write that the deployment took, for the witnesses of a run."""

    key: Key
    revision: int
    digest: Digest | None
    replaced: Digest | None
    device: str
    operation: str
    at: int
    moved_from: Key | None = None
    row: int | None = None
    former_row: int | None = None


@dataclass(frozen=True)
class Reaped:
    """The newest place at which a tombstone was reaped, and the highest revision of one."""

    at: int
    revision: int


@dataclass
class State:
    """What a backup of the deployment holds."""

    entries: dict[Key, Entry] = field(default_factory=dict)
    starts: dict[tuple[str, str], int] = field(default_factory=dict)
    increments: dict[Key, int] = field(default_factory=dict)
    """What was added to counters and is not in their texts yet."""
    requests: set[str] = field(default_factory=set)
    """The ids of what was asked for and done."""
    passed: dict[tuple[str, str], int] = field(default_factory=dict)
    """The place up to which each ledger needs no tombstone, 0 where it has none."""
    reaped: Reaped = field(default_factory=lambda: Reaped(0, 0))

    def copied(self) -> State:
        """The same, to be changed by itself."""
        return State(
            dict(self.entries), dict(self.starts), dict(self.increments), set(self.requests),
            dict(self.passed), self.reaped,
        )  # fmt: skip


class Deployment:
    """The workspace as the functions see it. Page sizes are small, so that pages are cut."""

    def __init__(self, rng: random.Random, page_rows: int) -> None:
        self.name = f"{rng.getrandbits(128):032x}"
        self.state = State()
        self.revoked: set[str] = set()
        self.accepted: list[Accepted] = []
        self.registered: dict[str, StoreSettings] = {}
        self.refused: set[Digest] = set()
        """What it does not take."""
        self.breaking: set[Digest] = set()
        """At what it throws."""
        self.page_rows = page_rows
        self._rng = rng
        # Commit times: those of two deployments are never the same.
        self._at = 1000 * (1 + int(self.name[:4], 16))
        self._rows = itertools.count(1)
        self._passed = 0

    def backup(self) -> State:
        """A copy to restore later."""
        return self.state.copied()

    def restore(self, state: State) -> None:
        """Be what it was at the backup; the clock of commits goes on."""
        self.state = state.copied()

    def revoke(self, device: str) -> None:
        """Refuse a device, and forget its ledgers."""
        self.revoked.add(device)
        for known in [known for known in self.state.starts if known[0] == device]:
            del self.state.starts[known]
            del self.state.passed[known]

    def hello(
        self,
        device: str,
        ledger: str,
        start: int,
        witnesses: Sequence[Witness],
        cursor: Cursor | None = None,
        passed: Cursor | None = None,
    ) -> Welcome:
        seen = self.state.starts.get((device, ledger), 0)
        if passed is not None and int(passed) < self.state.passed.get((device, ledger), 0):
            seen = max(seen, start)  # It told before that it had passed more.
        self.state.starts[device, ledger] = max(seen, start)
        if start > seen:
            self.state.passed[device, ledger] = int(passed or 0)
        broken = tuple(witness for witness in witnesses if not self._holds(device, witness))
        behind = cursor is not None and int(self.head()) < int(cursor)
        missed = self.has_missed(cursor)
        return Welcome(
            self.name, device, device, seen, broken, behind, missed, self.reaped_before()
        )

    def tell_passed(self, device: str, ledger: str, start: int, passed: Cursor) -> Cursor:
        """A ledger came further since the hello with this start number."""
        which = device, ledger
        if self.state.starts.get(which) == start:
            self.state.passed[which] = max(self.state.passed[which], int(passed))
        return self.reaped_before()

    def reaped_before(self) -> Cursor:
        """The place before which all tombstones are gone."""
        return Cursor(str(self.state.reaped.at))

    def reap(self, devices: Iterable[str]) -> list[Entry]:
        """Let the tombstones go that these devices have passed, those that are not revoked.

        A device that never said hello is not waited for: that it is for two weeks spares it a
        first contact, and what is right must not hang on it.
        """
        there = set(devices) - self.revoked
        passed = [place for which, place in self.state.passed.items() if which[0] in there]
        return self._reap_up_to(min(passed, default=int(self.head())))

    def _reap_up_to(self, place: int) -> list[Entry]:
        newest, state = int(self.head()), self.state
        gone = [
            entry
            for entry in state.entries.values()
            if entry.digest is None and entry.at <= place and entry.at < newest
        ]
        for entry in gone:
            del state.entries[entry.key]
            state.increments.pop(entry.key, None)
            state.reaped = Reaped(
                max(state.reaped.at, entry.at), max(state.reaped.revision, entry.revision)
            )
        return gone

    def has_missed(self, cursor: Cursor | None) -> bool:
        """Whether tombstones behind the cursor are gone."""
        return cursor is not None and int(cursor) < self.state.reaped.at

    def register(self, stores: Sequence[StoreSettings]) -> None:
        """The first that is told of a kind is where the functions create."""
        self.registered |= {store.name: store for store in stores}

    def push(
        self, device: str, intents: Sequence[Intent], passed: Cursor | None = None
    ) -> list[Outcome]:
        if any(_digest(intent) in self.breaking for intent in intents):
            raise FunctionFailed("push threw", "try again")
        self._at += self._rng.randint(1, 3)
        self._passed = int(passed or 0)
        outcomes: list[Outcome] = []
        for intent in intents:
            if intent.target is None:
                outcomes.append(self._push_one(device, intent, self._at))
            else:
                outcomes += self._move(device, intent, intent.target, self._at)
        return outcomes

    def write(self, key: Key, body: bytes | None, operation: str) -> Accepted:
        """A function of the app plane writes an entry, or deletes it: no device made it."""
        self._at += self._rng.randint(1, 3)
        entry = self.state.entries.get(key)
        version: Version = Tombstone()
        if body is not None:
            version = Content(Digest(hashlib.sha256(body).hexdigest()), len(body))
        else:
            self.state.increments.pop(key, None)
        revision, digest = (entry.revision, entry.digest) if entry else (0, None)
        intent = Intent(
            OperationId(operation), key, Kind.DOCUMENT, Format.JSON, version, revision, digest, body
        )
        self._apply(NOBODY, intent, entry, self._at)
        return self.accepted[-1]

    def increment(self, key: Key, request: str) -> bool:
        """Add one to a counter; whether a fold is to be made of it."""
        if self.is_done(request):
            return False
        self.state.requests.add(request)
        waits = key in self.state.increments
        self.state.increments[key] = self.state.increments.get(key, 0) + 1
        return not waits

    def is_done(self, request: str) -> bool:
        """Whether this was asked for before, and done."""
        return request in self.state.requests

    def folded(self, key: Key, added: Callable[[bytes, int], bytes]) -> bytes | None:
        """The entry's text of this moment with what was added to it, which then waits no more."""
        entry, by = self.state.entries.get(key), self.state.increments.pop(key, 0)
        if entry is None or entry.body is None or not by:
            return None
        return added(entry.body, by)

    def changes(
        self,
        device: str,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        broken = tuple(witness for witness in witnesses if not self._holds(device, witness))
        missed = self.has_missed(cursor)
        after = int(cursor or "0")
        found: list[Change] = []
        last, rows, size = after, 0, 0
        for entry in sorted(self.state.entries.values(), key=lambda entry: entry.at):
            if entry.at <= after or entry.at in known:
                continue
            full = rows >= self.page_rows or size >= most
            if full and self.cut_here(entry.at, last):
                return Page(found, Cursor(str(last)), False, broken, missed)
            last, rows, size = entry.at, rows + 1, size + len(entry.body or b"")
            if entry.key.store in stores:
                own = entry.device == device or entry.moved
                found.append(self._told(entry, with_body=not own and size < most))
        passed = [at for at in known if at <= int(self.head())]
        return Page(found, Cursor(str(max([last, *passed]))), True, broken, missed)

    def cut_here(self, at: int, last: int) -> bool:
        """Whether a page may end between two entries."""
        return at != last

    def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        found: list[Change | None] = []
        size = 0
        for entry in map(self.state.entries.get, keys):
            size += len(entry.body or b"") if entry else 0
            if found and size > most:
                break
            found.append(self._told(entry, with_body=True) if entry else None)
        return found

    def head(self) -> Cursor:
        newest = max((entry.at for entry in self.state.entries.values()), default=0)
        return Cursor(str(newest))

    def end(self) -> tuple[Cursor, Cursor]:
        """What the subscription tells: the newest places in the feed."""
        newest = sorted({entry.at for entry in self.state.entries.values()}, reverse=True)
        head, before, *_ = *newest, 0, 0
        return Cursor(str(head)), Cursor(str(before))

    def manifest(self, store: str, after: Key | None) -> tuple[list[Change], Key | None]:
        keys = sorted(key for key in self.state.entries if key.store == store)
        rest = [key for key in keys if after is None or key > after]
        page = rest[: self.page_rows]
        told = [self._told(self.state.entries[key], with_body=False) for key in page]
        return told, page[-1] if len(rest) > len(page) else None

    def _holds(self, device: str, witness: Witness) -> bool:
        entry = self.state.entries.get(witness.key)
        if entry is None:
            return witness.digest is None and witness.revision <= self.state.reaped.revision
        same = entry.revision == witness.revision and entry.digest == witness.digest
        receipt = entry.receipts.get(device, Receipt("", 0))
        kept = (witness.receipt or 0) <= max(receipt.revision, entry.begun)
        return kept and (entry.revision > witness.revision or same)

    def _push_one(self, device: str, intent: Intent, at: int) -> Outcome:
        entry = self.state.entries.get(intent.key)
        receipt = self.receipt(entry, device)
        if entry is not None and receipt and receipt.operation == intent.operation:
            return Replayed(receipt.revision, entry.snapshot)
        if _digest(intent) in self.refused:
            return Refused("not-taken", "nobody knows why")
        if not self.is_expected(entry, intent):
            return Stale(entry.snapshot if entry else NEVER)
        if intent.body is None and (entry is None or entry.digest is None):
            return Refused("nothing-to-delete", "the entry is not live")
        return Applied(self._apply(device, intent, entry, at), at)

    def _move(self, device: str, intent: Intent, target: Intent, at: int) -> list[Outcome]:
        if intent.expect_digest is None or target.expect_digest is not None:
            refused = Refused("bad-move", "of a live file, to a name that nothing has")
            return [refused, refused]
        halves = (intent, target)
        entries = [self.state.entries.get(half.key) for half in halves]
        answers: list[Outcome] = []
        replayed = False
        for half, entry in zip(halves, entries, strict=True):
            receipt = self.receipt(entry, device)
            if entry is not None and receipt and receipt.operation == half.operation:
                answers.append(Replayed(receipt.revision, entry.snapshot))
                replayed = True
            else:
                answers.append(Stale(entry.snapshot if entry else NEVER))
        source, there = entries
        expected = self.is_expected(source, intent) and self.is_target_expected(there, target)
        if replayed or not expected or source is None:
            return answers
        taken_over = replace(target, body=source.body)
        revision = self._apply(device, taken_over, there, at, moved=source)
        return [Applied(self._apply(device, intent, source, at), at), Applied(revision, at)]

    def is_target_expected(self, entry: Entry | None, target: Intent) -> bool:
        """Compare-and-set of the key to which a file moves."""
        return self.is_expected(entry, target)

    def receipt(self, entry: Entry | None, device: str) -> Receipt | None:
        """What the entry remembers of the device."""
        return entry.receipts.get(device) if entry else None

    def is_expected(self, entry: Entry | None, intent: Intent) -> bool:
        """Compare-and-set: revision and digest both, or what was reaped, or never there."""
        if entry is not None:
            expected = intent.expect_revision, intent.expect_digest
            return (entry.revision, entry.digest) == expected
        if intent.expect_digest is not None or not self.may_make(self._passed):
            return False
        return intent.expect_revision <= self.state.reaped.revision

    def may_make(self, passed: int) -> bool:
        """Whether what makes a key cannot have been done before the key's tombstone was reaped."""
        return self.state.reaped.at <= passed

    def _apply(
        self,
        device: str,
        intent: Intent,
        entry: Entry | None,
        at: int,
        *,
        moved: Entry | None = None,
    ) -> int:
        begun = entry.begun if entry else self.begin()
        revision = (entry.revision if entry else begun) + 1
        replaced = entry.digest if entry else None
        digest = _digest(intent)
        kept = {
            name: receipt
            for name, receipt in (entry.receipts if entry else {}).items()
            if name not in self.revoked
        }
        receipts = {**kept, device: Receipt(intent.operation, revision)}
        last = replaced if digest is None else None
        self.state.entries[intent.key] = Entry(
            intent.key, revision, digest, last, intent.body, device, receipts, at,
            self._row(digest, moved or entry), moved is not None,
            intent.target.key.path if intent.target else None,
            origin.origin if (origin := entry or moved) is not None else device, begun,
        )  # fmt: skip
        self.accepted.append(
            Accepted(
                intent.key,
                revision,
                digest,
                replaced,
                device,
                intent.operation,
                at,
                intent.source,
                self.state.entries[intent.key].row,
                entry.row if entry else None,
            )
        )
        return revision

    def begin(self) -> int:
        """The revision behind which a new key begins."""
        return self.state.reaped.revision

    def _row(self, digest: Digest | None, former: Entry | None) -> int | None:
        if digest is None:
            return None
        return former.row if former is not None and former.row is not None else next(self._rows)

    def _told(self, entry: Entry, *, with_body: bool) -> Change:
        body = entry.body if with_body else None
        return Change(entry.key, entry.snapshot, entry.device, body, origin=entry.origin)


def _digest(intent: Intent) -> Digest | None:
    return intent.version.digest if isinstance(intent.version, Content) else None


__all__ = ["Accepted", "Deployment", "Entry", "Reaped", "Receipt", "State", "replace"]
