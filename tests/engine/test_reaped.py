"""Tombstones that the deployment has forgotten: nothing is lost by it, undone or done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.epoch import End
from syncd.core.model import (
    TOMBSTONE,
    Applied,
    Content,
    Cursor,
    Digest,
    Format,
    Intent,
    Key,
    Kind,
    OperationId,
    Outcome,
    Stale,
)
from syncd.engine.exchange import presence, tombstones
from syncd.engine.exchange.presence import Presence
from syncd.engine.exchange.tombstones import Tombstones
from syncd.errors import Unavailable
from syncd.ledger.ledger import Ledger
from tests.machine.deployment import Deployment

from .fakes import STORE, Machine, Remote, StandingClock, deployment, digest

A = Key(STORE, "a.txt")


class Two:
    """Two machines of one workspace, each brought to agreement when a test says so."""

    def __init__(self, folder: Path) -> None:
        self.there = deployment()
        self.laptop = Machine(folder / "laptop", self.there)
        self.server = Machine(folder / "server", self.there, "server")

    async def sync(self, times: int = 2) -> None:
        for _ in range(times):
            await self.laptop.sync()
            await self.server.sync()

    async def short_lived(self) -> None:
        """A file is made, goes everywhere, and is deleted everywhere; something newer is there."""
        self.laptop.save(a="first", b="stays", c="stays", d="stays")
        await self.sync()
        self.laptop.delete("a")
        await self.sync()
        self.laptop.save(z="newer")
        await self.sync()
        assert self.there.state.entries[A].digest is None

    def reap(self) -> list[Key]:
        return [entry.key for entry in self.there.reap({"laptop", "server"})]

    async def forget(self) -> None:
        """What machines that run all the time do once a day, on two days."""
        for machine in (self.laptop, self.server):
            ledger = machine.ledger()
            gone = Tombstones(ledger, {STORE: machine.replica()}, asyncio.Lock())
            await gone.forget()
            await gone.forget()
            ledger.close()

    def known(self) -> list[list[str]]:
        """The paths that each ledger still says something of."""
        return [_paths(self.laptop), _paths(self.server)]


def _paths(machine: Machine) -> list[str]:
    ledger = machine.ledger()
    try:
        with ledger.transaction() as connection:
            rows = connection.execute("SELECT path FROM entries UNION ALL SELECT path FROM former")
            return [path for (path,) in rows.fetchall()]
    finally:
        ledger.close()


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


async def test_what_all_have_passed_goes_and_is_made_again_where_it_was(two: Two) -> None:
    await two.short_lived()
    revision = two.there.state.entries[A].revision
    assert two.reap() == [A]
    await two.sync()
    two.server.save(a="again")
    await two.sync()
    assert two.laptop.tree() == two.server.tree() == two.laptop.mirror()
    assert two.laptop.tree()["a"] == "again"
    assert two.there.state.entries[A].revision > revision
    await _edited_by_the_other(two)


async def _edited_by_the_other(two: Two) -> None:
    """The one that remembers an earlier life of the key takes part in the later one."""
    two.laptop.save(a="edited")
    await two.sync()
    assert two.server.tree()["a"] == "edited"
    two.server.delete("a")
    await two.sync()
    assert "a" not in two.laptop.tree()


async def test_files_that_live_for_a_short_time_leave_nothing_behind(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tombstones, "NEWEST", 2)
    for number in range(9):
        two.laptop.save(**{f"run-{number}": "the same in all"})
        await two.sync(1)
        two.laptop.delete(f"run-{number}")
        await two.sync(1)
    assert len(two.reap()) == 8
    await two.sync()
    assert [len(paths) for paths in two.known()] == [18, 18]
    await two.forget()
    # The newest change is never reaped, and the one before it is the second witness.
    assert two.known() == [["run-7.txt", "run-8.txt"] * 2] * 2
    two.laptop.save(**{"run-0": "the same in all"})
    await two.sync()
    assert two.server.tree() == two.laptop.tree() == {"run-0": "the same in all"}


@pytest.mark.parametrize("made", ["first", "another"])
async def test_while_the_deployment_holds_a_tombstone_so_does_the_ledger(
    two: Two, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forgotten here alone it would be news, and the same file be held as deleted elsewhere."""
    monkeypatch.setattr(tombstones, "NEWEST", 1)
    await two.short_lived()
    await two.forget()
    assert all("a.txt" in paths for paths in two.known())
    two.laptop.save(a=made)
    await two.sync()
    assert two.server.tree()["a"] == two.laptop.mirror()["a"] == made


