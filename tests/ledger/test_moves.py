"""Both halves of a move are queued, claimed, answered and sent again together, or go alone."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.decision import Decision, FileState
from syncd.core.model import (
    NEVER,
    TOMBSTONE,
    Applied,
    Intent,
    Key,
    OperationId,
    Outcome,
    Plan,
    Reason,
    Refused,
    Replayed,
    Snapshot,
    Stale,
    halves,
)
from syncd.core.reading import Stat
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger
from tests.ledger.test_ledger import content, push

OLD, NEW = Key("flows", "old.json"), Key("flows", "new.json")
BODY = b"the same bytes"
BASE = Snapshot(3, content(BODY), 30)


def move(ledger: Ledger, target: Snapshot = NEVER) -> tuple[Decision, Decision]:
    """The two decisions of a rename, committed."""
    created = push(BODY, key=NEW, base=target)
    gone = replace(push(None, key=OLD, base=BASE), target=created.operation)
    with ledger.transaction():
        ledger.entries.agree([(OLD, BASE)])
    ledger.commit([gone, created], 0.0)
    return gone, created


def claim(ledger: Ledger, most: int = 10, guarded: tuple[str, ...] = ()) -> list[Intent]:
    return ledger.claim(Claim(most, 1 << 20, guarded))


def answer(ledger: Ledger, intents: list[Intent], *outcomes: Outcome) -> None:
    ledger.acknowledge(list(zip(halves(intents), outcomes, strict=True)), "me", 0.0)


def keys(intents: list[Intent]) -> list[list[Key]]:
    return [[half.key for half in halves([each])] for each in intents]


@pytest.mark.parametrize("most", [1, 2, 10])
def test_both_halves_are_claimed_as_one_and_no_text_is_sent(ledger: Ledger, most: int) -> None:
    move(ledger, Snapshot(7, TOMBSTONE))
    (intent,) = claim(ledger, most)
    assert intent.target is not None
    assert intent.operation != intent.target.operation
    assert (intent.expect_revision, intent.expect_digest) == (3, content(BODY).digest)
    assert (intent.target.expect_revision, intent.target.expect_digest) == (7, None)
    assert (intent.target.source, intent.target.version) == (OLD, content(BODY))
    assert (intent.body, intent.target.body) == (None, None)
    assert claim(ledger) == []


def test_a_sent_move_is_the_same_after_a_restart(ledger: Ledger, path: Path) -> None:
    move(ledger)
    sent = claim(ledger)
    ledger.close()
    again = Ledger.open(path)
    assert again.outbox.unanswered() == sent
    again.close()


def test_a_queued_move_is_still_one_after_a_restart(ledger: Ledger, path: Path) -> None:
    move(ledger)
    ledger.close()
    again = Ledger.open(path)
    assert keys(claim(again)) == [[OLD, NEW]]
    again.close()


def test_both_answers_make_bases_and_are_on_record(ledger: Ledger) -> None:
    move(ledger)
    answer(ledger, claim(ledger), Applied(4, 40), Applied(1, 40))
    assert ledger.view(OLD).base == Snapshot(4, TOMBSTONE)
    assert ledger.view(NEW).base == Snapshot(1, content(BODY))
    assert ledger.outbox.count() == {}
    told = {event.key: (event.what, event.detail) for event in ledger.events.newest(2)}
    assert told == {OLD: ("moved", "to new.json"), NEW: ("moved", "from old.json")}


def test_a_replay_takes_the_revisions_of_both_receipts(ledger: Ledger) -> None:
    move(ledger)
    theirs = Snapshot(5, content(b"theirs"), 500)
    answer(ledger, claim(ledger), Replayed(4, Snapshot(4, TOMBSTONE, 40)), Replayed(1, theirs))
    assert ledger.view(OLD).base == Snapshot(4, TOMBSTONE)
    assert ledger.view(NEW).base == Snapshot(1, content(BODY))


def test_stale_leaves_nothing_and_names_both(ledger: Ledger) -> None:
    move(ledger)
    theirs = Snapshot(5, content(b"theirs"), 500)
    answers = list(zip(halves(claim(ledger)), (Stale(BASE), Stale(theirs)), strict=True))
    taken = ledger.acknowledge(answers, "me", 0.0)
    named, wanted = taken.named, taken.wanted
    assert (sorted(named), NEW in wanted) == ([NEW, OLD], True)
    assert ledger.outbox.count() == {}
    assert ledger.view(OLD).base == BASE


def test_refused_it_becomes_a_create_and_a_delete(ledger: Ledger) -> None:
    move(ledger)
    refused = Refused("function-failed", "it threw")
    answer(ledger, claim(ledger), refused, refused)
    sent = claim(ledger)
    assert sorted((each.key, each.body, each.target) for each in sent) == [
        (NEW, BODY, None),
        (OLD, None, None),
    ]


def test_refused_while_newer_saves_wait_it_leaves_those(ledger: Ledger) -> None:
    move(ledger)
    sent = claim(ledger)
    for key in (OLD, NEW):
        ledger.commit([push(b"newer", key=key, capture=True)], 0.0)
    refused = Refused("function-failed", "it threw")
    answer(ledger, sent, refused, refused)
    assert [each.body for each in claim(ledger)] == [b"newer", b"newer"]


def test_a_newer_save_under_the_new_name_ends_it(ledger: Ledger) -> None:
    move(ledger)
    ledger.commit([push(b"newer", key=NEW)], 0.0)
    sent = claim(ledger)
    assert {each.key: each.body for each in sent} == {NEW: b"newer", OLD: None}
    assert [each.target for each in sent] == [None, None]


def test_a_file_that_is_back_under_the_old_name_ends_it(ledger: Ledger) -> None:
    move(ledger)
    nothing = replace(push(BODY, key=OLD), plan=Plan(Reason.NOTHING, BASE))
    ledger.commit([nothing], 0.0)
    (intent,) = claim(ledger)
    assert (intent.key, intent.body, intent.target) == (NEW, BODY, None)


def test_deciding_the_same_again_leaves_it_as_it_is(ledger: Ledger) -> None:
    gone, created = move(ledger)
    ledger.commit([replace(created, operation=_operation())], 0.0)
    ledger.commit([replace(gone, operation=_operation(), target=None)], 0.0)
    assert keys(claim(ledger)) == [[OLD, NEW]]


def test_under_a_guard_the_new_name_goes_alone_and_the_deletion_stays(ledger: Ledger) -> None:
    move(ledger)
    (created,) = claim(ledger, guarded=("flows",))
    assert (created.key, created.body) == (NEW, BODY)
    assert claim(ledger) == [], "the deletion waits until its target was accepted"
    answer(ledger, [created], Applied(1, 10))
    (gone,) = claim(ledger)
    assert (gone.key, gone.body, gone.target) == (OLD, None, None)


@pytest.mark.parametrize("which", [OLD, NEW])
def test_no_half_is_claimed_before_the_sent_row_of_the_other_is_answered(
    ledger: Ledger, which: Key
) -> None:
    with ledger.transaction():
        ledger.entries.agree([(OLD, BASE)])
    ledger.commit([push(b"before", key=which, base=BASE if which == OLD else NEVER)], 0.0)
    claim(ledger)
    move(ledger)
    assert OLD not in [each.key for each in claim(ledger)]


def test_onto_a_key_that_became_live_it_is_a_create_and_then_a_delete(ledger: Ledger) -> None:
    move(ledger)
    theirs = Snapshot(5, content(b"theirs"), 500)
    with ledger.transaction():
        ledger.entries.agree([(NEW, theirs)])
    (created,) = claim(ledger)
    assert (created.key, created.body, created.expect_revision) == (NEW, BODY, 5)
    assert claim(ledger) == []
    answer(ledger, [created], Applied(6, 600))
    assert keys(claim(ledger)) == [[OLD]]


def test_of_bytes_that_the_deployment_no_longer_holds_it_is_none(ledger: Ledger) -> None:
    move(ledger)
    with ledger.transaction():
        ledger.entries.agree([(OLD, Snapshot(4, content(b"others"), 40))])
    assert keys(claim(ledger)) == [[NEW]]


@pytest.mark.parametrize("strange", [OLD, NEW])
@pytest.mark.parametrize("sent", [True, False])
def test_where_one_half_is_forgotten_the_other_goes_with_it(
    ledger: Ledger, strange: Key, sent: bool
) -> None:
    move(ledger)
    other = Key("flows", "other.json")
    ledger.commit([push(BODY, key=other)], 0.0)
    if sent:
        claim(ledger)
    with ledger.transaction():
        ledger.forgetting.bases([strange])
    assert ledger.forgetting.outstanding("flows").keys() == {other}


def test_among_others_each_deletion_goes_with_its_own_target(ledger: Ledger) -> None:
    """Each target was queued before, under another operation."""
    pairs = {
        Key(store, f"old-{number}"): Key(store, f"new-{number}")
        for store in ("flows", "notes")
        for number in range(3)
    }
    lone, made = Key("flows", "old-9"), Key("notes", "made")
    with ledger.transaction():
        ledger.entries.agree([(key, BASE) for key in (*pairs, lone)])
        stat = Stat(1, 1, 1, 1)
        read = FileState(stat, content(BODY).digest, 1)
        ledger.places.record_files([(key, read) for key in (*pairs.values(), made)])
    ledger.commit([push(BODY, key=key) for key in (*pairs.values(), made)], 0.0)
    created = {key: push(BODY, key=key) for key in pairs.values()}
    gone = [
        replace(push(None, key=old, base=BASE), target=created[new].operation)
        for old, new in pairs.items()
    ]
    ledger.commit([push(None, key=lone, base=BASE), *gone, *created.values()], 0.0)
    moving = ledger.outbox.claimable.moving
    assert {key: moving(key) for key in (*pairs, lone)} == {**pairs, lone: None}
    changed, *others = pairs
    with ledger.transaction():
        ledger.places.record_files([(pairs[changed], replace(read, digest=content(b"x").digest))])
    assert [moving(key) for key in pairs] == [None, *(pairs[key] for key in others)]
    assert sorted(keys(claim(ledger, 20))) == sorted([[lone], [made], *map(list, pairs.items())])
    assert [moving(key) for key in pairs] == [None] * len(pairs), "they are sent"


def test_a_deletion_waits_while_its_target_is_refused(ledger: Ledger) -> None:
    move(ledger)
    (created,) = claim(ledger, guarded=("flows",))
    answer(ledger, [created], Refused("too-large", "it is"))
    assert ledger.outbox.pending(NEW) == "parked"
    assert claim(ledger) == []


def _operation() -> OperationId:
    return OperationId(secrets.token_hex(16))
