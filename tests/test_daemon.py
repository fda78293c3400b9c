"""The composition root in this process, without a deployment."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from syncd import daemon as composition
from syncd import running as running_daemon
from syncd.config import Config, load
from syncd.core.cost import Cost
from syncd.core.model import Digest
from syncd.daemon import Daemon, open_daemon
from syncd.engine.registry import Keep
from syncd.engine.session import Session
from syncd.errors import LedgerError, LedgerFull, first_of
from syncd.ledger.connection import damage_in, transaction
from syncd.ledger.ledger import Ledger
from syncd.ledger.lock import waits_for_room
from syncd.monitoring.pulse import Pulse
from syncd.monitoring.supervisor import Supervisor
from syncd.opening import Place, place_of, replicas
from syncd.report.standing import Part, Rollback, State, StatusReport
from syncd.report.status import report
from syncd.running import _reviewing, _Run, run_daemon

CONFIG = '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'
NAMES = [f"{number:03}.json" for number in range(200)]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "flows").mkdir()
    (tmp_path / "config.toml").write_text(CONFIG)
    for name in NAMES:
        (tmp_path / "flows" / name).write_text(f'{{"id": "{name}"}}')
    return load(tmp_path / "config.toml", {})


@asynccontextmanager
async def running(config: Config) -> AsyncIterator[Daemon]:
    stopping = asyncio.Event()
    async with open_daemon(config) as daemon:
        run = asyncio.create_task(run_daemon(daemon, Supervisor(), stopping, lambda: None))
        await asyncio.sleep(0)  # It has opened its ledger when it gives way for the first time.
        try:
            yield daemon
        finally:
            stopping.set()
            await run


async def until_read(config: Config, known: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                found = report(config)
            except LedgerError:
                pass  # It is being put aside.
            else:
                files = found.parts.get("files")
                if files and files.state == "current" and found.stores[0].files == known:
                    return
            await asyncio.sleep(0.05)


async def until_it_goes_on(config: Config) -> None:
    async with asyncio.timeout(30):
        while True:
            if not waits_for_room(config.state):
                return
            await asyncio.sleep(0.05)


async def met(config: Config) -> Path:
    """As if the deployment had been met, before which nothing is decided; the ledger's file."""
    async with running(config) as daemon:
        await until_read(config, 0)
        path = daemon.state.ledger_path(None, config.workspace)
    assert path is not None
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE stores SET bootstrapped = 1")
    connection.close()
    return path


async def test_a_ledger_that_proves_damaged_is_put_aside_and_the_run_goes_on(
    config: Config,
) -> None:
    path = await met(config)
    async with running(config):
        await until_read(config, len(NAMES))
    damage(path)
    async with running(config) as daemon:
        await until_read(config, 0)
        anew = daemon.state.ledger_path(None, config.workspace)
    assert anew not in (None, path)
    assert path.with_name(path.name + ".damaged").exists()
    assert sorted(each.name for each in config.stores[0].path.iterdir()) == NAMES


async def test_what_was_spent_outlives_a_ledger_that_proves_damaged(config: Config) -> None:
    config = config.model_copy(update={"url": "http://127.0.0.1:9", "token": "token"})
    async with open_daemon(config) as daemon:
        assert daemon.access is not None
        meter, ledger = daemon.access.http.meter, daemon.open_ledger()
        meter.count(Cost(calls=5))
        with ledger.transaction():
            pass
        spent = meter.spending.costs
        daemon.put_aside(ledger, "a page is damaged")
        ledger = daemon.open_ledger()
        assert meter.spending.costs == spent == meter.spending.unwritten
        ledger.close()


def damage(path: Path) -> None:
    """Overwrite pages that nothing looks at when the ledger is opened, after a clean end."""
    connection = sqlite3.connect(path)
    query = "SELECT pageno FROM dbstat WHERE name = 'files' AND pagetype = 'leaf'"
    pages = [row[0] for row in connection.execute(query)]
    connection.close()
    assert pages
    assert not path.with_name(path.name + "-wal").exists()
    with path.open("r+b") as file:
        for page in pages:
            file.seek(4096 * (page - 1))
            file.write(b"\xff" * 4096)


