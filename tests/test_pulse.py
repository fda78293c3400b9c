"""What the pulse logs, states that last and no save; and what it counts anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from structlog.testing import capture_logs

import syncd.pulse as pulse_module
from syncd.config import Config, load
from syncd.ledger.state import StateFolder
from syncd.pulse import FRESH, Pulse
from syncd.standing import State, StatusReport
from syncd.status import report

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

    monkeypatch.setattr(pulse_module, "report", lambda config: _report(states))
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


async def test_a_ledger_that_nobody_wrote_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.toml").write_text("")
    config = load(tmp_path / "config.toml", {})
    reports: list[StatusReport] = []
    told: list[int] = []
    later = 0.0
    ended = asyncio.Event()
    state = StateFolder(config.state)
    state.open()
    ledger = state.open_ledger(config.url, config.workspace)

    def counting(config: Config) -> StatusReport:
        reports.append(report(config))
        return reports[-1]

    async def tell(found: StatusReport) -> None:
        nonlocal later
        told.append(next(n for n, each in enumerate(reports) if each is found))
        if len(told) == 3:
            with ledger.transaction():
                ledger.places.put("some", "value")
        if len(told) == 5:
            later = FRESH + 1
        if len(told) == 6:
            ended.set()

    async def beat() -> None:
        return

    monkeypatch.setattr(pulse_module, "report", counting)
    monkeypatch.setattr(pulse_module, "monotonic", lambda: monotonic() + later)
    running = asyncio.create_task(Pulse(config, beat, [tell], watched=0.003).run())
    try:
        await ended.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()
        state.close()
    assert told[:6] == [0, 0, 0, 1, 1, 2]


def _report(states: Iterator[State]) -> StatusReport:
    return StatusReport(state=next(states), detail="", running=1, url=None, workspace="w")
