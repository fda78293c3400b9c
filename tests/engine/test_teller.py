"""Conflicts are told once, whole, and one that is refused keeps no other from it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from syncd.core.model import Conflict, Key, Snapshot
from syncd.engine.exchange import teller as telling
from syncd.engine.exchange.teller import CONFLICTS, Teller, Told
from syncd.errors import FunctionFailed, SyncdError, Unavailable
from syncd.ledger.ledger import Ledger
from tests.ledger.test_ledger import content


class Deployment:
    """Notes what it is told; `trouble` is raised instead, `refuses` names a path it cannot take."""

    def __init__(self) -> None:
        self.calls: list[list[Told]] = []
        self.trouble: SyncdError | None = None
        self.refuses = ""

    async def record(self, conflicts: Sequence[Told]) -> list[str | None]:
        if self.trouble is not None:
            raise self.trouble
        if any(conflict.key.path == self.refuses for conflict, _ in conflicts):
            raise FunctionFailed("no", "")
        self.calls.append(list(conflicts))
        return ["desk"] * len(conflicts)

    def paths(self) -> list[str]:
        return sorted(conflict.key.path for call in self.calls for conflict, _ in call)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.db")


def listed(ledger: Ledger, path: str, theirs: bytes = b"theirs") -> None:
    conflict = Conflict(None, content(b"mine"), Snapshot(4, content(theirs)))
    with ledger.transaction():
        ledger.contents.put(content(theirs).digest, theirs)
        ledger.conflicts.add(Key("flows", path), conflict, "device-2", 5.0)


async def test_a_conflict_is_told_as_soon_as_it_is_listed_and_once(ledger: Ledger) -> None:
    deployment = Deployment()
    teller = Teller(ledger, deployment)
    running = asyncio.create_task(teller.run())
    listed(ledger, "a.json")
    async with asyncio.timeout(5):
        while ledger.conflicts.untold(1):  # noqa: ASYNC110 - the ledger tells nobody
            await asyncio.sleep(0)
    teller.wake()
    await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    ((told,),) = deployment.calls
    assert told[1] == b"theirs"
    assert ledger.conflicts.unresolved()[0].name == "desk"


async def test_conflicts_that_come_one_after_the_other_are_told_together(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "GATHERED", 0.05)
    deployment = Deployment()
    running = asyncio.create_task(Teller(ledger, deployment).run())
    for number in range(CONFLICTS):
        listed(ledger, f"{number}.json")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while ledger.conflicts.untold(1):  # noqa: ASYNC110 - the ledger tells nobody
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(deployment.paths()) == CONFLICTS
    assert len(deployment.calls) <= CONFLICTS / 2


async def test_what_could_not_be_told_is_told_at_the_next_tie(ledger: Ledger) -> None:
    deployment = Deployment()
    teller = Teller(ledger, deployment)
    listed(ledger, "a.json")
    deployment.trouble = Unavailable("away", "wait")
    await teller.tell()
    deployment.trouble = None
    await teller.tell()
    assert deployment.paths() == ["a.json"]


async def test_one_that_is_refused_keeps_no_other_from_being_told(ledger: Ledger) -> None:
    deployment = Deployment()
    deployment.refuses = "07.json"
    paths = [f"{number:02}.json" for number in range(CONFLICTS + 5)]
    for path in paths:
        listed(ledger, path)
    await Teller(ledger, deployment).tell()
    assert deployment.paths() == [path for path in paths if path != "07.json"]
    assert [each.key.path for each in ledger.conflicts.untold(99)] == ["07.json"]


async def test_calls_are_bounded_by_number_and_by_bytes(ledger: Ledger) -> None:
    deployment = Deployment()
    for number in range(3):
        listed(ledger, f"{number}.json", b"%d" % number * 700_000)
    for number in range(CONFLICTS):
        listed(ledger, f"small-{number}.json")
    await Teller(ledger, deployment).tell()
    assert [len(call) for call in deployment.calls[:2]] == [1, 1]
    assert max(len(call) for call in deployment.calls) <= CONFLICTS
    assert len(deployment.paths()) == CONFLICTS + 3
