"""The deployment knows the stores: told once, again when they changed, and after a restore."""

from __future__ import annotations

from pathlib import Path

from syncd.core.model import Kind
from syncd.core.news import StoreSettings

from .fakes import STORE, Machine, deployment

NOTES = StoreSettings(STORE, Kind.DOCUMENT, "file", "both", "{id}.txt")
ELSEWHERE = StoreSettings(STORE, Kind.DOCUMENT, "file", "both", "new/{id}.txt")


def told(machine: Machine) -> list[StoreSettings]:
    """What the deployment was told since it was asked last."""
    registered = machine.deployment.registered
    found = list(registered.values())
    registered.clear()
    return found


async def test_stores_are_told_at_the_first_tie_and_when_they_changed(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "laptop", deployment())
    machine.settings = (NOTES,)
    await machine.sync()
    assert told(machine) == [NOTES]
    await machine.sync()
    assert told(machine) == []
    machine.settings = (ELSEWHERE,)
    await machine.sync()
    assert told(machine) == [ELSEWHERE]


async def test_stores_are_told_anew_to_a_restored_deployment(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "laptop", deployment())
    machine.settings = (NOTES,)
    machine.save(a="first")
    await machine.sync()
    before = machine.deployment.backup()
    machine.save(a="second")
    await machine.sync()
    told(machine)
    machine.deployment.restore(before)
    await machine.sync()
    assert told(machine) == [NOTES]
