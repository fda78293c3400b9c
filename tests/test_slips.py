"""What programs beside the daemon spent is told with what the daemon did."""

from __future__ import annotations

import gc
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from aiohttp import web
from typer.testing import CliRunner

from syncd.attach import open_remote
from syncd.cli import registered
from syncd.config import Config, load
from syncd.core.ceiling import Ceiling
from syncd.core.cost import DAY, KEPT, Cost, Spending, day_of
from syncd.doctor.deployment import examine
from syncd.errors import CeilingReached
from syncd.ledger.state import StateFolder
from syncd.remote.meter import Meter
from syncd.remote.wire import HeadAnswer
from syncd.setup.enrolment import open_enrolment
from syncd.slips import FOLDER, Gathering, Slips
from syncd.storage.mirror import Mirror

from .remote.test_client import deployment, success

SOME = Cost(calls=2, sent=30, received=400, uploaded=5, downloaded=6)
TODAY = 20_000


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.toml"
    path.write_text('url = "http://127.0.0.1:9"\n')
    found = load(path, {})
    found.state.mkdir()
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds = [TODAY * DAY + 3600.0]
    monkeypatch.setattr(time, "time", lambda: seconds[0])
    return seconds


def spent(cost: Cost = SOME) -> Spending:
    spending = Spending()
    spending.add(cost, time.time())
    return spending


def test_slips_of_a_day_are_added_up_each_once(config: Config, clock: list[float]) -> None:
    slips, spending = Slips(config), spent()
    slips.leave(spending)
    slips.leave(spending)
    Slips(config).leave(spent(Cost(calls=1)))
    clock[0] += DAY
    slips.leave(spent())
    assert slips.days() == {TODAY: SOME + Cost(calls=1), TODAY + 1: SOME}


def test_slips_are_of_a_deployment_and_workspace(config: Config) -> None:
    Slips(config).leave(spent())
    assert Slips(config.model_copy(update={"workspace": "other"})).days() == {}
    assert Slips(config.model_copy(update={"url": "http://127.0.0.1:8"})).days() == {}


def test_a_command_that_fails_has_spent_all_the_same(config: Config) -> None:
    spending = spent()
    with pytest.raises(RuntimeError), Slips(config).left(spending):
        raise RuntimeError
    assert sum(cost.calls for cost in Slips(config).days().values()) == SOME.calls


def test_what_cannot_be_written_fails_nobody(config: Config) -> None:
    (config.state / FOLDER).write_text("no folder")
    Slips(config).leave(spent())
    assert Slips(config).days() == {}
    Slips(config).gather(time.time())


def test_where_no_daemon_ever_ran_no_folder_is_made(config: Config) -> None:
    config.state.rmdir()
    Slips(config).leave(spent())
    assert not config.state.exists()


def test_a_line_that_was_cut_spoils_no_other(config: Config, clock: list[float]) -> None:
    slips = Slips(config)
    slips.leave(spent())
    (path,) = (config.state / FOLDER).iterdir()
    for garbage in (b"[1,2", b"\0\0\n", b"[1]\n", b"7\n", b"[1e999, 1, 1, 1, 1]\n", b"\xff\n"):
        with path.open("ab") as file:
            file.write(garbage)
        slips.leave(spent())
    # The line behind one that has no end is lost with it.
    assert slips.days() == {TODAY: Cost(12, 180, 2400, 30, 36)}


def test_days_that_are_over_are_put_together_and_old_ones_forgotten(
    config: Config, clock: list[float]
) -> None:
    slips = Slips(config)
    for _ in range(KEPT + 3):
        slips.leave(spent())
        slips.leave(spent())
        clock[0] += DAY
        found = slips.gather(clock[0])
    last = day_of(clock[0])
    assert set(found) == set(range(last - KEPT - 1, last))
    assert set(found.values()) == {SOME + SOME}
    # Today's, once there is one; yesterday's; the rest.
    assert len(list((config.state / FOLDER).iterdir())) == 2


def test_a_clock_that_is_years_ahead_for_a_moment_makes_nothing_forgotten(
    config: Config, clock: list[float]
) -> None:
    slips = Slips(config)
    slips.leave(spent())
    clock[0] += 4000 * DAY
    slips.leave(spent(Cost(calls=1)))
    slips.gather(clock[0])
    clock[0] -= 4000 * DAY
    assert slips.gather(clock[0])[TODAY] == SOME


def test_a_day_whose_file_outlived_a_crash_counts_once(config: Config, clock: list[float]) -> None:
    slips = Slips(config)
    slips.leave(spent())
    (path,) = (config.state / FOLDER).iterdir()
    body = path.read_bytes()
    clock[0] += 3 * DAY
    slips.gather(clock[0])
    path.write_bytes(body)
    assert slips.days() == {TODAY: SOME}
    assert slips.gather(clock[0]) == {TODAY: SOME}
    assert not path.exists()


def _leave(config: Config) -> None:
    for _ in range(200):
        Slips(config).leave(spent())


def test_programs_write_at_once_and_no_line_is_lost(config: Config) -> None:
    context = get_context("spawn")
    programs = [context.Process(target=_leave, args=(config,)) for _ in range(3)]
    for each in programs:
        each.start()
    for each in programs:
        each.join()
    assert sum(cost.calls for cost in Slips(config).days().values()) == 600 * SOME.calls


async def test_a_ceiling_is_for_all_programs_of_a_machine(config: Config) -> None:
    meter = Meter(Ceiling(calls_a_day=SOME.calls + 1))
    gathering = Gathering(config, meter.know_beside)
    meter.count(Cost(calls=1))
    await gathering.told(None)
    await meter.admit()
    Slips(config).leave(spent())
    await gathering.told(None)
    with pytest.raises(CeilingReached):
        await meter.admit()


async def answering(_: web.Request) -> web.StreamResponse:
    return web.json_response(success({"head": "12", "devices": []}))


async def test_commands_and_programs_leave_slips(config: Config) -> None:
    async with deployment(answering) as http:
        there = config.model_copy(update={"url": http.url, "token": "t"})
        slips = Slips(there)

        def calls() -> int:
            return sum(cost.calls for cost in slips.days().values())

        async with open_remote(there) as remote:
            await remote.head()
        assert calls() == 1
        async with open_enrolment(there, "key") as enrolment:
            await enrolment.devices()
        assert calls() == 2
        found = [each async for each in examine(there)]
        assert "the feed ends at 12" in found[-1].evidence
        assert calls() == 4
        mirror = Mirror(there)
        await mirror.query("sync:head", HeadAnswer)
        assert calls() == 5
        # Once a minute: a program may call all the time.
        await mirror.query("sync:head", HeadAnswer)
        assert calls() == 5
        await mirror.close()
        assert calls() == 6
        await mirror.query("sync:head", HeadAnswer)
        del mirror
        gc.collect()
        assert calls() == 7


def test_status_and_doctor_tell_both(config: Config) -> None:
    state = StateFolder(config.state)
    state.open()
    ledger = state.open_ledger(config.url, config.workspace)
    ledger.costs.connect(spent(Cost(calls=40)))
    ledger.close()
    state.close()
    Slips(config).leave(spent())
    for command, words in (("status", "cost today: 42 function calls"), ("doctor", "42 function")):
        said = CliRunner().invoke(registered(), [command, "--config", str(config.source)])
        assert words in said.output
