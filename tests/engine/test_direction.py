"""Stores whose changes go one way, or that hold only what this device made."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from syncd.core.decision import Heard
from syncd.core.direction import Way
from syncd.core.model import NEVER, Change, Key
from tests.machine.deployment import Deployment

from .fakes import STORE, Machine, deployment


@pytest.fixture
def remote() -> Deployment:
    return deployment()


def machines(folder: Path, remote: Deployment, way: Way) -> tuple[Machine, Machine]:
    """One whose store has the direction, and one that goes both ways."""
    one, other = (Machine(folder / name, remote, name) for name in ("one", "other"))
    one.way = way
    return one, other


def held(machine: Machine) -> dict[str, str]:
    ledger = machine.ledger()
    try:
        return {path: hold.reason for path, hold in ledger.attention.held(STORE).items()}
    finally:
        ledger.close()


def conflicts(machine: Machine) -> list[str]:
    ledger = machine.ledger()
    try:
        listed = ledger.conflicts.unresolved()
        bodies = [ledger.contents.get(each.remote) for each in listed if each.remote]
        return [(body or b"?").decode() for body in bodies]
    finally:
        ledger.close()


async def test_own_mirrors_what_this_device_made(tmp_path: Path, remote: Deployment) -> None:
    one, other = machines(tmp_path, remote, Way.OWN)
    one.save(mine="1")
    other.save(theirs="1")
    for machine in (one, other, one):
        await machine.sync()
    assert one.tree() == {"mine": "1"}
    assert other.tree() == {"mine": "1", "theirs": "1"}
    other.save(mine="2", theirs="2")
    for machine in (other, one):
        await machine.sync()
    assert one.tree() == {"mine": "2"}, "an edit of what this device made comes back to it"
    one.delete("mine")
    for machine in (one, other):
        await machine.sync()
    assert other.tree() == {"theirs": "2"}


async def test_own_hears_no_bytes_of_what_others_made(
    tmp_path: Path, remote: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = machines(tmp_path, remote, Way.OWN)
    asked: list[Sequence[Key]] = []
    fetch = one.remote.fetch

    async def spied(keys: Sequence[Key], most: int) -> list[Change | None]:
        asked.append(keys)
        return await fetch(keys, most)

    monkeypatch.setattr(one.remote, "fetch", spied)
    other.save(theirs="something")
    for machine in (other, one):
        await machine.sync()
    assert asked == []
    ledger = one.ledger()
    digest = remote.state.entries[Key(STORE, "theirs.txt")].digest
    assert ledger.entries.get(Key(STORE, "theirs.txt"))[1].digest == digest
    assert digest is not None
    assert not ledger.contents.has(digest)
    assert list(ledger.entries.unfinished(STORE, here=True)) == []
    ledger.close()


async def test_own_adopts_what_is_equal_and_holds_what_differs(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.OWN)
    other.save(same="1", differs="1")
    await other.sync()
    one.save(same="1", differs="2")
    await one.sync()
    assert one.mirror() == {"same": "1", "differs": "1"}
    assert held(one) == {"differs.txt": "another-devices"}
    one.delete("same", "differs")
    await one.sync()
    assert one.mirror() == {"same": "1", "differs": "1"}, "its absence here deletes nothing there"
    assert one.tree() == {}
    assert held(one) == {}


async def test_own_agrees_on_nothing_more_once_what_it_adopted_is_deleted_here(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.OWN)
    other.save(note="the same")
    one.save(note="the same")
    for machine in (other, one):
        await machine.sync()
    one.delete("note")
    async with asyncio.timeout(20):
        await one.sync()
    ledger = one.ledger()
    assert ledger.entries.get(Key(STORE, "note.txt"))[0] == NEVER
    ledger.close()
    await other.sync()
    assert other.tree() == {"note": "the same"}


async def test_push_lists_remote_edits_and_goes_over_them(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.PUSH)
    one.save(a="1", b="1")
    other.save(elsewhere="1")
    for machine in (one, other, one):
        await machine.sync()
    assert one.tree() == {"a": "1", "b": "1"}
    other.save(a="2")
    other.delete("b")
    for machine in (other, one, one):
        await machine.sync()
    assert one.tree() == {"a": "1", "b": "1"}
    assert one.mirror() == {"a": "1", "b": "1", "elsewhere": "1"}
    assert conflicts(one) == ["2"]
    one.delete("a")
    await one.sync()
    assert one.mirror() == {"b": "1", "elsewhere": "1"}


async def test_pull_holds_local_edits_and_overwrites_none(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.PULL)
    other.save(a="1", b="1")
    for machine in (other, one):
        await machine.sync()
    assert one.tree() == {"a": "1", "b": "1"}
    one.save(a="mine", new="mine")
    one.delete("b")
    other.save(a="2")
    for machine in (other, one, one):
        await machine.sync()
    assert one.tree() == {"a": "mine", "b": "1", "new": "mine"}
    assert one.mirror() == {"a": "2", "b": "1"}
    assert held(one) == {"a.txt": "pull-only", "new.txt": "pull-only"}
    one.delete("a")
    await one.sync()
    assert one.tree()["a"] == "2"
    assert held(one) == {"new.txt": "pull-only"}


async def test_what_was_queued_before_it_was_another_devices_waits_no_more(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.OWN)
    for machine in (one, other):
        await machine.sync()
    one.save(a="mine")
    ledger, key = one.ledger(), Key(STORE, "a.txt")
    await one.session(ledger)._reconciler.consider([key])
    assert ledger.outbox.count() == {"queued": 1}
    other.save(a="theirs")
    await other.sync()
    (told,) = remote.fetch([key])
    assert told is not None
    ledger.hear([Heard(key, told.snapshot, told.device, None, told.origin)], None)
    await one.session(ledger)._reconciler.consider([key])
    assert ledger.outbox.count() == {}
    ledger.close()
    assert held(one) == {"a.txt": "another-devices"}


def folder_at(machine: Machine, name: str) -> None:
    """Have a folder take the name, with a file in it that no pattern names."""
    path = machine.files / f"{name}.txt"
    path.unlink(missing_ok=True)
    path.mkdir()
    (path / "below.tmp").touch()


async def test_pull_holds_what_it_cannot_put_back_for_a_folder_in_its_place(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.PULL)
    other.save(a="1")
    for machine in (other, one):
        await machine.sync()
    folder_at(one, "a")
    async with asyncio.timeout(10):
        await one.sync()
    assert held(one) == {"a.txt": "not-a-file"}
    assert one.mirror() == {"a": "1"}
    shutil.rmtree(one.files / "a.txt")
    await one.sync()
    assert one.tree() == {"a": "1"}
    assert held(one) == {}


@pytest.mark.parametrize("way", [Way.OWN, Way.PUSH])
async def test_a_folder_is_not_in_the_way_of_what_is_left_on_the_deployment(
    tmp_path: Path, remote: Deployment, way: Way
) -> None:
    one, other = machines(tmp_path, remote, way)
    await one.sync()
    folder_at(one, "theirs")
    other.save(theirs="1")
    for machine in (other, one):
        await machine.sync()
    assert held(one) == {}
    assert one.mirror() == {"theirs": "1"}


async def test_push_goes_over_remote_edits_with_a_folder_too(
    tmp_path: Path, remote: Deployment
) -> None:
    one, other = machines(tmp_path, remote, Way.PUSH)
    one.save(a="1")
    for machine in (one, other):
        await machine.sync()
    folder_at(one, "a")
    other.save(a="2")
    for machine in (other, one):
        await machine.sync()
    assert (one.mirror(), held(one), conflicts(one)) == ({}, {}, ["2"])
