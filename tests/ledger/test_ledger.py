"""The ledger's verbs on a real SQLite file: the outbox rules, and what a restart finds."""

from __future__ import annotations

import hashlib
import secrets
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from syncd.core.decision import Decision, FileState, Heard
from syncd.core.guard import Direction
from syncd.core.model import (
    MISSING_BLOB,
    NEVER,
    TOMBSTONE,
    Applied,
    Conflict,
    Content,
    Cursor,
    Digest,
    Format,
    Hold,
    Intent,
    Key,
    Kind,
    OperationId,
    Plan,
    Reason,
    Refused,
    Replayed,
    Snapshot,
    Stale,
    Version,
)
from syncd.core.reading import Stat
from syncd.core.settle import FEW
from syncd.core.writing import Note
from syncd.errors import LedgerDamaged, LedgerError, LedgerUnknown
from syncd.ledger.claimable import Claim
from syncd.ledger.connection import LOG_BYTES, damage_in, open_ledger, read_ledger, transaction
from syncd.ledger.contents import _AT_HAND, _PATIENCE
from syncd.ledger.events import Event
from syncd.ledger.ledger import Ledger

KEY = Key("flows", "a.json")


def content(body: bytes) -> Content:
    return Content(Digest(hashlib.sha256(body).hexdigest()), len(body))


def push(
    body: bytes | None, *, key: Key = KEY, base: Snapshot = NEVER, capture: bool = False
) -> Decision:
    version: Version = TOMBSTONE if body is None else content(body)
    file = None
    if body is not None:
        file = FileState(Stat(len(body), 1, 1, 7), content(body).digest, 10**9)
    plan = Plan(Reason.PUSH, None if capture else base, to_remote=version)
    return Decision(key, Kind.WORKFLOW, Format.JSON, plan, OperationId(secrets.token_hex(16)),
                    file, body, capture)  # fmt: skip


def claim(ledger: Ledger, most: int = 10) -> list[Intent]:
    return ledger.claim(Claim(most, 1 << 20, []))


def test_a_queued_save_is_sent_expecting_the_base(ledger: Ledger) -> None:
    base = Snapshot(4, content(b"old"))
    ledger.commit([push(b"new", base=base)], 0.0)
    (intent,) = claim(ledger)
    assert (intent.expect_revision, intent.expect_digest) == (4, content(b"old").digest)
    assert intent.body == b"new"
    assert claim(ledger) == []


def test_a_newer_save_replaces_only_the_queued_row(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    for body in (b"two", b"three"):
        ledger.commit([push(body, capture=True)], 0.0)
    assert ledger.outbox.unanswered() == [sent]
    assert claim(ledger) == [], "one sent row a key"
    ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0)
    (second,) = claim(ledger)
    assert second.body == b"three"
    assert (second.expect_revision, second.expect_digest) == (1, content(b"one").digest)


def test_a_sent_row_is_the_same_after_a_restart(ledger: Ledger, path: Path) -> None:
    ledger.commit([push(b"one")], 0.0)
    sent = claim(ledger)
    ledger.commit([push(b"two", capture=True)], 0.0)
    ledger.close()
    again = Ledger.open(path)
    assert again.outbox.unanswered() == sent
    again.close()


def test_copies_of_a_ledger_send_what_both_had_queued_as_two_operations(
    ledger: Ledger, path: Path
) -> None:
    ledger.commit([push(b"one")], 0.0)
    ledger.close()
    copy = shutil.copy(path, path.with_name("copy.db"))
    sent = []
    for each in (path, Path(copy)):
        opened = Ledger.open(each)
        sent += claim(opened)
        assert opened.outbox.unanswered() == sent[-1:]
        opened.close()
    assert sent[0].operation != sent[1].operation
    assert sent[0].version == sent[1].version


