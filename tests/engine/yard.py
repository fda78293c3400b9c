"""Machines with one deployments file each, a program that holds it in memory, one deployment."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from syncd.core.decision import Heard
from syncd.core.doubt import ABSENCE
from syncd.core.epoch import End
from syncd.core.guard import Direction
from syncd.core.model import Intent, Key, Kind
from syncd.engine.exchange.epoch import Epoch
from syncd.engine.stops.guards import Guards
from syncd.engine.turns.decide import Turn
from syncd.engine.turns.turn import Reconciler
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord
from syncd.stores.layout import Layout
from tests.machine.deployment import Deployment

from .fakes import StandingClock

STORE = "deployments"
FILE = Key(STORE, "deployments.json")

Record = dict[str, Any]


def deploy(name: str, status: str = "pending", **fields: object) -> Record:
    return {"id": name, "siteId": "site", "status": status, **fields}


class Yard:
    """Turns on a real ledger and a real file; every step is a test's own."""

    def __init__(
        self, folder: Path, remote: Deployment, name: str, kind: Kind = Kind.DEPLOYMENT
    ) -> None:
        self.name = name
        self.kind = kind
        self.remote = remote
        self.folder = folder / name
        self.path = self.folder / "store" / FILE.path
        self.path.parent.mkdir(parents=True)
        self.clock = StandingClock()
        self.memory: list[Record] = []
        self.queue: list[str] = []
        self.open()

    def open(self) -> None:
        """Start; again is what a restart does."""
        self.ledger = Ledger.open(self.folder / "ledger.db")
        self.history = History(self.folder / "history")
        self.swapped = Swapped(self.folder / "swapped", self.history, lasting=False)
        self.replica = FileReplica(
            self.path.parent,
            self.kind,
            Layout(("*.json",), ()),
            self.swapped,
            pointer="/deployments",
        )
        if not self.ledger.places.stores():
            root = self.replica.identity()
            with self.ledger.transaction():
                self.ledger.places.record_store(STORE, StoreRecord("1", root, bootstrapped=True))
        stores = {STORE: self.replica}
        self.guards = Guards(self.ledger, stores, self.clock)
        self.reconciler = Reconciler(self.ledger, stores, self.guards, self.clock)

    def restart(self) -> None:
        self.ledger.close()
        self.open()

    def copied(self) -> bytes:
        """The ledger as it is now, to be put back later."""
        self.ledger.close()
        copy = (self.folder / "ledger.db").read_bytes()
        self.open()
        return copy

    def become(self, copy: bytes) -> None:
        """Go on with an old copy of the ledger."""
        self.ledger.close()
        (self.folder / "ledger.db").write_bytes(copy)
        self.open()

    async def begin_anew(self, end: End) -> None:
        """End the epoch, and hear what the deployment has."""
        stores = {STORE: self.replica}
        epoch = Epoch(self.ledger, stores, self.guards, self.reconciler, self.clock)
        await epoch.end(end)
        self.hear()
        known = self.ledger.places.stores()[STORE]
        with self.ledger.transaction():
            epoch.settle(STORE)
            self.ledger.places.record_store(STORE, replace(known, bootstrapped=True))
        self.guards.roots.reload()

    # The program

    def load(self) -> None:
        """The program reads the file, and forgets what it held."""
        told = self.told()
        self.memory, self.queue = told["deployments"], told["queue"]

    def put(self, *records: Record) -> None:
        """The program changes or appends records in memory, and rewrites the file whole."""
        for record in records:
            held = [each["id"] for each in self.memory]
            if record["id"] in held:
                self.memory[held.index(record["id"])] = record
            else:
                self.memory.append(record)
        self.save()

    def drop(self, name: str) -> None:
        self.memory = [each for each in self.memory if each["id"] != name]
        self.save()

    def save(self) -> None:
        body = {"deployments": self.memory, "queue": self.queue}
        self.path.write_text(json.dumps(body, indent=2))

    def told(self) -> Any:
        return json.loads(self.path.read_text())

    def records(self) -> dict[str, Record]:
        """What the file holds."""
        return {each["id"]: each for each in self.told()["deployments"]}

    # The daemon

    async def turn(self, pause: float = 0.0) -> Turn:
        self.clock.seconds += pause
        return await self.reconciler.consider([FILE])

    def send(self) -> list[Intent]:
        """Send what may be sent and take the answers; what was sent."""
        guarded = [STORE] if self.guards.holds_back(STORE, Direction.TO_REMOTE) else []
        sent = self.ledger.claim(Claim(10_000, 1 << 30, guarded))
        outcomes = self.remote.push(self.name, sent)
        self.ledger.acknowledge(list(zip(sent, outcomes, strict=True)), self.name, self.clock.now())
        return sent

    def hear(self) -> None:
        page = self.remote.changes(self.name, [STORE], self.ledger.passing.cursor)
        news = [Heard(c.key, c.snapshot, c.device, c.body) for c in page.changes]
        own = [heard for heard in news if heard.device == self.name]
        assert all(heard.body is None for heard in own)
        self.ledger.hear(news, page.cursor)

    async def sync(self, pause: float = 70.0) -> list[Intent]:
        """Hear, consider, send, consider again after a pause; what was sent."""
        self.hear()
        await self.turn()
        sent = self.send()
        await self.turn(ABSENCE)
        await self.turn(pause)
        return sent + self.send()


def mirror(remote: Deployment) -> dict[str, Any]:
    """What the deployment holds, by record; the envelope under the empty id."""
    return {
        key.record: json.loads(entry.body)
        for key, entry in remote.state.entries.items()
        if entry.body is not None
    }
