"""A machine on a real disk with a real ledger, a clock that stands, and a modelled deployment."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from syncd.core.decision import Heard
from syncd.core.direction import Way
from syncd.core.doubt import ABSENCE
from syncd.core.guard import Direction
from syncd.core.model import (
    TOMBSTONE,
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
    Witness,
    halves,
)
from syncd.core.news import Page, StoreSettings, Welcome
from syncd.core.portion import ANSWER
from syncd.engine.registry import Registration, register
from syncd.engine.session import Session
from syncd.engine.stops.guards import Guards
from syncd.engine.turns.decide import Turn
from syncd.engine.turns.turn import Reconciler
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord
from syncd.ledger.tidemark import Tidemark
from syncd.stores.layout import Layout
from tests.machine.deployment import Deployment

STORE = "notes"
LAYOUT = Layout(("*.txt",), ())


def digest(body: bytes) -> Digest:
    return Digest(hashlib.sha256(body).hexdigest())


class StandingClock:
    """Time moves when a test says so."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def read_ns(self) -> int:
        return time.time_ns()


class RunningClock(StandingClock):
    """Time as it passes."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


class Remote:
    """A RemoteReplica that reaches the modelled deployment at once."""

    def __init__(self, deployment: Deployment, device: str) -> None:
        self.deployment = deployment
        self.device = device

    async def hello(
        self,
        ledger: str,
        start: int,
        cursor: Cursor | None,
        witnesses: Sequence[Witness],
        passed: Cursor | None = None,
    ) -> Welcome:
        return self.deployment.hello(self.device, ledger, start, witnesses, cursor, passed)

    async def tell_passed(self, ledger: str, start: int, passed: Cursor) -> Cursor | None:
        return self.deployment.tell_passed(self.device, ledger, start, passed)

    async def register(self, stores: Sequence[StoreSettings]) -> None:
        self.deployment.register(stores)

    async def push(self, intents: Sequence[Intent], passed: Cursor | None = None) -> list[Outcome]:
        return self.deployment.push(self.device, intents, passed)

    async def changes(
        self,
        stores: Sequence[str],
        cursor: Cursor | None,
        witnesses: Sequence[Witness] = (),
        known: Sequence[int] = (),
        most: int = ANSWER,
    ) -> Page:
        return self.deployment.changes(self.device, stores, cursor, witnesses, known, most)

    async def fetch(self, keys: Sequence[Key], most: int = ANSWER) -> list[Change | None]:
        return self.deployment.fetch(keys, most)

    async def head(self) -> Cursor:
        return self.deployment.head()

    async def manifest(self, store: str, after: Key | None) -> tuple[list[Change], Key | None]:
        return self.deployment.manifest(store, after)


def deployment(seed: int = 0) -> Deployment:
    return Deployment(random.Random(seed), page_rows=100)


class Machine:
    """A folder of notes, and a session made anew for every run."""

    def __init__(self, folder: Path, remote: Deployment, name: str = "laptop") -> None:
        folder.mkdir(exist_ok=True)
        self.files = folder / STORE
        self.files.mkdir(exist_ok=True)
        self.ledger_path = folder / "ledger.db"
        self.history = History(folder / "history")
        self.remote = Remote(remote, name)
        self._aside = folder / "swapped"
        self.approved: frozenset[str] = frozenset()
        self.clock: StandingClock = RunningClock()
        self.settings: tuple[StoreSettings, ...] = ()
        self.way = Way.BOTH
        self.tidemark: Path | None = None
        """Where it is told how often the ledger was written, if anywhere."""

    @property
    def deployment(self) -> Deployment:
        return self.remote.deployment

    def replica(self) -> FileReplica:
        swapped = Swapped(self._aside, self.history)
        return FileReplica(self.files, Kind.DOCUMENT, LAYOUT, swapped, way=self.way)

    def ledger(self) -> Ledger:
        fresh = not self.ledger_path.exists()
        ledger = Ledger.open(self.ledger_path, Tidemark(self.tidemark) if self.tidemark else None)
        if fresh:
            with ledger.transaction():
                ledger.places.put("nonce", digest(str(self.ledger_path).encode()))
        return ledger

    async def sync(self) -> None:
        """Start, bring both sides to agreement, stop."""
        ledger = self.ledger()
        try:
            await self.session(ledger).once(lambda *_: None)
        finally:
            ledger.close()

    def session(self, ledger: Ledger) -> Session:
        register(ledger, {STORE: Registration("1", LAYOUT.matches)}, self.clock.now())
        return Session(
            ledger, self.remote, {STORE: self.replica()}, self.clock, self.approved,
            settings=self.settings,
        )  # fmt: skip

    def save(self, **bodies: str) -> None:
        for name, body in bodies.items():
            (self.files / f"{name}.txt").write_text(body)

    def delete(self, *names: str) -> None:
        for name in names:
            (self.files / f"{name}.txt").unlink()

    def tree(self) -> dict[str, str]:
        found = {}
        for path in self.files.glob("*.txt"):
            with suppress(FileNotFoundError):  # RACE: a session may remove it just now.
                found[path.stem] = path.read_text()
        return found

    def mirror(self) -> dict[str, str]:
        """What the deployment holds."""
        entries = self.deployment.state.entries.items()
        return {
            k.path.removesuffix(".txt"): e.body.decode() for k, e in entries if e.body is not None
        }

    def kept(self) -> set[str]:
        folder = self.ledger_path.parent / "history"
        return {path.read_text() for path in folder.rglob("*") if path.is_file()}


class Desk:
    """Turns on a real ledger and real files, without a session: every step is a test's own."""

    def __init__(self, folder: Path, clock: StandingClock | None = None) -> None:
        self.machine = Machine(folder, deployment())
        self.clock = clock or StandingClock()
        self.open()

    def open(self) -> None:
        """Start; again, on the same ledger, is what a restart does."""
        self.ledger = self.machine.ledger()
        self.replica = self.machine.replica()
        if not self.ledger.places.stores():
            root = self.replica.identity()
            with self.ledger.transaction():
                self.ledger.places.record_store(STORE, StoreRecord("1", root, bootstrapped=True))
        stores = {STORE: self.replica}
        self.guards = Guards(self.ledger, stores, self.clock, self.machine.approved)
        self.reconciler = Reconciler(self.ledger, stores, self.guards, self.clock)

    def restart(self) -> None:
        self.ledger.close()
        self.open()

    async def consider(self, names: Iterable[str]) -> Turn:
        """Look at the files twice, as long apart as it takes to believe that one is gone."""
        keys = [Key(STORE, f"{name}.txt") for name in names]
        await self.reconciler.consider(keys)
        self.clock.seconds += ABSENCE
        return await self.reconciler.consider(keys)

    def send(self) -> list[Intent]:
        """Send what may be sent and take the answers; what was sent."""
        guarded = [STORE] if self.guards.holds_back(STORE, Direction.TO_REMOTE) else []
        sent = self.ledger.claim(Claim(10_000, 1 << 30, guarded))
        outcomes = self.machine.deployment.push("laptop", sent)
        answers = list(zip(halves(sent), outcomes, strict=True))
        self.ledger.acknowledge(answers, "laptop", self.clock.now())
        return sent

    def hear(self) -> None:
        """Hear everything there is."""
        page = self.machine.deployment.changes("laptop", [STORE], None)
        news = [heard(change) for change in page.changes]
        self.ledger.hear(news, page.cursor)

    async def agree(self, **bodies: str) -> None:
        """Both sides hold these notes."""
        self.machine.save(**bodies)
        await self.consider(bodies)
        self.send()

    def scan(self) -> None:
        """What a walk tells the guards."""
        seen = self.replica.scan()
        live = dict(self.ledger.entries.live(STORE))
        missing = {key: digest for key, digest in live.items() if seen.missing(key.path)}
        appeared = sum(Key(STORE, path) not in live for path in seen.stats)
        self.guards.scanned(STORE, seen.root, missing, appeared)

    def waiting(self) -> set[str]:
        """The names whose deletions wait for a person."""
        return {
            key.path.removesuffix(".txt")
            for direction in (Direction.TO_REMOTE, Direction.TO_LOCAL)
            for key in self.ledger.deletions.listed("waiting", STORE, direction)
        }

    def delete_there(self, names: Iterable[str]) -> None:
        """Another machine deletes these notes; it is heard."""
        for name in names:
            key = Key(STORE, f"{name}.txt")
            there = self.machine.deployment.state.entries[key]
            self.machine.deployment.push("other", [_deletion(key, there.revision, there.digest)])
        self.hear()

    def make_there(self, **bodies: str) -> None:
        """Another machine makes these notes anew that were deleted; it is heard."""
        for name, text in bodies.items():
            key, body = Key(STORE, f"{name}.txt"), text.encode()
            there = self.machine.deployment.state.entries[key]
            made = replace(
                _deletion(key, there.revision, None),
                version=Content(digest(body), len(body)),
                body=body,
            )
            self.machine.deployment.push("other", [made])
        self.hear()


def heard(change: Change) -> Heard:
    """As a ledger takes a change."""
    return Heard(change.key, change.snapshot, change.device, change.body)


def _deletion(key: Key, revision: int, expected: Digest | None) -> Intent:
    operation = OperationId(hashlib.sha256(f"{key}{revision}".encode()).hexdigest()[:32])
    return Intent(operation, key, Kind.DOCUMENT, Format.TEXT, TOMBSTONE, revision, expected, None)