def test_a_disk_that_is_full_is_no_damage(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count = 2")
    full = pytest.raises(LedgerError, match=r"disk is full.*; nothing of this step was recorded")
    with full as raised, transaction(connection) as inside:
        inside.execute("INSERT INTO t VALUES (zeroblob(100000))")
    assert damage_in(raised.value) is None
    connection.close()


async def test_a_ledger_without_room_is_gone_on_with_once_there_is_some(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    await met(config)
    monkeypatch.setattr(running_daemon, "NO_ROOM", 0.01)
    opened: list[sqlite3.Connection] = []
    starts, thrice = 0, asyncio.Event()
    open_ledger, until = Daemon.open_ledger, _Run.until

    def filled(self: Daemon) -> Ledger:
        ledger = open_ledger(self)
        with ledger.transaction() as connection:
            opened.append(connection)
        connection.execute("PRAGMA max_page_count = 1")  # It keeps those that it has.
        return ledger

    async def counted(self: _Run, stopping: asyncio.Event) -> None:
        nonlocal starts
        starts += 1
        if starts == 3:
            thrice.set()
        await until(self, stopping)

    monkeypatch.setattr(Daemon, "open_ledger", filled)
    monkeypatch.setattr(_Run, "until", counted)
    async with running(config), asyncio.timeout(30):
        await thrice.wait()
        (connection,) = opened  # Without room it could not be opened again.
        connection.execute("PRAGMA max_page_count = 1000000")
        await until_read(config, len(NAMES))
        await until_it_goes_on(config)


async def test_a_daemon_that_waits_for_room_is_no_dead_one(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    thrice = asyncio.Event()

    def full(*_: object) -> None:
        raise LedgerFull("there is no room", "free some")

    def sent(_: Supervisor, lines: list[str]) -> None:
        told.append(lines)
        if len(told) == 3:
            thrice.set()

    monkeypatch.setattr(running_daemon, "NO_ROOM", 0.01)
    monkeypatch.setattr(_Run, "__init__", full)
    monkeypatch.setattr(Supervisor, "_send", sent)
    with capture_logs() as said:
        async with running(config), asyncio.timeout(10):
            await thrice.wait()
            assert waits_for_room(config.state)
    assert [each["event"] for each in said].count("no_room") == 1, "once a minute"
    assert told[0] == ["WATCHDOG=1", "STATUS=there is no room"]


def open_files(path: Path) -> int:
    """How many descriptors of this process are of the file at `path`."""
    found = 0
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += each.resolve() == path
    return found


async def test_a_run_that_ends_leaves_no_file_open_that_it_looked_at_again(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Place] = []

    def opened(config: Config) -> Place:
        places.append(place_of(config))
        return places[-1]

    monkeypatch.setattr(running_daemon, "place_of", opened)
    taken_out = config.stores[0].path / NAMES[0]
    async with running(config):
        watched = os.open(taken_out, os.O_RDONLY)  # As from another file system.
        places[0].stores["flows"].swapped.watch(watched, NAMES[0], Digest("0" * 64))
        assert open_files(taken_out) == 1
    assert open_files(taken_out) == 0


async def test_what_is_queued_of_a_store_that_goes_is_in_history_for_good_before_it_is_forgotten(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeps: list[Keep] = []
    synced: set[str] = set()
    fsync = os.fsync

    def registered(_ledger: Ledger, _stores: object, _now: float, keep: Keep) -> list[str]:
        keeps.append(keep)
        return []

    def recorded(fd: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{fd}").readlink()))
        fsync(fd)

    monkeypatch.setattr(composition, "register", registered)
    async with open_daemon(config) as daemon:
        ledger = daemon.open_ledger()
        daemon.session(ledger, replicas(config))
        monkeypatch.setattr(os, "fsync", recorded)
        digest = keeps[0](b"queued, and nowhere else")
        ledger.close()
    shelf = config.state / "history" / digest[:2]
    assert {str(shelf), str(shelf.parent)} <= synced, "the names too"


async def test_a_run_that_nothing_watches_any_more_ends(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(self: Pulse) -> None:
        raise RuntimeError("no pulse")

    monkeypatch.setattr(Pulse, "run", fails)
    async with open_daemon(config) as daemon:
        with pytest.raises(ExceptionGroup) as raised:
            async with asyncio.timeout(20):
                await run_daemon(daemon, Supervisor(), asyncio.Event(), lambda: None)
    assert raised.group_contains(RuntimeError, match="no pulse")


@pytest.mark.parametrize("then", ["gone", "another"])
async def test_a_run_whose_state_folder_is_moved_away_ends(
    config: Config, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.beside.LOOK", 0.01)
    async with open_daemon(config) as daemon:
        run = asyncio.create_task(run_daemon(daemon, Supervisor(), asyncio.Event(), lambda: None))
        await until_read(config, 0)
        config.state.rename(config.state.with_name("elsewhere"))
        if then == "another":
            config.state.mkdir()
            (config.state / "lock").touch()
        async with asyncio.timeout(30):
            with pytest.raises(ExceptionGroup, check=was_moved):
                await run


def was_moved(ended: ExceptionGroup) -> bool:
    return "was moved, replaced or removed" in str(first_of(ended))


async def test_a_review_is_over_once_nothing_is_left_to_look_at() -> None:
    over: list[bool] = []

    async def end_review() -> None:
        over.append(True)

    told = _reviewing(cast(Session, SimpleNamespace(end_review=end_review)))
    current = Part(state="current", detail="", since=0, checked=0)
    for left in (1, 0):
        rollback = Rollback(since=1.0, why="it was restored", open=left)
        await told(
            StatusReport(
                state=State.ROLLBACK_REVIEW, detail="", running=1, url="u", workspace="w",
                rollback=rollback, parts={"files": current, "feed": current},
            )
        )  # fmt: skip
        assert bool(over) == (left == 0)