def test_saving_back_what_was_sent_forgets_what_was_queued(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    ledger.commit([push(b"two", capture=True)], 0.0)
    nothing = Plan(Reason.NOTHING, None)
    back = push(b"one", capture=True)
    ledger.commit([Decision(KEY, back.kind, back.format, nothing, back.operation, back.file,
                            back.body, capture=True)], 0.0)  # fmt: skip
    ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0)
    assert claim(ledger) == []


def test_an_applied_row_becomes_the_base_and_is_heard(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    taken = ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0)
    named, wanted = taken.named, taken.wanted
    assert (named, wanted) == ([], [])
    view = ledger.view(KEY)
    assert view.base == view.remote == Snapshot(1, content(b"one"))
    assert view.sent is None


def test_an_answer_that_comes_twice_changes_nothing_more(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0)
    ledger.commit([push(b"two", base=Snapshot(1, content(b"one")))], 0.0)
    (second,) = claim(ledger)
    ledger.acknowledge([(second, Applied(2, 200))], "me", 0.0)
    ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0)
    assert ledger.view(KEY).base == Snapshot(2, content(b"two"))


def test_an_answer_is_not_heard_over_newer_news_and_names_its_key(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    theirs = Snapshot(2, content(b"theirs"), 200)
    ledger.hear([Heard(KEY, theirs, "you", b"theirs")], None)
    assert ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0).named == [KEY]
    view = ledger.view(KEY)
    assert (view.base, view.remote) == (Snapshot(1, content(b"one")), theirs)
    assert ledger.entries.last_write(KEY) == (200, "you")


