"""A walk names what is not as it was last read, whatever was read and whatever is there."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.core.decision import RACY_NS, FileState
from syncd.core.doubt import ABSENCE
from syncd.core.guard import Direction, Guard
from syncd.core.model import Content, Digest, Key, Kind, Snapshot
from syncd.core.reading import Reading, Stat
from syncd.engine.naming import rescan as rescanning
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.rescan import Rescan
from syncd.engine.stops.guards import Guards
from syncd.files.folder import stat_of
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.scan import Scan, Seen
from syncd.files.swapped import Swapped
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import Layout

from .fakes import STORE as NOTES
from .fakes import Desk, RunningClock, StandingClock
from .test_epoch import until

STORE = "docs"
PATHS = ("a/b.json", "a.json", "b", "caf\u00e9.json", "z/y/x.json")
READ = Digest("1" * 64)
AGREED = Digest("2" * 64)

KNOWN = ("never read", "as it is", "changed since", "read too soon")
States = dict[str, tuple[bool, str, bool]]
"""path -> whether it is there, what is known of it, whether both sides agreed on content."""

states: st.SearchStrategy[States] = st.fixed_dictionaries({
    path: st.tuples(st.booleans(), st.sampled_from(KNOWN), st.booleans()) for path in PATHS
})  # fmt: skip


class Told:
    """What a walk tells: the keys it names, and what it says to the guards."""

    def __init__(self) -> None:
        self.keys: set[Key] = set()
        self.missing: dict[Key, Digest] = {}
        self.appeared = 0
        self.between_turns = asyncio.Lock()

    def connect(self, walk: Callable[[str], None]) -> None:
        return

    @property
    def roots(self) -> Told:
        return self

    def bootstrapped(self, store: str) -> bool:
        return True

    async def survey(self, store: str, seen: Seen) -> None:
        return

    def name(self, keys: Iterable[Key]) -> None:
        self.keys |= set(keys)

    def waiting(self, store: str, way: Direction) -> Iterable[Key]:
        return ()

    def scanned(
        self, store: str, walked: str | None, missing: Mapping[Key, Digest], appeared: int
    ) -> None:
        self.missing, self.appeared = dict(missing), appeared


def walked(folder: Path, states: States) -> Told:
    """Make the files and the ledger, and walk."""
    root = folder / "store"
    root.mkdir()
    ledger = Ledger.open(folder / "ledger.db")
    try:
        for path, state in states.items():
            _make(root, ledger, path, *state)
        swapped = Swapped(folder / "swapped", History(folder / "history"), lasting=False)
        replica = FileReplica(root, Kind.FILE, Layout(("*",), ()), swapped)
        told = Told()
        guards, intake = cast(Guards, told), cast(Intake, told)
        rescan = Rescan(ledger, {STORE: replica}, guards, intake, StandingClock())
        asyncio.run(rescan.scan(STORE))
        return told
    finally:
        ledger.close()


def _make(root: Path, ledger: Ledger, path: str, there: bool, known: str, agreed: bool) -> None:
    stat = Stat(2, 10**18, 10**18, 7)
    if there:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"{}")
        stat = stat_of((root / path).stat())
    if known == "changed since":
        stat = stat._replace(size=stat.size + 1)
    soon = 0 if known == "read too soon" else RACY_NS + 1
    key = Key(STORE, path)
    with ledger.transaction():
        if known != "never read":
            read = FileState(stat, READ, max(stat.mtime_ns, stat.ctime_ns) + soon)
            ledger.places.record_files([(key, read)])
        if agreed:
            ledger.entries.agree([(key, Snapshot(1, Content(AGREED, 2)))])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(states)
def test_a_walk_names_what_is_not_as_it_was_read(states: States) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = walked(Path(folder), states)
    changed = {p for p, (there, known, _) in states.items() if there and known != "as it is"}
    live = {p: AGREED if agreed else READ for p, (_, known, agreed) in states.items()
            if agreed or known != "never read"}  # fmt: skip
    missing = {Key(STORE, p): digest for p, digest in live.items() if not states[p][0]}
    assert told.missing == missing
    assert told.appeared == len(changed - live.keys())
    assert told.keys >= {Key(STORE, p) for p in changed} | missing.keys()
    unfinished = {p for p, (_, _, agreed) in states.items() if agreed}  # READ is not AGREED.
    assert told.keys <= {Key(STORE, p) for p in changed | unfinished} | missing.keys()


async def test_what_can_be_no_key_is_held_only_while_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    folder = desk.machine.files / "a"
    deep = folder.joinpath(*["d" * 100] * 12)
    deep.mkdir(parents=True)
    (deep / "n.txt").write_text("a note")
    intake = Intake(desk.reconciler, desk.clock)
    rescan = Rescan(desk.ledger, {NOTES: desk.replica}, desk.guards, intake, desk.clock)
    named: set[Key] = set()
    monkeypatch.setattr(intake, "name", named.update)
    await rescan.scan(NOTES)
    assert len(desk.ledger.attention.held(NOTES)) == 1
    shutil.rmtree(folder)
    await rescan.scan(NOTES)
    await desk.reconciler.consider(sorted(named))
    assert not desk.ledger.attention.held(NOTES)
    desk.ledger.close()


class Walks(Rescan):
    """Walks nothing, and tells what it would have walked."""

    def __init__(self, desk: Desk, stores: Iterable[str]) -> None:
        replicas = dict.fromkeys(stores, desk.replica)
        intake = Intake(desk.reconciler, desk.clock)
        super().__init__(desk.ledger, replicas, desk.guards, intake, desk.clock)
        self.walked: list[str] = []
        self.on_walk: Callable[[str], None] = lambda _: None

    async def scan(self, store: str, *, alone: bool = False) -> Seen:
        self.walked.append(store)
        self.on_walk(store)
        await asyncio.sleep(0)
        return Seen(Scan(), None)


async def test_a_store_that_is_polled_keeps_no_other_from_being_walked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescanning, "INTERVAL", 0.1)
    desk = Desk(tmp_path, RunningClock())
    walks, heard = Walks(desk, [NOTES, "unwatched"]), asyncio.Event()
    running = asyncio.create_task(walks.run())

    def walked(store: str) -> None:
        walks.request("unwatched")  # As often as it can be: its events do not arrive.
        if store == NOTES:
            heard.set()

    walks.on_walk = walked
    walks.request("unwatched")
    try:
        async with asyncio.timeout(5):
            await heard.wait()
    finally:
        running.cancel()
        desk.ledger.close()


async def test_while_deletions_of_a_store_wait_only_that_is_walked_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescanning, "GUARDED", 0.001)
    desk = Desk(tmp_path, RunningClock())
    with desk.ledger.transaction():
        desk.ledger.attention.set_guard(Guard(NOTES, "missing", 3, Direction.TO_REMOTE))
    desk.guards.reload()
    walks, often = Walks(desk, [NOTES, "others"]), asyncio.Event()
    walks.on_walk = lambda _: often.set() if len(walks.walked) == 3 else None
    running = asyncio.create_task(walks.run())
    try:
        async with asyncio.timeout(5):
            await often.wait()
        assert set(walks.walked) == {NOTES}
    finally:
        running.cancel()
        desk.ledger.close()


@pytest.mark.parametrize(("took", "rests"), [(0.1, 5.0), (1.0, 20.0), (9.0, 60.0)])
async def test_a_walk_that_takes_long_is_rare_while_deletions_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, took: float, rests: float
) -> None:
    desk = Desk(tmp_path)
    with desk.ledger.transaction():
        desk.ledger.attention.set_guard(Guard(NOTES, "missing", 3, Direction.TO_REMOTE))
    desk.guards.reload()
    walks, rested = Walks(desk, [NOTES]), list[float]()

    def walked(_store: str) -> None:
        desk.clock.seconds += took

    async def woken(_event: asyncio.Event, pause: float) -> None:
        if len(rested) == 3:
            raise TimeoutError
        rested.append(pause)
        desk.clock.seconds += pause

    walks.on_walk = walked
    monkeypatch.setattr(rescanning, "woken", woken)
    with pytest.raises(TimeoutError):
        await walks.run()
    assert rested[1:] == pytest.approx([rests, rests])
    desk.ledger.close()


async def test_a_folder_is_adopted_before_a_turn_or_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, read, replaced = Desk(tmp_path), threading.Event(), threading.Event()
    await desk.agree(a="agreed")
    desk.machine.save(a="edited in the folder that was there")
    intake = Intake(desk.reconciler, desk.clock)
    rescan = Rescan(desk.ledger, {NOTES: desk.replica}, desk.guards, intake, desk.clock)
    first = desk.reconciler.readings.first

    def slowly(keys: Sequence[Key], slow: list[Key]) -> dict[Key, Reading]:
        readings = first(keys, slow)
        read.set()
        assert replaced.wait(30)
        return readings

    monkeypatch.setattr(desk.reconciler.readings, "first", slowly)
    key = Key(NOTES, "a.txt")
    turn = asyncio.create_task(desk.reconciler.consider([key]))
    await until(read.is_set)
    desk.machine.files.rename(tmp_path / "aside")
    desk.machine.files.mkdir()
    desk.machine.save(a="what another folder holds")
    walk = asyncio.create_task(rescan.scan(NOTES))
    await asyncio.wait([walk], timeout=0.3)
    replaced.set()
    await asyncio.gather(turn, walk)
    assert desk.ledger.entries.get(key)[0] is None, "it is met for the first time"
    assert desk.ledger.outbox.count() == {}
    assert "edited in the folder that was there" in desk.machine.kept()
    desk.ledger.close()


async def test_what_a_walk_found_again_is_doubted_anew(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    folder = desk.machine.files / "d"
    folder.mkdir()
    await desk.agree(**{"d/a": "a note", "b": "another"})
    rescan = Rescan(
        desk.ledger, {NOTES: desk.replica}, desk.guards, Intake(desk.reconciler, desk.clock),
        desk.clock,
    )  # fmt: skip
    key = Key(NOTES, "d/a.txt")
    folder.rename(tmp_path / "d")
    assert (await desk.reconciler.consider([key])).again, "missing at first sight"
    desk.machine.files.rename(tmp_path / "away")
    desk.clock.seconds += ABSENCE
    assert not (await desk.reconciler.consider([key])).again, "nothing is there to be looked at"
    (tmp_path / "away").rename(desk.machine.files)
    (tmp_path / "d").rename(folder)
    await rescan.scan(NOTES)
    desk.clock.seconds += 3600
    (folder / "a.txt").unlink()  # As a program does that is about to write it anew.
    assert (await desk.reconciler.consider([key])).again, "missing at first sight"
    assert desk.ledger.outbox.count() == {}
    assert len(desk.guards.doubts) == 1
    desk.ledger.close()


async def test_what_comes_while_a_store_is_walked_is_not_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, walked, come = Desk(tmp_path), threading.Event(), threading.Event()
    await desk.agree(a="agreed")
    intake = Intake(desk.reconciler, desk.clock)
    rescan = Rescan(desk.ledger, {NOTES: desk.replica}, desk.guards, intake, desk.clock)
    scan = desk.replica.scan

    def slowly() -> Seen:
        seen = scan()
        walked.set()
        assert come.wait(30)
        return seen

    monkeypatch.setattr(desk.replica, "scan", slowly)
    walk = asyncio.create_task(rescan.scan(NOTES))
    await until(walked.is_set)
    names = [f"new-{number}" for number in range(30)]
    desk.machine.save(**dict.fromkeys(names, "saved meanwhile"))
    turn = await desk.reconciler.consider([Key(NOTES, f"{name}.txt") for name in names])
    assert turn.queued
    come.set()
    await walk
    assert not desk.guards.guarded
    assert not desk.ledger.deletions.listed("waiting", NOTES, Direction.TO_REMOTE)
    desk.ledger.close()
