"""Sending waits for git, visibly; keys that flap are held, and a person may let them go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.flap import ALONE, WINDOW
from syncd.core.model import Intent, Key
from syncd.core.pause import LOCK_PATIENCE, LOCKED, QUIET, Operation
from syncd.engine.health import Health
from syncd.engine.stops.pauses import Pauses
from syncd.ledger.claimable import Claim

from .fakes import STORE, Desk

BESIDE = "beside"
"""Another store in the same work tree."""

NOTE = Key(STORE, "a.txt")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


class Git:
    """What git is said to do."""

    def __init__(self, desk: Desk) -> None:
        self.operation: Operation | None = None
        self._desk = desk
        health = Health(desk.ledger, desk.clock)
        looks = dict.fromkeys((STORE, BESIDE), self.look)
        self._pauses = Pauses(desk.ledger, looks, desk.clock, health)

    def look(self) -> Operation | None:
        return self.operation

    def claim(self) -> list[Intent]:
        return self._desk.ledger.claim(Claim(10, 1 << 20, [], self._pauses.waiting()))

    def acknowledge(self, sent: list[Intent]) -> None:
        outcomes = self._desk.machine.deployment.push("laptop", sent)
        answers = list(zip(sent, outcomes, strict=True))
        self._desk.ledger.acknowledge(answers, "laptop", 0.0)

    def told(self, store: str = STORE) -> str | None:
        with self._desk.ledger.transaction() as connection:
            row = connection.execute(
                "SELECT state, detail FROM health WHERE part = ?", (f"git:{store}",)
            ).fetchone()
        return f"{row[0]}: {row[1]}" if row else None


async def test_a_store_is_not_sent_while_the_index_is_locked(desk: Desk) -> None:
    git = Git(desk)
    desk.machine.save(a="saved by a checkout")
    await desk.consider(["a"])
    git.operation = Operation(LOCKED, 0.0)
    assert git.claim() == []
    assert git.told() == "waiting: index.lock is under way"
    assert git.told(BESIDE) is None, "nothing of it waits"
    desk.clock.seconds += LOCK_PATIENCE
    assert [intent.key for intent in git.claim()] == [NOTE]


async def test_the_next_lock_is_waited_for_though_nothing_was_queued_when_the_last_one_ended(
    desk: Desk,
) -> None:
    git = Git(desk)
    desk.machine.save(a="saved by a checkout")
    await desk.consider(["a"])
    git.operation = Operation(LOCKED, 1.0)
    assert git.claim() == []
    desk.clock.seconds += LOCK_PATIENCE
    git.acknowledge(git.claim())
    git.operation = Operation(LOCKED, 2.0)
    desk.machine.save(a="saved by the next")
    await desk.consider(["a"])
    assert git.claim() == []


async def test_what_was_saved_meanwhile_goes_when_git_is_done(desk: Desk) -> None:
    git = Git(desk)
    desk.machine.save(a="conflict markers")
    await desk.consider(["a"])
    git.operation = Operation("a merge", 1.0)
    assert git.claim() == []
    desk.machine.save(a="resolved")
    await desk.consider(["a"])
    assert git.claim() == []
    git.operation = None
    assert [intent.body for intent in git.claim()] == [b"resolved"]
    git.claim()
    assert git.told() == "idle: "


async def test_a_forgotten_merge_does_not_keep_edits_back_and_status_says_so(desk: Desk) -> None:
    git = Git(desk)
    git.operation = Operation("a merge", 1.0)
    desk.machine.save(a="one")
    await desk.consider(["a"])
    assert git.claim() == []
    desk.clock.seconds += QUIET - 1
    assert git.claim() == []
    desk.clock.seconds += 1
    assert len(git.claim()) == 1
    assert git.told() == "going-on: in spite of a merge"


FIGHT = ("one", "two") * (ALONE // 2) + ("one",)
"""What two programs make of a file; its last version is one too many."""


async def test_a_flapping_key_is_held_until_it_is_quiet(desk: Desk) -> None:
    await desk.agree(a="two", b="beside")
    for body in FIGHT:
        await desk.agree(a=body)
    assert desk.machine.mirror()["a"] == "two"
    assert desk.ledger.attention.held(STORE)["a.txt"].reason == "flapping"
    await desk.agree(b="goes on")
    assert desk.machine.mirror()["b"] == "goes on"
    desk.clock.seconds += WINDOW
    await desk.agree(a="one")
    assert desk.machine.mirror()["a"] == "one"
    assert desk.ledger.attention.held(STORE) == {}


async def test_a_person_lets_a_flapping_key_go(desk: Desk) -> None:
    await desk.agree(a="two")
    for body in FIGHT:
        await desk.agree(a=body)
    assert desk.machine.mirror()["a"] == "two"
    assert desk.reconciler.flaps.release([NOTE]) == [NOTE]
    await desk.agree(a="one")
    assert desk.machine.mirror()["a"] == "one"
