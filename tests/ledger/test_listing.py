"""Conflicts, events and the history index on a real SQLite file."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from syncd.core.model import Applied, Conflict, Content, Digest, Key, Refused, Replayed, Snapshot
from syncd.errors import LedgerUnknown
from syncd.ledger.connection import STEPS, open_ledger, read_ledger
from syncd.ledger.events import MOST, Event
from syncd.ledger.ledger import Ledger

from .test_ledger import KEY, claim, content, push

LOST = Conflict(Snapshot(3, content(b"base")), content(b"mine"), Snapshot(4, content(b"theirs")))


def listed(ledger: Ledger, conflict: Conflict = LOST, now: float = 5.0) -> None:
    with ledger.transaction():
        ledger.conflicts.add(KEY, conflict, "device-2", now)


def test_a_conflict_is_listed_once_for_a_revision_that_lost(ledger: Ledger) -> None:
    listed(ledger)
    listed(ledger, now=6.0)
    listed(ledger, Conflict(None, content(b"mine"), Snapshot(5, content(b"again"))), now=7.0)
    first, second = ledger.conflicts.unresolved()
    assert (first.base, first.local, first.remote, first.revision, first.device, first.since) == (
        content(b"base").digest, content(b"mine").digest, content(b"theirs").digest, 4,
        "device-2", 5.0,
    )  # fmt: skip
    assert (second.base, second.revision) == (None, 5)
    assert [event.what for event in ledger.events.of(KEY, 9)] == ["conflict", "conflict"]


def test_a_save_that_came_late_is_listed_each_time_it_loses_and_told_to_nobody(
    ledger: Ledger,
) -> None:
    late = Conflict(Snapshot(0, content(b"base")), content(b"mine"), Snapshot(0, content(b"late")))
    listed(ledger, late)
    listed(ledger, late)
    assert [each.number for each in ledger.conflicts.unresolved()] == [1]
    with ledger.transaction():
        ledger.conflicts.resolve(1, "mine", None, 6.0)
    listed(ledger, late, now=7.0)
    assert [each.number for each in ledger.conflicts.unresolved()] == [2]
    assert ledger.conflicts.untold(9) == []
    assert ledger.conflicts.forget_resolved(7.0) == 1


def test_a_decision_is_told_anew_and_can_be_undone(ledger: Ledger) -> None:
    calls: list[int] = []
    ledger.conflicts.connect(lambda: calls.append(1))
    listed(ledger)
    (untold,) = ledger.conflicts.untold(9)
    with ledger.transaction():
        ledger.conflicts.tell([(untold, "desk")])
    assert ledger.conflicts.untold(9) == []
    assert ledger.conflicts.names() == {"device-2": "desk"}
    with ledger.transaction():
        ledger.conflicts.resolve(1, "theirs", Digest("f" * 64), 8.0)
    assert ledger.conflicts.unresolved() == ledger.conflicts.unresolved(KEY) == []
    assert [each.resolution for each in ledger.conflicts.untold(9)] == ["theirs"]
    with ledger.transaction():
        ledger.conflicts.reopen(1)
    (again,) = ledger.conflicts.unresolved()
    assert (again.resolution, again.former, again.name) == (None, None, "desk")
    assert len(calls) == 3


def test_a_decision_made_while_the_conflict_is_told_stays_untold(ledger: Ledger) -> None:
    listed(ledger)
    (under_way,) = ledger.conflicts.untold(9)
    with ledger.transaction():
        ledger.conflicts.resolve(1, "mine", None, 8.0)
        ledger.conflicts.tell([(under_way, None)])
    assert [each.resolution for each in ledger.conflicts.untold(9)] == ["mine"]


def test_what_a_conflict_names_is_needed(ledger: Ledger) -> None:
    listed(ledger)
    with ledger.transaction():
        ledger.conflicts.resolve(1, "theirs", Digest("f" * 64), 8.0)
    bodies = {content(body).digest for body in (b"base", b"mine", b"theirs")}
    assert ledger.conflicts.needed() == bodies | {"f" * 64}


def test_an_operation_is_logged_when_it_is_answered_and_once(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 1.0)
    (sent,) = claim(ledger)
    assert ledger.events.of(KEY, 9) == []
    ledger.acknowledge([(sent, Applied(1, 100))], "me", 2.0)
    ledger.acknowledge([(sent, Replayed(1, Snapshot(1, sent.version, 100)))], "me", 3.0)
    digest = content(b"one").digest
    assert ledger.events.of(KEY, 9) == [Event(KEY, "pushed", 2.0, digest, 1, "me")]
    ledger.commit([push(None, base=Snapshot(1, content(b"one")))], 4.0)
    (deletion,) = claim(ledger)
    ledger.acknowledge([(deletion, Refused("bad-path", "no"))], "me", 5.0)
    assert ledger.events.of(KEY, 1) == [Event(KEY, "parked", 5.0, detail="bad-path: no")]
    assert ledger.events.author(KEY, digest) == "me"


def test_what_is_parked_is_queued_again_when_asked(ledger: Ledger) -> None:
    other = Key("flows", "b.json")
    ledger.commit([push(b"one"), push(b"two", key=other)], 1.0)
    refused = [(intent, Refused("too-large", "no")) for intent in claim(ledger)]
    ledger.acknowledge(refused, "me", 2.0)
    with ledger.transaction():
        assert ledger.outbox.retry(key=other) == [other]
        assert ledger.outbox.retry(key=other) == ledger.outbox.retry("no-room") == []
        assert ledger.outbox.retry("too-large") == [KEY]
    assert [intent.body for intent in claim(ledger)] == [b"one", b"two"]


def test_what_is_parked_while_a_newer_save_waits_is_not_queued_again(ledger: Ledger) -> None:
    ledger.commit([push(b"one")], 1.0)
    (sent,) = claim(ledger)
    ledger.commit([push(b"two", capture=True)], 2.0)
    ledger.acknowledge([(sent, Refused("too-large", "no"))], "me", 3.0)
    with ledger.transaction():
        assert ledger.outbox.retry("gone") == ledger.outbox.retry("too-large") == []
    assert [intent.body for intent in claim(ledger)] == [b"two"]


def test_the_log_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST >= 10_000
    monkeypatch.setattr("syncd.ledger.events.MOST", 3)
    with ledger.transaction():
        for number in range(6):
            ledger.events.add(Event(KEY, "pushed", 1e9 + number, revision=number))
        ledger.events.trim(1e9)
    assert [event.revision for event in ledger.events.newest(9)] == [5, 4, 3]
    with ledger.transaction():
        ledger.events.trim(2e9)
    assert ledger.events.newest(9) == []


def test_a_version_is_found_by_time_by_revision_and_by_digest(ledger: Ledger) -> None:
    old, one, two = (content(body).digest for body in (b"old", b"one", b"two"))
    with ledger.transaction():
        ledger.past.replaced(KEY, old, "pull", 10.0)
        ledger.events.add(Event(KEY, "pulled", 10.0, one, 7, "you"))
        ledger.events.add(Event(KEY, "held", 15.0))
        ledger.events.add(Event(KEY, "pushed", 20.0, two, 8, "me"))
        ledger.events.add(Event(KEY, "removed", 30.0, None, 9, "you"))
    at = {time: ledger.past.at(KEY, time) for time in (5.0, 10.0, 17.0, 25.0, 31.0)}
    assert at == {
        5.0: (True, old), 10.0: (True, one), 17.0: (True, one), 25.0: (True, two),
        31.0: (True, None),
    }  # fmt: skip
    assert ledger.past.at(Key("flows", "other"), 31.0) == (False, None)
    assert ledger.past.revision(KEY, 8) == two
    assert ledger.past.revision(KEY, 9) is None
    assert ledger.past.starting(KEY, old[:9]) == {old}
    assert ledger.past.starting(KEY, "") == {old, one, two}


def version_one(path: Path) -> None:
    """A ledger as the first release left it: one conflict, one base."""
    schema = (Path(__file__).parent / "version_1.sql").read_text()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript(f"BEGIN; {schema}; PRAGMA user_version = 1; COMMIT;")
    connection.execute(
        """INSERT INTO conflicts (store, path, record, local_digest, remote_digest,
             remote_revision, remote_device, since)
           VALUES ('flows', 'a.json', '', 'm', 't', 4, 'device-2', 5.0)"""
    )
    connection.execute(
        """INSERT INTO entries (store, path, record, base_revision, base_digest, base_size)
           VALUES ('flows', 'a.json', '', 4, ?, 3)""",
        (content(b"one").digest,),
    )
    connection.execute(
        "INSERT INTO contents VALUES (?, 3, ?)", (content(b"one").digest, zlib.compress(b"one"))
    )
    connection.close()


def test_a_ledger_of_the_first_release_is_migrated_and_keeps_what_it_knows(path: Path) -> None:
    version_one(path)
    ledger = Ledger.open(path)
    (conflict,) = ledger.conflicts.unresolved()
    assert (conflict.remote, conflict.revision, conflict.resolution) == ("t", 4, None)
    assert ledger.conflicts.untold(9) == [conflict]
    assert ledger.entries.get(KEY)[0] == Snapshot(4, Content(content(b"one").digest, 3))
    assert ledger.contents.get(content(b"one").digest) == b"one"
    with ledger.transaction():
        ledger.conflicts.resolve(conflict.number, "mine", None, 9.0)
    ledger.close()
    assert Ledger.open(path).conflicts.unresolved() == []


def test_readers_understand_a_ledger_that_nobody_migrated_and_leave_it(path: Path) -> None:
    version_one(path)
    before = path.read_bytes()
    connection = read_ledger(path)
    assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)
    assert connection.execute("SELECT told, remote_device FROM conflicts").fetchall() == [
        (0, "device-2")
    ]
    connection.close()
    assert path.read_bytes() == before


def test_the_first_step_is_as_it_was_released() -> None:
    released = (Path(__file__).parent / "version_1.sql").read_text()
    shipped = (Path(__file__).parents[2] / "syncd/ledger/schema.sql").read_text()
    assert _statements(shipped) == _statements(released)


AS_THEY_WERE = [
    "298b47cf1a191a57",  # schema.sql
    "1efce03e9ba5c86c",  # schema_2.sql
    "e95f7f5ea7496304",  # schema_3.sql
    "0a582cc56146ccdb",  # schema_4.sql
    "76b2a245a3812669",  # schema_5.sql
    "e4629ee8e25e08c8",  # schema_6.sql
    "046dfed7c09241f9",  # schema_7.sql
    "56ac4188934cc4f3",  # schema_8.sql
    "4a52e2ab323ad5c6",  # schema_9.sql
    "0c47ba4a7c02e939",  # schema_10.sql
    "fab732fa4f7a68ee",  # schema_11.sql
]
"""Digests of the steps, without their comments: one that somebody's ledger took is never edited."""


def test_steps_are_added_and_none_is_edited() -> None:
    folder = Path(__file__).parents[2] / "syncd/ledger"
    steps = [_statements((folder / name).read_text()) for name in STEPS]
    assert [hashlib.sha256(step.encode()).hexdigest()[:16] for step in steps] == AS_THEY_WERE


def test_a_ledger_from_between_two_versions_is_refused_in_words_and_left_alone(path: Path) -> None:
    version_one(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("ALTER TABLE conflicts ADD COLUMN told INTEGER NOT NULL DEFAULT 0")
        before = list(connection.iterdump())
    for opens in (open_ledger, read_ledger):
        with pytest.raises(LedgerUnknown, match=r"version 1 .*duplicate column name") as raised:
            opens(path)
        assert raised.value.exit_code == 8
        assert "nothing is deleted" in raised.value.advice
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)


def _statements(schema: str) -> str:
    return "\n".join(line for line in schema.splitlines() if not line.startswith("--"))
