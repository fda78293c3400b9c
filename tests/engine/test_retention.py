"""History kept within its bounds, on a real folder and a real ledger."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.model import TOMBSTONE, Conflict, Digest, Key, Snapshot
from syncd.core.retention import AGE, GONE, NEWEST
from syncd.engine.exchange.tombstones import Tombstones
from syncd.engine.retention import INTERVAL, SETTLED, SOONEST, THINNED, Retention
from syncd.engine.session import TIDIED
from syncd.files.history import History
from syncd.ledger.events import Event
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord
from tests.ledger.test_ledger import content

from .fakes import Machine, deployment

KEY = Key("flows", "a.json")


class Wall:
    """The clock of the file system, that a test moves on."""

    ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    def monotonic(self) -> float:
        return time.monotonic()

    def read_ns(self) -> int:
        return time.time_ns()


class Home:
    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger.open(folder / "ledger.db")
        self.history = History(folder / "history")
        self.clock = Wall()
        tombstones = Tombstones(self.ledger, {}, asyncio.Lock())
        self.retention = Retention(
            self.ledger, self.history, self.clock, self._tidy, tombstones.forget
        )

    async def round(self) -> int:
        return await self.retention.round(self.clock.now())

    async def _tidy(self) -> None:
        with self.ledger.transaction():
            self.ledger.contents.drop_unreferenced()

    def replace(self, body: bytes) -> Digest:
        digest = self.history.put(body)
        with self.ledger.transaction():
            self.ledger.past.replaced(KEY, digest, "pull", self.clock.now())
        return digest

    def indexed(self) -> list[Digest]:
        return [each.digest for each in reversed(self.ledger.past.page(0, 999))]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


async def test_old_versions_go_with_their_bytes_and_the_newest_stay(home: Home) -> None:
    digests = [home.replace(b"%d" % number) for number in range(NEWEST + 2)]
    assert await home.round() == 0
    home.clock.ahead = AGE + 60
    assert await home.round() == 2
    assert home.indexed() == digests[:1:-1]
    assert set(home.history.sizes()) == set(digests[2:])
    assert await home.round() == 0


DAY = 86400.0


async def test_a_clock_that_ran_ahead_takes_nothing_that_is_young(home: Home) -> None:
    assert await home.retention.round(home.retention.begun()) == 0
    digests = [home.replace(b"%d" % number) for number in range(NEWEST + 2)]
    nobody = home.history.put(b"retired, and named by nothing")
    home.clock.ahead = 365 * DAY
    assert await home.retention.round(home.retention.begun()) == 0
    home.clock.ahead = DAY - 60
    assert await home.retention.round(home.retention.begun()) == 0
    assert set(home.history.sizes()) == {*digests, nobody}


async def test_what_is_kept_ages_while_a_machine_is_off(home: Home) -> None:
    assert await home.retention.round(home.retention.begun()) == 0
    for number in range(NEWEST + 2):
        home.replace(b"%d" % number)
    for months, gone in ((2, 0), (4, 2)):
        home.clock.ahead = months * AGE
        assert await home.retention.round(home.retention.begun()) == gone


async def test_a_first_run_has_nothing_to_thin_and_takes_no_time_for_it(home: Home) -> None:
    for number in range(NEWEST + 1):
        home.replace(b"%d" % number)
    home.clock.ahead = AGE + 60
    await home.retention.if_due()
    assert len(home.indexed()) == NEWEST + 1
    home.clock.ahead += INTERVAL
    await home.retention.if_due()
    assert len(home.indexed()) == NEWEST


async def test_who_runs_once_thins_once_a_day(home: Home) -> None:
    for number in range(NEWEST + 1):
        home.replace(b"%d" % number)
    await home.retention.if_due()
    home.clock.ahead = AGE + 60
    with home.ledger.transaction():
        home.ledger.places.put(THINNED, str(home.clock.now() - INTERVAL + 3600))
    await home.retention.if_due()
    assert len(home.indexed()) == NEWEST + 1
    home.clock.ahead += 3601
    await home.retention.if_due()
    assert len(home.indexed()) == NEWEST


async def test_who_runs_once_thins_though_the_clock_was_set_back(home: Home) -> None:
    for number in range(NEWEST + 1):
        home.replace(b"%d" % number)
    with home.ledger.transaction():
        home.ledger.places.put(THINNED, str(home.clock.now() + 9999 * INTERVAL))
    home.clock.ahead = AGE + 60
    await home.retention.if_due()
    assert len(home.indexed()) == NEWEST


async def test_of_a_file_that_is_gone_nothing_stays_for_ever(home: Home) -> None:
    home.replace(b"its last version")
    home.clock.ahead = GONE + 60
    assert await home.round() == 0  # A store that is not known is not known to lack it.
    with home.ledger.transaction():
        home.ledger.places.record_store("flows", StoreRecord("1", "root", bootstrapped=True))
        home.ledger.entries.agree([(KEY, Snapshot(3, content(b"it is there")))])
    assert await home.round() == 0
    with home.ledger.transaction():
        home.ledger.epochs.end()
        home.ledger.places.record_store("flows", StoreRecord("1", "root", bootstrapped=True))
    assert await home.round() == 0  # It is met anew.
    with home.ledger.transaction():
        home.ledger.entries.agree([(KEY, Snapshot(4, TOMBSTONE))])
    assert await home.round() == 1
    assert home.history.sizes() == {}


async def test_what_a_conflict_names_stays(home: Home) -> None:
    body = b"theirs"
    lost = home.history.put(body)
    with home.ledger.transaction():
        conflict = Conflict(None, content(b"mine"), Snapshot(4, content(body)))
        home.ledger.conflicts.add(KEY, conflict, None, 1.0)
    nobody = home.history.put(b"retired, and named by nothing")
    home.clock.ahead = AGE - 60
    await home.round()
    assert home.history.has(nobody), "what was retired without a row stays as long as versions do"
    home.clock.ahead = AGE + 60
    await home.round()
    assert home.history.has(lost)
    assert not home.history.has(nobody)


async def test_a_conflict_that_was_resolved_goes_with_its_bytes(home: Home) -> None:
    lost = home.history.put(b"theirs")
    with home.ledger.transaction():
        for revision in (1, 2):
            home.ledger.contents.put(lost, b"theirs")
            conflict = Conflict(None, content(b"mine"), Snapshot(revision, content(b"theirs")))
            home.ledger.conflicts.add(KEY, conflict, None, home.clock.now())
    (open_, resolved) = home.ledger.conflicts.unresolved()
    with home.ledger.transaction():
        home.ledger.conflicts.resolve(resolved.number, "mine", None, home.clock.now())
        home.ledger.conflicts.tell([(replace(resolved, resolution="mine"), "desk")])
    home.clock.ahead = AGE - 60
    await home.round()
    assert len(home.ledger.conflicts.all(9)) == 2
    home.clock.ahead = AGE + 60
    await home.round()
    assert [each.number for each in home.ledger.conflicts.all(9)] == [open_.number]
    assert home.history.has(lost), "the other conflict still names it"
    with home.ledger.transaction():
        home.ledger.conflicts.resolve(open_.number, "mine", None, home.clock.now())
    home.clock.ahead = 2 * AGE + 120
    await home.round()
    assert len(home.ledger.conflicts.all(9)) == 1, "its author was not told how it was decided"
    with home.ledger.transaction():
        home.ledger.conflicts.tell([(replace(open_, resolution="mine"), "desk")])
    await home.round()
    assert home.ledger.conflicts.all(9) == []
    assert not home.ledger.contents.has(lost)
    assert not home.history.has(lost)


@pytest.mark.parametrize(
    ("last", "left"),
    [
        (-2 * INTERVAL, SOONEST),
        (-INTERVAL / 2, INTERVAL / 2),
        (0, INTERVAL),
        (9999 * INTERVAL, SOONEST),
    ],
)
async def test_the_next_round_comes_within_a_day_and_soon_where_the_clock_was_set_back(
    home: Home, last: float, left: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with home.ledger.transaction():
        home.ledger.places.put(THINNED, str(home.clock.now() + last))
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr("syncd.engine.retention.asyncio.sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await home.retention.run()
    assert slept == [pytest.approx(left, abs=5)]


async def test_what_a_crash_left_on_its_way_in_is_cleared(home: Home) -> None:
    digest = home.replace(b"here")
    left = home.history._path(digest).with_name("arriving-0123")
    left.write_bytes(b"he")
    await home.round()
    assert left.exists(), "it may be on its way in right now"
    home.clock.ahead = SETTLED + 60
    await home.round()
    assert not left.exists()
    assert home.history.get(digest) == b"here"


async def test_bytes_that_another_version_has_too_stay(home: Home) -> None:
    home.replace(b"same")
    home.clock.ahead = AGE + 60
    for number in range(NEWEST - 1):
        home.replace(b"%d" % number)
    same = home.replace(b"same")
    assert await home.round() == 1
    assert home.history.get(same) == b"same"


async def test_bytes_kept_anew_just_before_they_go_are_spared(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn keeps bytes first and indexes them after: a round in between must not take them."""
    old = home.replace(b"old")
    for number in range(NEWEST):
        home.replace(b"%d" % number)
    long_ago = time.time() - AGE * 2
    with home.ledger.transaction():
        for version in home.ledger.past.page(0, 999):
            home.ledger.past.forget([version])
            since = long_ago if version.digest == old else version.since
            home.ledger.past.replaced(KEY, version.digest, "pull", since)
    dropping = home.history.drop

    def meanwhile(digest: Digest, before_ns: int) -> bool:
        home.history.put(b"old")
        return dropping(digest, before_ns)

    monkeypatch.setattr(home.history, "drop", meanwhile)
    assert await home.round() == 1
    assert home.history.get(old) == b"old"


