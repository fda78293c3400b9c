"""What the daemon's parts tell, and what of it goes to the log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

import syncd.engine.session as session_module
from syncd.core.model import Key
from syncd.engine.exchange.bodies import DAMAGED
from syncd.engine.health import Health
from syncd.engine.payloads.downloads import Downloads
from syncd.engine.payloads.transfers import Transfers
from syncd.ledger.ledger import Ledger
from syncd.report.status import unheard
from tests.ledger.test_ledger import content

from .fakes import Machine, StandingClock, deployment
from .test_epoch import until


def test_a_store_that_is_polled_is_told_once_and_when_it_is_watched_again(tmp_path: Path) -> None:
    ledger = Machine(tmp_path / "laptop", deployment()).ledger()
    health = Health(ledger, StandingClock())
    with capture_logs() as said:
        health.watched("watch:notes", "watching")
        for _ in range(2):
            health.watched("watch:notes", "polling", "the limit is reached")
        health.watched("watch:notes", "watching")
    ledger.close()
    told = [(line["event"], line["log_level"]) for line in said if line["event"] != "health"]
    assert told == [("degraded", "warning"), ("recovered", "info")]


def test_a_clock_that_is_set_back_keeps_no_sign_of_life_back(tmp_path: Path) -> None:
    ledger, clock = Machine(tmp_path / "laptop", deployment()).ledger(), StandingClock()
    health, checked = Health(ledger, clock), []
    for seconds in (0, -86_400, 120):
        clock.seconds += seconds
        health.watched("watch:notes", "watching")
        with ledger.transaction() as connection:
            (at,) = connection.execute("SELECT checked FROM health").fetchone()
        checked.append(at - clock.now())
    ledger.close()
    assert checked == [0, 0, 0]


class Suspended(StandingClock):
    """What a machine that slept has: only one of its clocks went on."""

    slept = 0.0

    def now(self) -> float:
        return self.seconds + self.slept


def test_a_daemon_is_heard_by_how_it_watches_whatever_the_clock_was_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, clock = Machine(tmp_path / "laptop", deployment()).ledger(), Suspended()
    monkeypatch.setattr(time, "monotonic", clock.monotonic)
    monkeypatch.setattr(time, "time", clock.now)

    def silent() -> float:
        with ledger.transaction() as connection:
            return unheard(connection)

    health = Health(ledger, clock)
    health.watched("watch:notes", "watching")
    clock.slept = 86_400.0
    assert silent() == 0, "it slept, or its clock was set"
    clock.slept = -86_400.0
    clock.seconds += 200
    assert silent() == 200
    health.report("deployment", "online")
    assert silent() == 200, "of which the watch tells nothing"
    health.watched("watch:notes", "watching")
    assert silent() == 0
    clock.seconds += 200
    Health(ledger, clock)
    assert silent() == 0, "no store is watched yet"
    ledger.close()


def told(ledger: Ledger, part: str) -> str:
    """The state of a part, as others read it; empty where it told none."""
    with ledger.transaction() as connection:
        row = connection.execute("SELECT state FROM health WHERE part = ?", (part,)).fetchone()
    return str(row[0]) if row else ""


async def test_what_is_still_to_be_fetched_is_told_from_the_first(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "laptop", deployment())
    ledger = machine.ledger()
    session = machine.session(ledger)
    health = session.health
    for part in ("feed", "downloads"):
        health.report(part, "current")
    assert session._online is not None
    session._online.puller.fetch([Key("notes", "a.png")])
    assert told(ledger, "feed") == "behind"
    transfers = Transfers("downloads", health, machine.clock)
    nobody = cast(Any, None)
    downloads = Downloads(ledger, nobody, {}, session.intake, machine.clock, transfers, DAMAGED)
    downloads.receive(Key("notes", "a.png"), content(b"picture"), "https://files.example/1")
    assert told(ledger, "downloads") == "waiting"
    ledger.close()


@pytest.mark.parametrize(("long", "many"), [(0.01, 1), (3600.0, session_module.MANY)])
async def test_files_that_are_looked_at_for_long_are_told_and_many_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, long: float, many: int
) -> None:
    monkeypatch.setattr(session_module, "LONG", long)
    machine = Machine(tmp_path / "laptop", deployment())
    ledger = machine.ledger()
    session = machine.session(ledger)

    def state() -> str:
        return told(ledger, "files")

    running = asyncio.create_task(session.run(lambda _: None))
    try:
        await until(lambda: state() == "current")
        monkeypatch.setattr(session.intake._settler, "take", lambda *_, **__: [])
        monkeypatch.setattr(session.intake._settler, "next_due", lambda **_: float("inf"))
        session.intake.name([Key("notes", f"{number}.txt") for number in range(many)])
        await until(lambda: state() == "busy")
        monkeypatch.undo()
        session.intake.touched(Key("notes", "0.txt"), settled=True)
        await until(lambda: state() == "current")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()


async def test_the_first_look_at_a_store_is_told_however_little_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "LONG", 3600.0)
    machine = Machine(tmp_path / "laptop", deployment())
    machine.save(**{"0": "one file"})
    ledger = machine.ledger()
    session = machine.session(ledger)

    def told() -> dict[str, str]:
        with ledger.transaction() as connection:
            return dict(connection.execute("SELECT part, state FROM health").fetchall())

    monkeypatch.setattr(session.intake._settler, "take", lambda *_, **__: [])
    monkeypatch.setattr(session.intake._settler, "next_due", lambda **_: float("inf"))
    running = asyncio.create_task(session.run(lambda _: None))
    try:
        await until(lambda: told().get("feed") == "current")
        assert told()["files"] == "busy"
        monkeypatch.undo()
        session.intake.touched(Key("notes", "0.txt"), settled=True)
        await until(lambda: told()["files"] == "current")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()