async def test_what_was_reaped_is_forgotten_and_made_again(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tombstones, "NEWEST", 1)
    await two.short_lived()
    revision = two.there.state.entries[A].revision
    two.laptop.save(y="newer still")
    await two.sync()
    assert two.reap() == [A]
    two.there.state.reaped = replace(two.there.state.reaped, at=two.there.state.reaped.at + 1)
    await two.sync()
    await two.forget()
    assert all("a.txt" not in paths for paths in two.known())
    two.server.save(a="first")
    await two.sync()
    assert two.laptop.tree() == two.server.tree() == two.laptop.mirror()
    assert two.laptop.tree()["a"] == "first"
    assert two.there.state.entries[A].revision > revision
    await _edited_by_the_other(two)


async def test_a_deletion_waits_for_who_was_not_there(two: Two) -> None:
    two.laptop.save(a="first", b="stays", c="stays", d="stays")
    await two.sync()
    two.laptop.delete("a")
    await two.laptop.sync()
    two.laptop.save(z="newer")
    await two.laptop.sync()
    assert two.reap() == []
    await two.server.sync()
    assert "a" not in two.server.tree()


async def test_an_old_ledger_makes_first_contact_where_it_missed_deletions(two: Two) -> None:
    two.laptop.save(a="first", b="stays", c="stays", d="stays")
    await two.sync()
    old = two.server.ledger_path.read_bytes()
    # It said no hello since: its start number betrays nothing.
    two.laptop.delete("a")
    await two.laptop.sync()
    two.laptop.save(z="newer")
    await two.laptop.sync()
    two.there.state.passed["server", _nonce(two.server)] = int(two.there.head())
    two.there.state.passed["laptop", _nonce(two.laptop)] = int(two.there.head())
    assert two.reap() == [A]
    two.server.ledger_path.write_bytes(old)
    two.server.save(b="edited meanwhile")
    await two.sync()
    assert two.server.tree()["b"] == two.laptop.tree()["b"] == "edited meanwhile"
    # Missing without a tombstone is never a deletion.
    assert two.laptop.tree() == two.server.tree() == two.laptop.mirror()
    assert two.server.tree()["a"] == "first"
    assert _review(two.server) == End.OLD_COPY.value


def _nonce(machine: Machine) -> str:
    ledger = machine.ledger()
    try:
        return ledger.places.get("nonce") or ""
    finally:
        ledger.close()


def _review(machine: Machine) -> str:
    ledger = machine.ledger()
    try:
        review = ledger.epochs.review()
        return review.why if review else ""
    finally:
        ledger.close()


class Losing(Remote):
    """Loses the answers to pushes while it is told to, and the pushes themselves."""

    loses_answers = False
    loses_requests = False

    async def push(self, intents: Sequence[Intent], passed: Cursor | None = None) -> list[Outcome]:
        if self.loses_requests:
            raise Unavailable("lost", "wait")
        outcomes = await super().push(intents, passed)
        if self.loses_answers:
            raise Unavailable("lost", "wait")
        return outcomes


