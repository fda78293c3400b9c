"""What the pulse logs, states that last and no save; and what it does not count."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import syncd.monitoring.pulse as pulse_module
from syncd.config import Config, load
from syncd.ledger.state import StateFolder
from syncd.monitoring.pulse import Pulse
from syncd.report.standing import State, StatusReport
from syncd.report.status import report

STORE = """
[[store]]
name = "flows"
kind = "workflow"
path = "flows"
"""

SEEN = [State.SYNCING, State.IN_SYNC, State.SYNCING, State.IN_SYNC, State.OFFLINE, State.SYNCING,
        State.OFFLINE, State.IN_SYNC]  # fmt: skip


async def test_states_are_logged_when_they_change_but_not_with_every_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("")
    states = iter(SEEN)
    ended, told = asyncio.Event(), list[State]()

    async def beat() -> None:
        if len(told) == len(SEEN):
            ended.set()
            await asyncio.Event().wait()

    async def tell(found: StatusReport) -> None:
        told.append(found.state)

    monkeypatch.setattr(pulse_module, "report", lambda config, counting: _report(states))
    monkeypatch.setattr(pulse_module, "FIRST", 0.0)
    with capture_logs() as said:
        config: Config = load(tmp_path / "config.toml", {})
        running = asyncio.create_task(Pulse(config, beat, [tell]).run())
        async with asyncio.timeout(20):
            await ended.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert told == SEEN
    logged = [line["state"] for line in said if line["event"] == "became"]
    assert logged == ["in-sync", "offline", "in-sync"]


async def test_what_is_told_is_the_report_without_counts_of_files(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(STORE)
    config = load(tmp_path / "config.toml", {})
    state = StateFolder(config.state)
    state.open()
    ledger = state.open_ledger(config.url, config.workspace)
    with ledger.transaction() as connection:
        connection.execute("INSERT INTO files VALUES ('flows', 'a.json', 1, 2, 3, 4, 'x', 5)")
    told: asyncio.Future[StatusReport] = asyncio.get_running_loop().create_future()

    async def beat() -> None:
        return

    async def tell(found: StatusReport) -> None:
        told.set_result(found)

    running = asyncio.create_task(Pulse(config, beat, [tell]).run())
    try:
        found = await told
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()
        whole = report(config)
        state.close()
    assert [store.files for store in whole.stores] == [1]
    assert [store.files for store in found.stores] == [0]
    uncounted = [store.model_copy(update={"files": 0}) for store in whole.stores]
    assert found == whole.model_copy(update={"stores": uncounted})


def _report(states: Iterator[State]) -> StatusReport:
    return StatusReport(state=next(states), detail="", running=1, url=None, workspace="w")