def test_drop_takes_only_what_was_not_kept_since(tmp_path: Path) -> None:
    history = History(tmp_path)
    digest = history.put(b"body")
    path = tmp_path / digest[:2] / digest
    assert not history.drop(digest, path.stat().st_ctime_ns)
    kept = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == kept:
        history.put(b"body")
    assert not history.drop(digest, kept + 1), "keeping it anew counts"
    assert history.drop(digest, time.time_ns() + 10**9)
    assert not history.drop(digest, time.time_ns() + 10**9)
    assert history.sizes() == {}


def test_sizes_tell_what_is_kept_and_nothing_else(tmp_path: Path) -> None:
    history = History(tmp_path)
    digest = history.put(b"12345")
    (tmp_path / digest[:2] / "arriving-1").write_bytes(b"x")
    (tmp_path / "else").mkdir()
    assert history.sizes() == {digest: 5}


async def test_the_log_is_trimmed_too(home: Home) -> None:
    with home.ledger.transaction():
        home.ledger.events.add(Event(KEY, "pushed", 1.0))
    await home.round()
    assert home.ledger.events.newest(9) == []


async def test_bytes_that_nothing_names_go_between_turns(tmp_path: Path) -> None:
    machine = Machine(tmp_path, deployment())
    ledger = machine.ledger()
    session = machine.session(ledger)
    with ledger.transaction():
        ledger.contents.put(content(b"seen").digest, b"seen")
    async with asyncio.timeout(20):
        async with session.between_turns:
            tidying = asyncio.create_task(session.tidy())
            for _ in range(10):
                await asyncio.sleep(0)
            assert ledger.contents.has(content(b"seen").digest), "a turn may list it yet"
        await tidying
    assert not ledger.contents.has(content(b"seen").digest)
    ledger.close()


@pytest.mark.parametrize(("days", "kept"), [(2, True), (8, False)])
async def test_a_start_looks_at_every_key_only_where_nobody_did_for_long(
    tmp_path: Path, days: int, kept: bool
) -> None:
    machine = Machine(tmp_path, deployment())
    await machine.sync()
    ledger = machine.ledger()
    with ledger.transaction():
        ledger.contents.put(content(b"seen").digest, b"seen")
        ledger.places.put(TIDIED, str(machine.clock.now() - days * 86400))
    ledger.close()
    await machine.sync()
    ledger = machine.ledger()
    assert ledger.contents.has(content(b"seen").digest) is kept
    ledger.close()
