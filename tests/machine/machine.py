"""One machine: a disk, clocks, kept ledgers, and a daemon that runs, dies and starts again."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from syncd.core.direction import Way
from syncd.core.model import Digest, Intent, Key, Kind
from syncd.core.pause import Operation
from syncd.engine.exchange.link import AnotherDeployment
from syncd.engine.exchange.tombstones import Tombstones
from syncd.engine.registry import Registration, register
from syncd.engine.session import TIDIED, Session
from syncd.errors import SyncdError
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.ledger.claimable import Claim
from syncd.ledger.connection import _migrate
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import LEFT, SUCCESSOR
from syncd.ledger.tidemark import Tidemark
from syncd.stores.layout import TEMPORARY_PREFIX, Layout

from .ancestry import digest_of
from .disk import Disk, Inode
from .kernel import Mounted, Place
from .loop import Loop
from .network import Wire
from .sources import CALLS

if TYPE_CHECKING:
    from .world import World

STORE = "docs"
OTHER = "papers"
"""A second store, which some runs have. Its files lie in its folder `o`: no path is in both."""
PATHS = ("a.json", "b.json", "n.txt", "d/c.json")
"""The files that people work on."""
COUNTED = "hits.json"
"""An asset whose downloads are counted; nobody changes anything else of it."""
NAMES = (*PATHS, "m.json", "d/m.json", "d/n.txt")
"""Those, and other names that they get."""
LAYOUT = Layout(("*",), ())


def key_of(path: str) -> Key:
    """The key of a file, in whichever store it is."""
    return Key(OTHER if path.startswith("o/") else STORE, path)


class Crash(BaseException):
    """The daemon ends here: no clean-up for an error runs."""


class KeptTidemark(Tidemark):
    """How often a ledger was written, where a power cut may take it."""

    def __init__(self, commits: int = 0) -> None:
        self._commits = commits

    def read(self) -> int:
        return self._commits

    def raise_to(self, commits: int) -> None:
        self._commits = commits

    def close(self) -> None: ...


class KeptLedger(Ledger):
    """A ledger in memory that survives its daemon; every step of a transaction may be the last."""

    def __init__(self, connection: sqlite3.Connection, machine: Machine) -> None:
        super().__init__(connection, machine.tidemark)
        self.machine = machine
        self._measure()

    def close(self) -> None:
        pass

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self.machine.step("begin")
        with super().transaction() as connection:
            yield connection
            self.machine.step("commit")
        self.machine.world.dirty = True
        self.machine.world.misfortunes.committed(self.machine)
        self.machine.step("committed")

    def _claim(self, claim: Claim) -> list[Intent]:
        claimed = super()._claim(claim)
        if claimed and self.machine.git is not None:
            what = f"{self.machine.name} sends {claimed[0].key} during {self.machine.git.name}"
            self.machine.world.violated("git is waited for", what)
        return claimed


@lru_cache(maxsize=1)
def _template() -> bytes:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _migrate(connection, Path("ledger"))
    return connection.serialize()


def fresh_database(image: bytes | None = None) -> sqlite3.Connection:
    """A ledger's database in memory, empty or as it was when `image` was taken."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.deserialize(image or _template())
    return connection


