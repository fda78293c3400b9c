"""Devices are asked about once, as soon as they are heard, and what fails is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncd.core.decision import Heard
from syncd.core.model import Cursor, Key, Snapshot
from syncd.engine.exchange.asker import DEVICES, Asker
from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable
from syncd.ledger.events import Event
from syncd.ledger.ledger import Ledger
from tests.ledger.test_ledger import content


class Deployment:
    """Knows every device but "nobody"; `trouble` is raised instead."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.trouble: SyncdError | None = None

    async def authors(self, devices: Sequence[str]) -> list[str | None]:
        if self.trouble is not None:
            raise self.trouble
        self.asked.append(list(devices))
        return [None if each == "nobody" else f"name of {each}" for each in devices]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.db")


def hear(ledger: Ledger, *devices: str) -> None:
    news = [
        Heard(Key("flows", f"{number}.json"), Snapshot(1, content(b"x"), number + 1), device, b"x")
        for number, device in enumerate(devices)
    ]
    ledger.hear(news, Cursor("7"))


async def test_a_device_that_is_heard_is_asked_about_at_once_and_once(ledger: Ledger) -> None:
    deployment = Deployment()
    running = asyncio.create_task(Asker(ledger, deployment).run())
    hear(ledger, "desk", "desk", "nobody")
    async with asyncio.timeout(5):
        while not ledger.authors.names():  # noqa: ASYNC110 - the ledger tells nobody
            await asyncio.sleep(0)
    hear(ledger, "desk", "nobody")
    hear(ledger, "laptop")
    async with asyncio.timeout(5):
        while ledger.authors.unknown():  # noqa: ASYNC110 - the ledger tells nobody
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert deployment.asked == [["desk", "nobody"], ["laptop"]]
    assert ledger.authors.names() == {"desk": "name of desk", "laptop": "name of laptop"}


async def test_this_machine_is_asked_about_by_none(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.places.put("device", "desk")
    hear(ledger, "desk")
    assert ledger.authors.unknown() == []


async def test_a_start_asks_who_is_in_the_log_and_has_no_name(
    ledger: Ledger, tmp_path: Path
) -> None:
    with ledger.transaction():
        for device in ("desk", "laptop", None):
            ledger.events.add(Event(Key("flows", "a.json"), "pulled", 5.0, device=device))
        ledger.authors.know({"desk": "the desk"})
    ledger.close()
    deployment = Deployment()
    again = Ledger.open(tmp_path / "ledger.db")
    await Asker(again, deployment).ask()
    assert deployment.asked == [["laptop"]]


@pytest.mark.parametrize("trouble", [Unavailable, Unauthorized, ProtocolError, FunctionFailed])
async def test_what_could_not_be_asked_is_asked_at_the_next_tie(
    ledger: Ledger, trouble: type[SyncdError]
) -> None:
    deployment = Deployment()
    asker = Asker(ledger, deployment)
    hear(ledger, "desk")
    deployment.trouble = trouble("no", "wait")
    await asker.ask()
    assert ledger.authors.unknown() == ["desk"]
    deployment.trouble = None
    await asker.ask()
    assert ledger.authors.names() == {"desk": "name of desk"}


async def test_calls_are_bounded(ledger: Ledger) -> None:
    deployment = Deployment()
    hear(ledger, *(f"{number:03}" for number in range(DEVICES + 1)))
    await Asker(ledger, deployment).ask()
    assert [len(call) for call in deployment.asked] == [DEVICES, 1]