def test_a_replay_takes_the_receipts_revision_and_asks_for_the_rest(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    theirs = Snapshot(5, content(b"theirs"), 500)
    taken = ledger.acknowledge([(sent, Replayed(3, theirs))], "me", 0.0)
    named, wanted = taken.named, taken.wanted
    assert named == wanted == [KEY]
    view = ledger.view(KEY)
    assert view.base == Snapshot(3, content(b"one"))
    assert view.remote == view.base, "the current snapshot is heard with its bytes only"
    assert ledger.hear([Heard(KEY, theirs, "you", b"theirs")], None) == [KEY]


def test_a_replay_is_not_undone_by_what_was_heard_before_it(ledger: Ledger) -> None:
    old = Snapshot(8, content(b"old"), 80)
    ledger.hear([Heard(KEY, old, "you", b"old")], None)
    ledger.commit([push(b"new", base=old)], 0.0)
    (sent,) = claim(ledger)
    ledger.acknowledge([(sent, Replayed(9, Snapshot(10, content(b"x"), 100)))], "me", 0.0)
    view = ledger.view(KEY)
    assert view.base == view.remote == Snapshot(9, content(b"new"))


def test_a_stale_answer_drops_the_row_and_asks_for_the_snapshot(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    taken = ledger.acknowledge([(sent, Stale(Snapshot(2, content(b"x"), 9)))], "me", 0.0)
    named, wanted = taken.named, taken.wanted
    assert named == wanted == [KEY]
    assert ledger.outbox.count() == {}
    assert ledger.view(KEY).base == NEVER


def test_a_refused_row_is_parked_until_the_file_changes(ledger: Ledger) -> None:
    ledger.commit([push(b"bad")], 0.0)
    (sent,) = claim(ledger)
    ledger.acknowledge([(sent, Refused("bad-path", "no"))], "me", 0.0)
    assert ledger.outbox.count() == {"parked": 1}
    ledger.commit([push(b"bad")], 0.0)
    assert ledger.outbox.count() == {"parked": 1}, "the same save is not sent again"
    ledger.commit([push(b"good")], 0.0)
    assert ledger.outbox.count() == {"queued": 1}


def test_what_was_claimed_while_a_turn_ran_is_not_queued_again(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    (sent,) = claim(ledger)
    ledger.commit([push(b"one")], 1.0)
    ledger.acknowledge([(sent, Applied(1, 100))], "me", 0.0)
    assert claim(ledger) == []


def payload(body: bytes, *, capture: bool = False) -> Decision:
    """A save whose bytes stay in the file."""
    return replace(push(body, capture=capture), body=None)


def test_a_payload_is_sent_once_file_storage_has_it(ledger: Ledger) -> None:
    ledger.commit([payload(b"one")], 0.0)
    assert ledger.uploads.wanted() == [(KEY, content(b"one"))]
    assert claim(ledger) == []
    with ledger.transaction():
        ledger.uploads.there([content(b"one").digest])
    assert ledger.uploads.wanted() == []
    (intent,) = claim(ledger)
    assert (intent.version, intent.body) == (content(b"one"), None)


def test_content_that_file_storage_lacks_is_uploaded_again(ledger: Ledger) -> None:
    for newer in (False, True):
        ledger.commit([payload(b"one")], 0.0)
        with ledger.transaction():
            ledger.uploads.there([content(b"one").digest])
        (sent,) = claim(ledger)
        if newer:
            ledger.commit([payload(b"two", capture=True)], 0.0)
        ledger.acknowledge([(sent, Refused(MISSING_BLOB, "no"))], "me", 0.0)
        wanted = content(b"two" if newer else b"one")
        assert ledger.uploads.wanted() == [(KEY, wanted)]
        assert ledger.outbox.count() == {"queued": 1}


def test_a_batch_is_bounded_by_rows_and_by_bytes(ledger: Ledger) -> None:
    keys = [Key("flows", f"{number}.json") for number in range(6)]
    ledger.commit([push(b"x" * 400, key=key) for key in keys], 0.0)
    assert [i.key for i in ledger.claim(Claim(2, 1 << 20, []))] == keys[:2]
    assert [i.key for i in ledger.claim(Claim(10, 1000, []))] == keys[2:4]
    assert [i.key for i in ledger.claim(Claim(10, 10, []))] == keys[4:5], (
        "one larger row goes alone"
    )


def test_a_save_is_claimed_before_what_was_queued_with_many_and_these_by_turns(
    ledger: Ledger,
) -> None:
    many = [Key("flows", f"many/{number:03}.json") for number in range(FEW + 1)]
    saves = [Key("flows", f"{number}.json") for number in range(3)]
    ledger.commit([push(b"x", key=key) for key in many], 0.0)
    for key in saves:
        ledger.commit([push(b"x", key=key)], 0.0)
    turns = [[intent.key for intent in claim(ledger, 2)] for _ in range(4)]
    assert turns == [saves[:2], many[:2], saves[2:], many[2:4]]


def test_a_save_of_what_was_queued_with_many_is_claimed_before_them(ledger: Ledger) -> None:
    many = [Key("flows", f"many/{number:03}.json") for number in range(FEW + 1)]
    ledger.commit([push(b"x", key=key) for key in many], 0.0)
    ledger.commit([push(b"x", key=many[-1])], 1.0)
    ledger.commit([push(b"y", key=many[-2])], 1.0)
    assert [intent.key for intent in claim(ledger)] == [many[-1], many[-2]]
    assert [intent.key for intent in claim(ledger, 100)] == many[:-2]
    assert claim(ledger) == []


def test_what_is_asked_thousands_of_times_looks_at_none_of_thousands_of_rows(
    ledger: Ledger,
) -> None:
    digest = content(b"x").digest
    conflict = Conflict(None, content(b"x"), Snapshot(1, content(b"y"), 1))
    asked: dict[str, Callable[[], object]] = {
        "outbox_state": ledger.outbox.newest,
        "outbox_deletions": ledger.outbox.claimable.deleting,
        "outbox_ready (bulk=?)": lambda: ledger.outbox.claim(Claim(10, 1 << 20, (), ())),
        "outbox_upload": ledger.uploads.wanted,
        "outbox_wanted": lambda: ledger.uploads.there([digest]),
        "entries_awaiting": lambda: ledger.entries.awaiting(digest),
        "PRIMARY KEY (store=? AND direction=? AND path=? AND record=?)": lambda: (
            ledger.deletions.states(Direction.TO_REMOTE, [KEY])
        ),
        "conflicts_key": lambda: ledger.conflicts.add(KEY, conflict, None, 0.0),
    }
    for index, ask in asked.items():
        plan = _plan(ledger, ask)
        assert index in plan[0], (index, plan)
        assert not any("TEMP" in step for step in plan), (index, plan)


def test_what_may_be_sent_of_many_is_found_behind_any_number_that_wait_for_uploads(
    ledger: Ledger,
) -> None:
    claim = Claim(10, 1 << 20)
    for bulk in (False, True):
        plan = _plan(ledger, lambda: ledger.outbox.claimable._of(claim, bulk=bulk))  # noqa: B023
        assert plan[0] == "SEARCH o USING INDEX outbox_ready (bulk=?)"
        assert not any("TEMP" in step for step in plan), plan


def _plan(ledger: Ledger, ask: Callable[[], object]) -> list[str]:
    """How SQLite goes about the first statement of `ask` that is not about the transaction."""
    statements: list[str] = []
    with ledger.transaction() as connection:
        pass
    connection.set_trace_callback(statements.append)
    ask()
    connection.set_trace_callback(None)
    first = next(each for each in statements if each.split()[0] in ("SELECT", "UPDATE", "DELETE"))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {first}")]


def test_what_is_committed_survives_a_power_cut(path: Path) -> None:
    connection = open_ledger(path)
    try:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    finally:
        connection.close()


def test_an_approval_that_a_rollback_brings_back_is_remembered(ledger: Ledger) -> None:
    to_remote, gone = Direction.TO_REMOTE, {KEY: content(b"x").digest}
    with ledger.transaction():
        ledger.deletions.put(to_remote, gone, "waiting", 0.0)
    with ledger.transaction():
        assert ledger.deletions.approve(KEY.store, 1.0) == 1
    assert ledger.deletions.approvals_left()
    with suppress(KeyError), ledger.transaction():
        ledger.deletions.forget_approvals(to_remote, gone)
        assert not ledger.deletions.approvals_left()
        raise KeyError
    assert ledger.deletions.approvals_left()


def agreed(base: Snapshot, body: bytes, to_local: Version | None, key: Key = KEY) -> Decision:
    plan = Plan(Reason.PULL if to_local else Reason.NOTHING, base, to_local=to_local)
    file = FileState(Stat(len(body), 1, 1, 7), content(body).digest, 10**9)
    operation = OperationId(secrets.token_hex(16))
    return Decision(key, Kind.WORKFLOW, Format.JSON, plan, operation, file, body)


def test_what_both_sides_were_found_to_hold_is_kept_for_merging(ledger: Ledger) -> None:
    other = Key("flows", "other.json")
    base = Snapshot(3, content(b"same"), 3)
    ledger.commit([agreed(base, b"same", None), agreed(base, b"else", None, other)], 0.0)
    assert ledger.contents.get(content(b"same").digest) == b"same"
    assert ledger.contents.get(content(b"else").digest) == b"else"


def test_what_was_written_is_told_with_who_made_it(ledger: Ledger) -> None:
    keys = [Key("flows", f"{number}.json") for number in range(3)]
    base = Snapshot(3, content(b"theirs"), 3)
    ledger.hear([Heard(key, base, f"of {key.path}", b"theirs") for key in keys], None)
    ledger.commit([agreed(base, b"theirs", base.version, key) for key in keys], 0.0)
    told = [(each.key, each.what, each.device) for each in ledger.events.newest(9)]
    assert told == [(key, "pulled", f"of {key.path}") for key in reversed(keys)]


def test_of_the_bytes_that_are_kept_only_so_many_are_in_memory(ledger: Ledger) -> None:
    bodies = [bytes([number]) * (_AT_HAND // 4) for number in range(9)]
    with ledger.transaction():
        for body in bodies:
            ledger.contents.put(content(body).digest, body)
    assert in_memory(ledger) == bodies[:4]  # The first: they are asked for first.
    assert [ledger.contents.get(content(body).digest) for body in bodies] == bodies
    assert in_memory(ledger) == []


def test_bytes_that_nobody_asks_for_make_room_after_a_while(ledger: Ledger) -> None:
    bodies = [bytes([number]) * (_AT_HAND // 4) for number in range(_PATIENCE + 3)]
    kept: list[list[bytes]] = []
    with ledger.transaction():
        for body in bodies:
            ledger.contents.put(content(body).digest, body)
            kept.append(in_memory(ledger))
    assert kept[3] == kept[_PATIENCE - 1] == bodies[:4]
    assert kept[_PATIENCE] == [*bodies[1:4], bodies[_PATIENCE]]
    assert kept[-1] == [bodies[3], *bodies[_PATIENCE:]]


def test_bytes_that_are_not_asked_for_soon_are_not_in_memory(ledger: Ledger) -> None:
    with ledger.transaction():
        ledger.contents.put_all({content(b"x").digest: b"x"}, soon=False)
    assert in_memory(ledger) == []
    assert ledger.contents.get(content(b"x").digest) == b"x"
    larger = b"x" * (_AT_HAND + 1)
    with ledger.transaction():
        ledger.contents.put(content(larger).digest, larger)
    assert in_memory(ledger) == []
    assert ledger.contents.get(content(larger).digest) == larger


def in_memory(ledger: Ledger) -> list[bytes]:
    held = [body for _, body in ledger.contents._at_hand.values()]
    assert sum(map(len, held)) == ledger.contents._held <= _AT_HAND
    return held


def test_guarded_deletions_stay_queued_and_edits_pass_them(ledger: Ledger) -> None:
    base = Snapshot(1, content(b"old"))
    other = Key("flows", "b.json")
    ledger.commit([push(None, base=base), push(b"new", key=other, base=base)], 0.0)
    assert [intent.key for intent in ledger.claim(Claim(10, 1 << 20, ["flows"]))] == [other]
    assert [intent.key for intent in ledger.claim(Claim(10, 1 << 20, []))] == [KEY]


def test_what_is_heard_never_goes_back(ledger: Ledger) -> None:
    newer = Heard(KEY, Snapshot(7, content(b"seven"), 700), "you", b"seven")
    older = Heard(KEY, Snapshot(6, content(b"six"), 600), "you", b"six")
    assert ledger.hear([newer], Cursor("700")) == [KEY]
    assert ledger.hear([older], None) == []
    assert ledger.view(KEY).remote == newer.snapshot
    assert ledger.passing.cursor == "700"


def test_news_and_cursor_are_one_transaction(ledger: Ledger) -> None:
    ledger.hear([], Cursor("1"))
    bad = Heard(KEY, Snapshot(1, content(b"x"), 2**70), "you", b"x")
    with pytest.raises(OverflowError):
        ledger.hear([bad], Cursor("2"))
    assert ledger.passing.cursor == "1"
    assert ledger.view(KEY).remote == NEVER


def test_a_hold_changes_nothing_else_and_is_news_once(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    hold = Hold("not-json", "line 1", "save it whole")
    held = push(b"two")
    decision = Decision(KEY, held.kind, held.format, Plan(Reason.HELD, None, hold=hold),
                        held.operation, None)  # fmt: skip
    assert ledger.commit([decision], 0.0).held == {KEY}
    assert ledger.commit([decision], 1.0).held == set()
    assert ledger.outbox.count() == {"queued": 1}
    ledger.commit([push(b"three")], 2.0)
    assert ledger.attention.held("flows") == {}


def test_a_conflict_is_listed_once_for_a_revision_and_its_bytes_stay(ledger: Ledger) -> None:
    remote = Snapshot(2, content(b"theirs"), 20)
    ledger.hear([Heard(KEY, remote, "you", b"theirs")], None)
    mine = push(b"mine", base=remote)
    plan = Plan(Reason.CONFLICT, remote, to_remote=content(b"mine"),
                conflict=Conflict(None, content(b"mine"), remote))  # fmt: skip
    decision = Decision(KEY, mine.kind, mine.format, plan, mine.operation, mine.file, b"mine")
    ledger.commit([decision], 0.0)
    ledger.commit([decision], 0.0)
    (sent,) = claim(ledger)
    ledger.acknowledge([(sent, Applied(3, 30))], "me", 0.0)
    with ledger.transaction():
        ledger.contents.drop_unreferenced()
    assert ledger.contents.get(content(b"theirs").digest) == b"theirs"


def test_unreferenced_bytes_go_and_referenced_ones_stay(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 0.0)
    ledger.commit([push(b"two")], 0.0)
    with ledger.transaction():
        assert ledger.contents.drop_unreferenced() == 1
    assert ledger.contents.get(content(b"one").digest) is None
    assert ledger.contents.get(content(b"two").digest) == b"two"


def test_notes_survive_until_the_commit_that_follows(ledger: Ledger, path: Path) -> None:
    note = Note("a.json", ".syncd-1", 77, content(b"old").digest, content(b"new").digest)
    base = Snapshot(3, content(b"new"))
    ledger.note([(KEY, note, base, None)], 0.0)
    ledger.close()
    again = Ledger.open(path)
    assert again.notes() == [(KEY, note, base)]
    pulled = Plan(Reason.PULL, base, to_local=base.version)
    again.commit([Decision(KEY, Kind.WORKFLOW, Format.JSON, pulled, OperationId("0" * 32), None,
                           replaced=content(b"old").digest)], 0.0)  # fmt: skip
    assert again.notes() == []
    assert again.view(KEY).base == base
    again.close()


def test_unfinished_keys_are_those_that_still_differ(ledger: Ledger) -> None:
    done, pushed, told = (Key("flows", f"{name}.json") for name in "dpt")
    ledger.commit([push(b"x", key=done), push(b"x", key=pushed)], 0.0)
    for intent in claim(ledger):
        if intent.key == done:
            ledger.acknowledge([(intent, Applied(1, 1))], "me", 0.0)
    ledger.hear([Heard(told, Snapshot(1, content(b"y"), 2), "you", b"y")], None)
    assert {key for key, _ in ledger.entries.unfinished("flows")} == {pushed, told}


def test_what_is_agreed_on_and_was_in_no_file_is_unfinished_and_told(ledger: Ledger) -> None:
    kept, lost, gone = (Key("flows", f"{name}.json") for name in "klg")
    ledger.commit([push(b"x", key=key) for key in (kept, lost)], 0.0)
    for intent in claim(ledger):
        ledger.acknowledge([(intent, Applied(1, 1))], "me", 0.0)
    ledger.hear([Heard(gone, Snapshot(2, TOMBSTONE, 2), "you", None)], None)
    ledger.entries.agree([(gone, Snapshot(2, TOMBSTONE, 2))])
    with ledger.transaction():
        ledger.places.record_files([(lost, None)])
    found = dict(ledger.entries.unfinished("flows"))
    assert found == {lost: content(b"x").digest}
    assert found == dict(ledger.entries.live("flows", unread=True))


def test_a_newer_ledger_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for opens in (Ledger.open, read_ledger):
        with pytest.raises(LedgerUnknown, match="version 99") as raised:
            opens(path)
        assert not open_at(path), raised.value


def test_a_damaged_ledger_says_what_to_do(path: Path) -> None:
    path.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(LedgerError, match="is damaged") as raised:
        Ledger.open(path)
    assert "deletes nothing" in raised.value.advice
    assert not open_at(path)


def open_at(path: Path) -> list[str]:
    """The descriptors that are open for the ledger and what lies beside it."""
    leads: list[str] = []
    for each in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # The listing itself is one of them.
            leads.append(str(each.readlink()))
    return [lead for lead in leads if lead.startswith(str(path))]


def test_a_reader_sees_one_moment(ledger: Ledger, path: Path) -> None:
    reader, count = read_ledger(path), "SELECT count(*) FROM health"
    with ledger.transaction():
        ledger.attention.report({"feed": ("current", "")}, 1.0)
    assert reader.execute(count).fetchone() == (0,)
    reader.close()
    later = read_ledger(path)
    assert later.execute(count).fetchone() == (1,)
    later.close()


def test_it_is_read_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a#b?c%20d e"
    folder.mkdir()
    opened = Ledger.open(folder / "ledger.db")
    assert read_ledger(folder / "ledger.db").execute("SELECT count(*) FROM outbox").fetchone()
    opened.close()


def test_it_is_read_where_nothing_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ledger.open(path).close()
    monkeypatch.setattr("os.access", lambda place, mode: False)
    reader = read_ledger(path)
    assert reader.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
    assert [each.name for each in path.parent.iterdir()] == [path.name], "no file was made for it"
    reader.close()


def test_what_is_being_written_is_read_with_its_log(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda place, mode: False)
    with ledger.transaction():
        ledger.places.put("name", "still in the log")
    row = read_ledger(path).execute("SELECT value FROM meta WHERE name = 'name'").fetchone()
    assert row == ("still in the log",)


def test_readers_cannot_write(ledger: Ledger, path: Path) -> None:
    reader = read_ledger(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("DELETE FROM meta")
    reader.close()


def test_a_moment_ends_with_its_block_whatever_ends_that(ledger: Ledger) -> None:
    with pytest.raises(KeyError), ledger.moment():
        raise KeyError(ledger.view(KEY))
    ledger.commit([push(b"one")], 0.0)
    with ledger.moment():
        assert ledger.view(KEY).base == NEVER
    assert claim(ledger)


def test_what_ends_a_moment_is_told_also_where_the_database_ended_it(ledger: Ledger) -> None:
    def failed() -> None:  # As SQLite does after an error of the disk.
        ledger._connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(sqlite3.OperationalError, match="disk I/O error"), ledger.moment():
        failed()


def test_what_is_found_by_a_digest_is_found_by_what_that_begins_with(ledger: Ledger) -> None:
    digest = content(b"x").digest
    asked: dict[str, Callable[[], object]] = {
        "contents_digest": lambda: ledger.contents.has(digest),
        "files_alike": lambda: ledger.places.like("flows", digest, 1, 20),
    }
    for index, ask in asked.items():
        assert f"USING INDEX {index} (<expr>=?)" in _plan(ledger, ask)[0]
    had = _plan(ledger, lambda: ledger.takeovers.had(digest, "flows", ("a", "b")))
    for index in ("files_alike", "history_digest"):
        assert any(f"USING INDEX {index} (<expr>=?)" in step for step in had), had
    assert any("contents_digest" in step for step in _plan(ledger, lambda: lacking(ledger)))
    linked = _plan(ledger, lambda: ledger.views.linked([(KEY, Stat(1, 1, 1, 1))]))
    assert "SEARCH other USING INDEX files_alike (<expr>=? AND inode=?)" in linked
    assert "SEARCH mine USING PRIMARY KEY (store=? AND path=?)" in linked


def test_many_keys_are_looked_up_and_nothing_else_is_looked_at(ledger: Ledger) -> None:
    asked: list[Callable[[], object]] = [
        lambda: ledger.outbox.drop([KEY]),
        lambda: ledger.views.devices([KEY]),
        lambda: ledger.views.of([KEY]),
    ]
    for ask in asked:
        plan = _plan(ledger, ask)
        assert not {"SCAN outbox", "SCAN o", "SCAN e", "SCAN s"} & set(plan), plan
        assert any(step.startswith("SEARCH") for step in plan), plan


def lacking(ledger: Ledger) -> set[Digest]:
    return ledger.contents.lacking([content(b"x").digest])


def test_digests_that_begin_alike_are_told_apart(ledger: Ledger) -> None:
    one, other = Digest("12345678" + 56 * "0"), Digest("12345678" + 56 * "1")
    read = FileState(Stat(1, 1, 1, 1), one, 1)
    with ledger.transaction():
        ledger.contents.put(one, b"one")
        ledger.places.record_files([(KEY, read)])
    assert ledger.contents.lacking([one, other]) == {other}
    assert (ledger.contents.get(other), ledger.contents.size(one)) == (None, 3)
    assert ledger.places.like("flows", other, 1, 20) == []
    assert ledger.places.like("flows", one, 1, 0) == [(KEY.path, 1)]


def test_bytes_of_a_step_that_was_not_recorded_are_not_kept(ledger: Ledger) -> None:
    digest = content(b"x").digest

    def fails() -> None:
        with ledger.transaction():
            ledger.contents.put(digest, b"x")
            raise LedgerError("the disk is full", "free some")

    with pytest.raises(LedgerError):
        fails()
    assert (ledger.contents.has(digest), ledger.contents.get(digest)) == (False, None)


def test_answers_are_taken_and_the_next_rows_frozen_in_one_transaction(ledger: Ledger) -> None:
    first, second = Key("flows", "first.json"), Key("flows", "second.json")
    ledger.commit([push(b"one", key=first), push(b"two", key=second)], 0.0)
    (sent,) = claim(ledger, 1)
    answers = [(sent, Applied(1, 100))]

    with pytest.raises(LedgerError):
        ledger.acknowledge(answers, "me", 0.0, Claim(10, 1 << 20, paused=[cast(str, object())]))
    assert ledger.outbox.count() == {"queued": 1, "sent": 1}, "an answer was taken without the rest"
    taken = ledger.acknowledge(answers, "me", 0.0, Claim(10, 1 << 20))
    assert [intent.key for intent in taken.claimed] == [second]
    assert ledger.outbox.unanswered() == taken.claimed


def test_a_commit_that_is_refused_leaves_no_transaction_open() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(
        """PRAGMA foreign_keys = ON; CREATE TABLE one (id INTEGER PRIMARY KEY);
           CREATE TABLE other (id REFERENCES one DEFERRABLE INITIALLY DEFERRED);"""
    )
    with (
        pytest.raises(LedgerError, match="nothing of this step was recorded"),
        transaction(connection),
    ):
        connection.execute("INSERT INTO other VALUES (1)")
    assert not connection.in_transaction
    with transaction(connection):
        connection.execute("INSERT INTO one VALUES (1)")
    assert connection.execute("SELECT count(*) FROM other").fetchone() == (0,)
    connection.close()


def test_the_log_of_the_ledger_does_not_stay_as_long_as_it_once_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path)
    with closing(read_ledger(path)):  # As `syncd log -f` may, which keeps it from being emptied.
        for number in range(24):
            with ledger.transaction() as connection:
                connection.execute(
                    "INSERT INTO contents (digest, size, packed) VALUES (?, 1, zeroblob(1048576))",
                    (f"{number}",),
                )
    logged = path.with_name("ledger.db-wal")
    assert logged.stat().st_size > LOG_BYTES
    for number in range(3):
        with ledger.transaction():
            ledger.places.put("name", str(number))
    assert logged.stat().st_size <= LOG_BYTES
    ledger.close()


def test_bytes_that_do_not_unpack_are_damage(ledger: Ledger) -> None:
    body = b"a text of the ledger"
    with ledger.transaction() as connection:
        ledger.contents.put(content(body).digest, body)
        connection.execute("UPDATE contents SET packed = substr(packed, 1, 9)")
    ledger.contents.let_go()
    with pytest.raises(LedgerDamaged) as raised:
        ledger.contents.get(content(body).digest)
    assert damage_in(raised.value)


def test_who_follows_the_events_of_a_ledger_hears_those_of_its_successor(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "ledger.db")
    assert ledger.events.after(7, None, 10) == (7, [])
    with ledger.transaction():
        ledger.events.add(Event(Key("flows", "a.json"), "pulled", 1.0))
    place, (event,) = ledger.events.after(7, None, 10)
    assert event.what == "pulled"
    assert ledger.events.after(place, None, 10) == (place, [])
    ledger.close()
