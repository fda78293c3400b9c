"""The simulator's model of the functions, held against the functions themselves.

Random calls of two devices go to both; what they answer must be the same, but for the numbers of
commits, of which only the order counts.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from syncd.core.model import (
    TOMBSTONE,
    Applied,
    Change,
    Content,
    Cursor,
    Digest,
    Format,
    Intent,
    Key,
    Kind,
    OperationId,
    Outcome,
    Refused,
    Replayed,
    Snapshot,
    Stale,
    Witness,
)
from syncd.core.news import Page
from syncd.core.portion import ANSWER
from syncd.remote.client import ConvexHttp
from syncd.remote.replica import ConvexReplica
from tests.machine.deployment import Deployment

from .conftest import World

KEYS = [Key("flows", path) for path in ("a.json", "b.json", "d/c.json")]
BODIES = (b'{"id": 1}', b'{"id": 2}', b"{}", b"")
CALLS = 200


Places = tuple[Cursor, Cursor]
"""A place in the feed of the functions, and that of the model."""

LEDGER = "0" * 32


@dataclass
class Both:
    """The model and the functions, and what was sent and answered so far."""

    rng: random.Random
    model: Deployment
    real: dict[str, ConvexReplica]
    ids: dict[str, str]
    """Device ids of the functions, as the names that the model has."""

    world: World
    sent: list[tuple[str, list[Intent], Places]] = field(default_factory=list)
    answers: list[tuple[object, ...]] = field(default_factory=list)
    known: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """Where each device wrote: the place of the functions, and that of the model."""

    passed: Places = (Cursor("0"), Cursor("0"))
    """What both devices have passed."""
    reaped: int = 0

    def expectation(self, key: Key) -> tuple[int, Digest | None]:
        """Mostly what is there; now and then something that is not."""
        entry = self.model.state.entries.get(key)
        right = (entry.revision, entry.digest) if entry else (0, None)
        revision, other = right
        return self.rng.choice([right] * 6 + [(revision + 1, other), (revision, digest(b"?"))])

    def intent(self, key: Key, body: bytes | None) -> Intent:
        revision, expected = self.expectation(key)
        version = TOMBSTONE if body is None else Content(digest(body), len(body))
        operation = OperationId(f"{self.rng.getrandbits(128):032x}")
        return Intent(operation, key, Kind.WORKFLOW, Format.JSON, version, revision, expected, body)

    def move(self, source: Key, target: Key) -> Intent:
        gone, there = self.intent(source, None), self.model.state.entries.get(source)
        body = there.body if there is not None else None
        came = self.intent(target, body if body is not None else b"{}")
        return replace(gone, target=replace(came, body=None, source=source))

    def batch(self) -> list[Intent]:
        keys = self.rng.sample(KEYS, len(KEYS))
        if self.rng.random() < 0.4:
            return [self.move(keys[0], keys[1])]
        bodies = [self.rng.choice([*BODIES, None, None]) for _ in keys]
        return [self.intent(k, b) for k, b in zip(keys, bodies, strict=True)][
            : self.rng.randint(1, 3)
        ]

    async def reap(self) -> None:
        """Both devices have passed the end of the feed, and what they may forget goes."""
        self.passed = await self.real["one"].head(), self.model.head()
        for name, replica in self.real.items():
            await replica.tell_passed(LEDGER, 1, self.passed[0])
            self.model.tell_passed(name, LEDGER, 1, self.passed[1])
        # The first workspace behind that is this one.
        args = {"after": self.world.workspace[:-1]}
        self.world.deployment.call("mutation", "tombstones:reap", args, admin=True)
        self.reaped += len(self.model.reap(self.real))


def digest(body: bytes) -> Digest:
    return Digest(hashlib.sha256(body).hexdigest())


@pytest.fixture
async def both(world: World) -> AsyncIterator[Both]:
    async with AsyncExitStack() as stack:
        real: dict[str, ConvexReplica] = {}
        ids: dict[str, str] = {}
        for name in ("one", "two"):
            http = await stack.enter_async_context(ConvexHttp(world.deployment.url))
            real[name] = ConvexReplica(http, world.enroll(name), world.workspace)
            ids[(await real[name].hello(LEDGER, 1, None, [])).device] = name
        model = Deployment(random.Random(0), page_rows=1000)
        for name in real:
            model.hello(name, LEDGER, 1, [])
        yield Both(random.Random(0), model, real, ids, world)


def answer(outcome: Outcome) -> tuple[object, ...]:
    """An outcome without the numbers of commits."""
    match outcome:
        case Applied(revision, _):
            return "applied", revision
        case Replayed(revision, current):
            return "replayed", revision, seen(current)
        case Stale(current):
            return "stale", seen(current)
        case Refused(reason, _):
            return "refused", reason


def seen(snapshot: Snapshot) -> object:
    return snapshot.revision, snapshot.digest


def told(change: Change | None, ids: dict[str, str], *, listed: bool = False) -> object:
    if change is None:
        return None
    version = change.snapshot.version
    last = None if isinstance(version, Content) else version.last
    device, origin = ids.get(change.device, change.device), change.origin or ""
    body = None if listed else change.body
    return change.key, seen(change.snapshot), last, device, ids.get(origin, origin), body


async def push(both: Both, device: str, intents: list[Intent], passed: Places) -> None:
    both.sent.append((device, intents, passed))
    modelled = both.model.push(device, intents, passed[1])
    real = await both.real[device].push(intents, passed[0])
    expected = [answer(each) for each in modelled]
    assert [answer(each) for each in real] == expected
    both.answers += expected
    places = [
        (one.at, other.at)
        for one, other in zip(real, modelled, strict=True)
        if isinstance(one, Applied) and isinstance(other, Applied)
    ]
    both.known.setdefault(device, []).extend(set(places))


async def pages(
    ask: Callable[..., Awaitable[Page]], cursor: Cursor | None, known: Sequence[int], most: int
) -> tuple[list[Change], Cursor, int]:
    """All changes, where they end, and on how many pages they were told."""
    found: list[Change] = []
    number = 0
    while True:
        page = await ask(["flows"], cursor, (), known, most)
        found, cursor, number = found + page.changes, page.cursor, number + 1
        if page.done:
            return found, cursor, number


async def compare(both: Both, places: list[tuple[Cursor, Cursor]]) -> None:
    """Everything that can be asked, by either device."""
    for device, replica in both.real.items():
        for real, modelled in [*places[-3:], (None, None)]:
            known = [each for each in both.known.get(device, ()) if both.rng.random() < 0.5]
            most = both.rng.choice((ANSWER, ANSWER, 15, 1))

            async def ask(*args: Any, device: str = device) -> Page:
                return both.model.changes(device, *args)

            changes, after, number = await pages(
                replica.changes, real, [place for place, _ in known], most
            )
            passed = [place for _, place in known]
            expected, end, pages_of = await pages(ask, modelled, passed, most)
            # Entries of one commit have no order among themselves: which of them are beyond what a
            # page has of text is not compared.
            bare = most < ANSWER
            assert {told(c, both.ids, listed=bare) for c in changes} == {
                told(c, {}, listed=bare) for c in expected
            }
            assert number == pages_of
            places.append((after, end))
            missed = both.model.changes(device, ["flows"], modelled).missed
            assert (await replica.changes(["flows"], real)).missed == missed
        for most in (ANSWER, 15, 1):
            assert [told(c, both.ids) for c in await replica.fetch(KEYS, most)] == [
                told(c, {}) for c in both.model.fetch(KEYS, most)
            ]
        listed, last = await replica.manifest("flows", None)
        entries, _ = both.model.manifest("flows", None)
        assert last is None
        assert [told(c, both.ids, listed=True) for c in listed] == [
            told(c, {}, listed=True) for c in entries
        ]
        assert (await replica.head() == await both.real["one"].head()) is True


def witnesses(both: Both) -> list[Witness]:
    found: list[Witness] = []
    for key, entry in both.model.state.entries.items():
        off = both.rng.choice((0, 0, 0, 1, -1))
        shown = both.rng.choice((entry.digest, entry.digest, digest(b"?"), None))
        found.append(Witness(key, max(1, entry.revision + off), shown))
    reaped = both.model.state.reaped.revision
    for key in set(KEYS) - both.model.state.entries.keys():
        shown = both.rng.choice((digest(b"?"), None, None))
        found.append(Witness(key, max(1, reaped + both.rng.choice((0, 1, -1))), shown))
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_the_model_answers_as_the_functions_do(both: Both, seed: int) -> None:
    both.rng.seed(seed)
    places: list[tuple[Cursor, Cursor]] = []
    for number in range(CALLS):
        device = both.rng.choice(("one", "two"))
        if both.sent and both.rng.random() < 0.2:
            await push(both, *both.rng.choice(both.sent))
        else:
            await push(both, device, both.batch(), both.passed)
        if number % 8 == 0:
            await both.reap()
        if number % 20 == 0:
            await compare(both, places)
            shown = witnesses(both)
            page = await both.real[device].changes(["flows"], None, shown)
            assert set(page.broken) == set(
                both.model.changes(device, ["flows"], None, shown).broken
            )
    await compare(both, places)
    assert {str(kind) for kind, *_ in both.answers} >= {"applied", "replayed", "stale"}
    assert any(each.digest is None for each in both.model.accepted), "no deletion was accepted"
    assert any(each.moved_from is not None for each in both.model.accepted), "no move was accepted"
    assert both.reaped > 5, "too little was reaped to tell anything"