class Clock:
    """The machine's clocks; the wall clock may be wrong and may jump."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.skew = 0.0

    def now(self) -> float:
        return 1_700_000_000 + self._world.now + self.skew

    def monotonic(self) -> float:
        return self._world.now

    def read_ns(self) -> int:
        return int(self.now() * 1_000_000) * 1000


class Machine:
    """A computer with one store, whose daemon is started, killed and started again."""

    kind = Kind.DOCUMENT
    pointer: str | None = None

    def __init__(self, world: World, name: str, of: Machine | None = None) -> None:
        """`of`: the machine that this one is a copy of, disk, ledger, token and all."""
        self.world = world
        self.name = name
        self.device: str = of.device if of else name
        """The device that its token is of."""
        self.home: str = of.home if of else f"{world.rng.getrandbits(64):x}"
        """The state folder's own random name."""
        self.clock = Clock(world)
        self.disk = Disk(10, world.rng, self.clock.read_ns)
        if of is None:
            self.disk.make_folder(self.disk.make_folder(self.disk.root, "store"), "d")
            self.disk.make_folder(self.disk.root, "history")
            self.disk.make_folder(self.disk.make_folder(self.disk.root, "swapped"), "docs")
        else:
            self.disk.become(of.disk)
        self.store = self.disk.find("/store")
        self.other: Inode | None = None
        """The folder of the second store."""
        if world.mix.crossing:
            if of is None:
                self.disk.make_folder(self.disk.make_folder(self.disk.root, "other"), "o")
                self.disk.make_folder(self.disk.find("/swapped"), OTHER)
            self.other = self.disk.find("/other")
        self.disk.flush_all()
        self.disk.changed = self._changed
        self.disk.folder_changed = self._folder_changed
        leases = world.rng.random() < 0.5
        exchanges = not world.happens("no_exchange")
        # Without either nothing tells of a program that has the file open.
        self.mounted = Mounted(
            self.disk, self._system_call, self._wrote, leases or not exchanges, exchanges
        )
        self.databases: list[sqlite3.Connection] = []
        """Ledgers, the one in use last; the others are kept in the state folder."""
        self._tidemarks: dict[sqlite3.Connection, KeptTidemark] = {}
        self.ledger_number = 0
        """How many ledgers it has had, so that none is taken for another."""
        if of is None:
            self.new_ledger()
        else:
            self.use_ledger(of.database.serialize(), KeptTidemark(of.tidemark.read()))
        self.ledger_changes = 1 if of else 0
        self.loop: Loop | None = None
        self.session: Session | None = None
        self.tombstones: Tombstones | None = None
        self._main: asyncio.Task[None]
        self.partitioned = False
        self.way = Way.BOTH
        self.git: Operation | None = None
        """What git is doing to the store."""
        self.approved: frozenset[str] = frozenset()
        self.power_cuts = 0
        self.wire = Wire(self)

    # The daemon

    @property
    def alive(self) -> bool:
        return self.loop is not None and not self.loop.dead

    @property
    def database(self) -> sqlite3.Connection:
        return self.databases[-1]

    @property
    def tidemark(self) -> KeptTidemark:
        return self._tidemarks[self.database]

    def new_ledger(self) -> None:
        """As StateFolder.new_ledger: one that agreed on nothing; the former is kept."""
        is_first = self.ledger_number == 0
        self.use_ledger(None)
        ledger = Ledger(self.database)
        with ledger.transaction():
            ledger.places.put("nonce", f"{self.world.rng.getrandbits(128):032x}")
            ledger.places.put("workspace", "default")
            ledger.places.put("home", self.home)
            if not is_first:
                ledger.places.put(SUCCESSOR, "")

    def bound_to(self) -> str | None:
        """The deployment that its ledger belongs to."""
        return Ledger(self.database).places.get("deployment")

    def use_ledger(self, image: bytes | None, tidemark: KeptTidemark | None = None) -> None:
        """Put a ledger, empty or a copy, where the daemon finds it; its mark lies elsewhere."""
        self.databases.append(fresh_database(image))
        self._tidemarks[self.database] = tidemark or KeptTidemark()
        self.ledger_number += 1

    def _rebind(self, deployment: str) -> None:
        """As StateFolder.rebind: the ledger that belongs to the deployment, or a new one."""
        self.ledger_changes += 1
        for database in self.databases:
            if Ledger(database).places.get("deployment") == deployment:
                self.databases.remove(database)
                self.databases.append(database)
                self.ledger_number += 1
                self.world.exercised["former ledger taken again"] += 1
                with Ledger(database).transaction() as connection:
                    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, '')", (LEFT,))
                return
        self.new_ledger()

    def _ledger(self) -> KeptLedger:
        """As StateFolder.open_ledger: one of another state folder is not believed."""
        if Ledger(self.database).places.get("home") != self.home:
            self.world.exercised["foreign ledger refused"] += 1
            self.databases.pop()
            self.new_ledger()
        return KeptLedger(self.database, self)

    def start(self) -> None:
        """Start the daemon."""
        if self.alive:
            return
        self.world.story(f"{self.name} starts")
        self.loop = Loop(  # type: ignore[abstract]
            self.world, lambda what: self.world.died(self, what),
            lambda: setattr(self.world, "acting", self),
        )  # fmt: skip
        task = self.loop.create_task(self._run())
        self._main = task
        loop = self.loop

        def ended(_: object) -> None:
            if not loop.dead and not task.cancelled():
                self._ended(task.exception())

        task.add_done_callback(ended)

    async def _run(self) -> None:
        # As Daemon.run and Daemon._run_on, without watcher, listener and signals.
        while True:
            try:
                await self._run_on(self._ledger())
            except* AnotherDeployment as another:
                self.world.story(f"{self.name} takes another ledger: {another.exceptions[0]}")
                self._rebind(_only(another).deployment)

    async def _run_on(self, ledger: Ledger) -> None:
        places = {STORE: "/store"} | ({OTHER: "/other"} if self.other else {})
        register(ledger, dict.fromkeys(places, Registration("1", LAYOUT.matches)), 0.0)
        history = History(self._place("/history"))
        stores = {name: self._replica(name, at, history) for name, at in places.items()}
        with ledger.transaction():
            ledger.places.put(TIDIED, "-inf")  # Each start forgets what nothing names.
        self.session = Session(
            ledger, self.wire, stores, self.clock, self.approved, git={STORE: lambda: self.git}
        )
        self.tombstones = Tombstones(ledger, stores, self.session.between_turns)
        await self.session.run(self._tied)

    def forget(self) -> None:
        """The daemon has its ledger forget what is gone, as it does once a day."""
        if self.loop is not None and self.alive and self.tombstones is not None:
            self.loop.create_task(self._forget(self.tombstones))

    async def _forget(self, tombstones: Tombstones) -> None:
        forgotten = await tombstones.forget()
        self.world.exercised["tombstone forgotten"] += forgotten
        if forgotten:
            self.world.story(f"{self.name} forgets {forgotten} files that are gone")

    def _replica(self, store: str, at: str, history: History) -> FileReplica:
        swapped = Swapped(self._place(f"/swapped/{store}"), history, lasting=self.pointer is None)
        kind = self.world.kind if self.pointer is None else self.kind
        return FileReplica(
            self._place(at), kind, LAYOUT, swapped, pointer=self.pointer, way=self.way
        )

    def _place(self, at: str) -> Path:
        return cast(Path, Place(CALLS, self.mounted, at))

    def _tied(self, trouble: SyncdError | None) -> None:
        if trouble is None:
            self.world.exercised["tied"] += 1

    def _ended(self, error: BaseException | None) -> None:
        self.world.died(self, repr(error), error)
        self.kill("the daemon gave up")

    def retry(self) -> None:
        """A person has it try again what was refused."""
        self.kill("to try again")
        ledger = Ledger(self.database)
        with ledger.transaction():
            ledger.outbox.retry()

    def stop(self) -> None:
        """End the daemon as a signal does: cancelled, then a moment to send what is queued."""
        loop, session = self.loop, self.session
        if loop is None or loop.dead or session is None:
            return
        self.world.story(f"{self.name} stops")
        main = self._main

        async def flush() -> None:
            main.cancel()
            await asyncio.wait([main])
            await session.flush(5.0)
            self.kill("stopped")

        def check() -> None:
            if not loop.dead:
                self.world.violated("a stop ends", f"{self.name} still runs a minute later")

        loop.create_task(flush())
        self.world.after(60.0, check)

    def kill(self, why: str, *, power: bool = False) -> None:
        """End the daemon without any clean-up; with `power` the disk loses what was not flushed."""
        loop = self.loop
        if loop is None:
            return
        self.world.story(f"{self.name} dies: {why}")
        loop.kill()
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")
        for task in loop.tasks:
            with suppress(BaseException):
                cast(Any, task.get_coro()).close()
        CALLS.drop(self.mounted)
        self.loop, self.session, self.tombstones = None, None, None
        if power:
            self.power_cuts += 1
            self.world.exercised["power_cut"] += 1
            self.disk.cut_power()
            if self.power_cuts % 2:
                self._tidemarks[self.database] = KeptTidemark()
            self.world.after_power_cut(self)
        if self.world.happens("foldering"):
            self.world.rearrange(self)
        self.world.after(self.world.moment(3.0), self.start)

    def step(self, what: str) -> None:
        """A point at which the daemon may end."""
        if self.loop is None or self.loop.dead:
            raise Crash
        if self.world.may_crash() and self.world.happens("crash"):
            self._crash(what)

    def _crash(self, what: str) -> None:
        power = self.world.happens("power_cut")
        loop = self.loop
        assert loop is not None
        loop.dead = True
        self.world.exercised[f"crash at {what}"] += 1
        self.world.after(0.0, lambda: self.kill(f"at {what}", power=power))
        raise Crash

    # What its system calls meet

    def _system_call(self, call: str, folder: Inode | None, name: str) -> None:
        self.world.now += 2e-6
        if self.loop is None:
            raise Crash
        self.step(call)
        if folder is self.store and f"{name}" in PATHS:
            self.world.at_work[self.name] = [name]
        # RACE: without an exchange a save in the very instant of the rename is lost.
        if not (call == "rename" and not self.mounted.exchanges) and self.world.happens("meddle"):
            self.world.meddle(self)
        if call == "rename" and folder is self.store and name in PATHS:
            self.world.snatch(self, name)
        if call in _MAY_FAIL and self.world.happens("disk_error"):
            raise OSError(_MAY_FAIL[call], os.strerror(_MAY_FAIL[call]), name)
        written = call == "fsync" and folder is not None and not folder.is_folder
        if written and folder is not None and self.world.happens("flush_failed"):
            folder.dropped = True
            raise OSError(errno.EIO, os.strerror(errno.EIO), name)

    def _wrote(self, call: str, folder: Inode, name: str) -> None:
        """The daemon changed what a name is."""
        self.world.dirty = True
        if self.path_in(folder, name) is not None:
            self.world.check_name(self, call, folder, name)

    # What its people see

    def folder_of(self, path: str) -> tuple[Inode, str] | None:
        """The folder and the name of a path in the store, None while the store is away."""
        if self.disk.root.names.get("store") is not self.store:
            return None
        parent, _, name = path.rpartition("/")
        folder = self.folder_at(parent)
        return None if folder is None else (folder, name)

    def folder_at(self, path: str) -> Inode | None:
        """The folder at a path of a store; of none, the first store's own."""
        return self.folders().get(path)

    def folders(self) -> dict[str, Inode]:
        """Every folder, by path; the first store's own has none."""
        found = {"": self.store}
        for path, inode in self._all():
            if inode.is_folder:
                found[path] = inode
        return found

    def path_in(self, folder: Inode, name: str) -> str | None:
        """The path of a name in a folder of a store, None of what is in none."""
        if folder is self.store:
            return name
        return next((f"{path}/{name}" for path, met in self._all() if met is folder), None)

    def visible(self, path: str) -> Inode | None:
        """The file at a path of the store."""
        place = self.folder_of(path)
        inode = place[0].names.get(place[1]) if place else None
        return inode if inode is not None and not inode.is_folder else None

    def live(self) -> dict[str, bytes]:
        """Every file of the store under a real name, by path."""
        return {path: inode.data for path, inode in self.inodes()
                if TEMPORARY_PREFIX not in path and not path.endswith(".tmp")}  # fmt: skip

    def inodes(self) -> list[tuple[str, Inode]]:
        return [(path, inode) for path, inode in self._all() if not inode.is_folder]

    def _all(self) -> list[tuple[str, Inode]]:
        """Every file and folder of the stores."""
        return [found for root in (self.store, self.other) if root for found in _below(root, "")]

    def path_of(self, inode: Inode) -> str | None:
        """Under which real name a file is visible."""
        return next((path for path, met in self.inodes() if met is inode
                     and TEMPORARY_PREFIX not in path), None)  # fmt: skip

    def temporaries(self) -> list[bytes]:
        return [inode.data for path, inode in self.inodes() if TEMPORARY_PREFIX in path]

    def aside(self) -> list[bytes]:
        """What was taken out of the store and is looked at again."""
        top = self.disk.root.names.get("swapped")
        folders = top.names.values() if top is not None else ()
        return [inode.data for folder in folders for name, inode in folder.names.items()
                if not name.endswith(".label")]  # fmt: skip

    def history(self) -> dict[str, bytes]:
        """What is in the history folder, by path."""
        found: dict[str, bytes] = {}
        for shelf, folder in self.disk.root.names["history"].names.items():
            for name, inode in folder.names.items():
                found[f"{shelf}/{name}"] = inode.data
        return found

    def history_digests(self) -> set[Digest]:
        return {digest_of(body) for body in self.history().values()}

    def _changed(self, folder: Inode, name: str, settled: bool) -> None:
        """A name changed; what the watcher makes of it, if there is one that runs."""
        if name.startswith(TEMPORARY_PREFIX) or self.session is None:
            return
        path = self.path_in(folder, name)
        if path is not None and LAYOUT.matches(path) and not path.endswith(".tmp"):
            self.world.hint(self, key_of(path), settled)

    def _folder_changed(self, folder: Inode, name: str) -> None:
        """A folder got a name or lost it: what is below one is named, what was is walked for."""
        path, inode = self.path_in(folder, name), folder.names.get(name)
        if path is None or self.session is None:
            return
        if inode is None:
            self.world.hint_walk(self, key_of(f"{path}/").store)
            return
        for below, each in _below(inode, f"{path}/"):
            if not each.is_folder and TEMPORARY_PREFIX not in below and below[-4:] != ".tmp":
                self.world.hint(self, key_of(below), False)


def _below(folder: Inode, prefix: str) -> Iterator[tuple[str, Inode]]:
    for name, inode in folder.names.items():
        yield prefix + name, inode
        if inode.is_folder:
            yield from _below(inode, f"{prefix}{name}/")


def _only(group: ExceptionGroup[AnotherDeployment]) -> AnotherDeployment:
    found = group.exceptions[0]
    return found if isinstance(found, AnotherDeployment) else _only(found)


_MAY_FAIL = {
    "open": errno.EMFILE, "read": errno.EIO, "write": errno.ENOSPC, "fsync": errno.EIO,
    "exchange": errno.EIO, "rename": errno.ENOSPC, "stat": errno.EIO, "mkdir": errno.ENOSPC,
}  # fmt: skip