async def test_what_is_sent_and_not_answered_holds_the_tombstone_behind_it_back(two: Two) -> None:
    """Its receipt lies there: without it the file would come back by an operation done before."""
    two.laptop.save(b="stays", c="stays", d="stays", e="stays")
    await two.sync()
    remote = two.laptop.remote = Losing(two.there, "laptop")
    two.laptop.save(a="first")
    remote.loses_answers = True
    with pytest.raises(Unavailable):
        await two.laptop.sync()
    assert two.laptop.mirror()["a"] == "first"
    await two.server.sync()
    two.server.delete("a")
    await two.server.sync()
    two.server.save(z="newer")
    await two.server.sync()
    # It hears of the deletion before it is answered, and is gone again.
    remote.loses_answers, remote.loses_requests = False, True
    with pytest.raises(Unavailable):
        await two.laptop.sync()
    await _told(two.laptop, two.there)
    assert two.reap() == []
    remote.loses_requests = False
    await two.sync()
    assert "a" not in two.laptop.tree()
    assert two.there.state.entries[A].digest is None
    assert two.reap() == [A]


async def _told(machine: Machine, there: Deployment) -> None:
    """A hello that is answered, and the feed heard; the push that was sent is still lost."""
    ledger = machine.ledger()
    try:
        page = there.changes("laptop", [STORE], ledger.passing.cursor)
        ledger.hear([], page.cursor)
        passed, start = ledger.passing.place, int(ledger.places.get("start") or 0) + 1
        assert int(passed or 0) < int(ledger.passing.cursor or 0)
        with ledger.transaction():
            ledger.places.put("start", str(start))
        there.hello("laptop", _nonce_of(ledger), start, [], ledger.passing.cursor, passed)
    finally:
        ledger.close()


def _nonce_of(ledger: Ledger) -> str:
    return ledger.places.get("nonce") or ""


def test_a_call_that_comes_late_makes_nothing_that_was_made_and_reaped() -> None:
    there = deployment()
    there.hello("laptop", "L", 1, [])
    creation = _intent(b"first", 0, None)
    (made,) = there.push("laptop", [creation], Cursor("0"))
    assert isinstance(made, Applied)
    there.push("laptop", [_intent(None, made.revision, digest(b"first"))], Cursor(str(made.at)))
    there.push("laptop", [_intent(b"newer", 0, None, "z.txt")], there.head())
    there.hello("laptop", "L", 2, [], there.head(), there.head())
    assert [entry.key for entry in there.reap({"laptop"})] == [A]
    (again,) = there.push("laptop", [creation], Cursor("0"))
    assert isinstance(again, Stale)
    assert A not in there.state.entries


def _intent(body: bytes | None, revision: int, expected: str | None, path: str = "a.txt") -> Intent:
    whole = f"{body!r}{revision}{path}".encode()
    version = TOMBSTONE if body is None else Content(digest(body), len(body))
    return Intent(
        OperationId(digest(whole)[:32]), Key(STORE, path), Kind.DOCUMENT, Format.TEXT, version,
        revision, Digest(expected) if expected else None, body,
    )  # fmt: skip


class Told(Remote):
    """Notes what is told between hellos."""

    def __init__(self, there: Deployment) -> None:
        super().__init__(there, "laptop")
        self.told: list[str] = []

    async def tell_passed(self, ledger: str, start: int, passed: Cursor) -> Cursor | None:
        self.told.append(passed)
        return None


async def test_how_far_it_passed_is_told_once_in_a_while_and_not_again(tmp_path: Path) -> None:
    remote, clock = Told(deployment()), StandingClock()
    ledger = Ledger.open(tmp_path / "ledger.db")
    told = Presence(ledger, remote, clock)
    told.told(None)
    ledger.hear([], Cursor("5"))
    await told.tell()
    assert remote.told == []
    clock.seconds += presence.EVERY
    await told.tell()
    await told.tell()
    clock.seconds += presence.EVERY
    await told.tell()
    assert remote.told == ["5"]
    ledger.hear([], Cursor("6"))
    await told.tell()
    assert remote.told == ["5", "6"]
    ledger.close()
