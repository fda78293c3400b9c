"""Deletions that went, wait or were approved: what a guard counts, and what a decision reaches."""

from __future__ import annotations

from typing import get_args

import pytest

from syncd.core.decision import FileState
from syncd.core.guard import Direction
from syncd.core.model import (
    TOMBSTONE,
    Applied,
    Content,
    Digest,
    Key,
    Refused,
    Snapshot,
    Tombstone,
    Version,
)
from syncd.core.reading import Stat
from syncd.ledger.deletions import State
from syncd.ledger.ledger import Ledger

from .test_ledger import claim, content, push

STATES: tuple[State, ...] = get_args(State)
BASE = Snapshot(1, content(b"there"))
DIGEST = content(b"there").digest
REMOTE, LOCAL = Direction.TO_REMOTE, Direction.TO_LOCAL


def key(name: str) -> Key:
    return Key("flows", name)


def one_in_each_state(ledger: Ledger, direction: Direction = REMOTE, now: float = 0.0) -> None:
    for state in STATES:
        ledger.deletions.put(direction, {key(state): DIGEST}, state, now)


def states(ledger: Ledger, direction: Direction = REMOTE) -> dict[str, State]:
    found = ledger.deletions.states(direction, map(key, ["queued", *STATES]))
    return {key.path: state for key, (_, state, _) in found.items()}


@pytest.mark.parametrize("direction", [REMOTE, LOCAL])
def test_what_waits_is_approved_and_nothing_else(ledger: Ledger, direction: Direction) -> None:
    one_in_each_state(ledger, direction)
    before = states(ledger, direction)
    assert ledger.deletions.approve("flows", 1.0) == 1
    assert states(ledger, direction) == before | {"waiting": "approved"}


def test_what_went_is_forgotten_after_its_window_and_what_waits_never(ledger: Ledger) -> None:
    one_in_each_state(ledger, now=1.0)
    ledger.deletions.forget_before(1.0)
    assert set(states(ledger)) == set(STATES)
    ledger.deletions.forget_before(2.0)
    assert set(states(ledger)) == {"waiting", "approved"}


def test_what_a_person_let_go_does_not_wait_with_what_is_queued(ledger: Ledger) -> None:
    ledger.commit([push(None, key=key("sent"), base=BASE)], 0.0)
    claim(ledger)
    one_in_each_state(ledger)
    ledger.deletions.put(LOCAL, {key("approved"): DIGEST}, "waiting", 0.0)
    names = ["queued", *STATES]
    ledger.commit([push(None, key=key(name), base=BASE) for name in names], 0.0)
    ledger.commit([push(b"saved", key=key("saved"), base=BASE)], 0.0)
    ledger.deletions.withdraw("flows", 1.0)
    waiting = dict.fromkeys(["queued", "gone", "waiting"], "waiting")
    assert states(ledger) == waiting | {"approved": "approved", "spent": "spent"}
    assert set(ledger.forgetting.outstanding("flows")) == {
        key(name) for name in ("sent", "saved", "approved", "spent")
    }


def test_a_deletion_that_is_refused_or_waits_is_not_decided(ledger: Ledger) -> None:
    ledger.commit([push(None, key=key("refused"), base=BASE)], 0.0)
    answered = [(intent, Refused("no", "no")) for intent in claim(ledger)]
    ledger.acknowledge(answered, "me", 0.0)
    ledger.commit([push(None, key=key("sent"), base=BASE)], 0.0)
    claim(ledger)
    ledger.commit([push(None, key=key("queued"), base=BASE)], 0.0)
    ledger.commit([push(b"saved", key=key("saved"), base=BASE)], 0.0)
    ledger.entries.agree([(key(state), BASE) for state in STATES])
    one_in_each_state(ledger)
    ledger.entries.agree([(key("elsewhere"), BASE), (key("gone already"), Snapshot(2, TOMBSTONE))])
    ledger.deletions.put(LOCAL, {key("elsewhere"): DIGEST}, "approved", 0.0)
    ledger.deletions.put(REMOTE, {key("gone already"): DIGEST}, "approved", 0.0)
    decided = {key(name) for name in ("sent", "queued", "approved", "spent")}
    assert ledger.deletions.decided("flows") == decided
    assert key("refused") not in ledger.forgetting.outstanding("flows")


def test_a_store_is_as_large_as_it_was_before_the_deletions_of_the_window(ledger: Ledger) -> None:
    there: dict[str, Version] = {"live": content(b"there"), "gone": TOMBSTONE, "old": TOMBSTONE}
    there |= {"moved": Tombstone(DIGEST, "target"), "target": content(b"there")}
    for at, (name, version) in enumerate(there.items(), 1):
        ledger.commit([push(b"new", key=key(name))], 0.0)
        answers = [(intent, Applied(1, at)) for intent in claim(ledger)]
        ledger.acknowledge(answers, "me", 0.0)
        ledger.entries.acknowledge([(key(name), Snapshot(2, version, at + 100))], "me")
    assert isinstance(there["live"], Content)
    ledger.deletions.put(REMOTE, {key("gone"): DIGEST, key("moved"): DIGEST}, "gone", 0.0)
    ledger.deletions.put(REMOTE, {key("live"): Digest("0" * 64)}, "gone", 0.0)
    ledger.deletions.put(REMOTE, {key("old"): DIGEST}, "spent", 0.0)
    assert ledger.deletions.size("flows", REMOTE) == len(["live", "target", "gone"])
    assert ledger.deletions.size("flows", LOCAL) == len(["live", "target"])


def test_bringing_back_what_was_to_be_deleted_leaves_what_was_saved_there_since(
    ledger: Ledger,
) -> None:
    ledger.commit([push(None, key=key("deleted"), base=BASE)], 0.0)
    claim(ledger)
    ledger.commit([push(None, key=key("queued"), base=BASE)], 0.0)
    ledger.commit([push(b"saved", key=key("saved"), base=BASE)], 0.0)
    ledger.rejecting.bring_back([key("deleted"), key("queued"), key("saved")])
    assert ledger.forgetting.outstanding("flows") == {
        key("saved"): [content(b"saved").digest],
        key("deleted"): [None],
    }
    assert claim(ledger) == [], "nothing is agreed on that it could be sent over"


@pytest.mark.parametrize(("now", "comes"), [(49.0, False), (50.0, True)])
def test_of_what_a_file_holds_only_what_is_new_in_the_window_came_under_its_name(
    ledger: Ledger, now: float, *, comes: bool
) -> None:
    def found(name: str, changed: float, body: bytes = b"held") -> None:
        stat = Stat(len(body), 0, int(changed * 1e9), 7)
        file = FileState(stat, content(body).digest, 0)
        ledger.places.record_files([(key(name), file)])

    files = ("sent", "sent otherwise", "queued", "queued otherwise", "refused", "untouched")
    bodies = [b"other" if name.endswith("otherwise") else b"held" for name in files]
    for name, body in list(zip(files, bodies, strict=True))[:2]:
        ledger.commit([push(body, key=key(name))], 0.0)
        ledger.acknowledge([(each, Applied(1, 1)) for each in claim(ledger)], "me", now)
    ledger.commit([push(b"held", key=key("refused"))], now)
    refused = [(each, Refused("no", "no")) for each in claim(ledger)]
    ledger.acknowledge(refused, "me", now)
    for name, body in list(zip(files, bodies, strict=True))[2:4]:
        ledger.commit([push(body, key=key(name))], now)
    for name in files:
        found(name, 1.0)
    found("changed", now)
    came = {path for path, _ in ledger.events.came("flows", int(50e9))}
    assert came == ({"changed", "sent", "queued"} if comes else set())
