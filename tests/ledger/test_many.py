"""What is written many rows at once comes to what it comes to one by one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.core.decision import Decision, Heard
from syncd.core.model import (
    TOMBSTONE,
    Content,
    Digest,
    Format,
    Key,
    Kind,
    OperationId,
    Plan,
    Reason,
    Snapshot,
    Version,
)
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger

BODIES = (b"one", b"two", None)

ROW = st.tuples(st.integers(0, len(BODIES) - 1), st.integers(1, 3))
ROUND = st.dictionaries(st.integers(0, 70), ROW, max_size=70)
"""By the number of a key: which body, and a revision."""

OUTBOX = "SELECT store, path, digest, size, state, since, target, bulk FROM outbox ORDER BY place"
ENTRIES = "SELECT * FROM entries ORDER BY store, path, record"
CONTENTS = "SELECT digest, size, packed FROM contents ORDER BY digest"


class Pair:
    """Two ledgers, of which one is told of all at once and the other of one after the other."""

    def __init__(self, folder: Path) -> None:
        self.at_once = Ledger.open(folder / "at-once.db")
        self.singly = Ledger.open(folder / "singly.db")

    def close(self) -> None:
        self.at_once.close()
        self.singly.close()

    def queue(self, rows: dict[int, tuple[int, int]]) -> None:
        decided = [decision(number, BODIES[body]) for number, (body, _) in rows.items()]
        with self.at_once.transaction():
            self.at_once.outbox.queue(decided, 0.0)
        with self.singly.transaction():
            for each in decided:
                self.singly.outbox.queue([each], 0.0)

    def agree(self, rows: dict[int, tuple[int, int]]) -> None:
        bases = snapshots(rows)
        saved = {key: Digest(f"{n:064x}") for n, (key, _) in enumerate(bases) if n % 2}
        with self.at_once.transaction():
            self.at_once.entries.agree(bases, saved)
        with self.singly.transaction():
            for key, base in bases:
                self.singly.entries.agree([(key, base)], {k: saved[k] for k in saved if k == key})

    def hear(self, rows: dict[int, tuple[int, int]]) -> None:
        for ledger in (self.at_once, self.singly):
            with ledger.transaction():
                for key, snapshot in snapshots(rows):
                    ledger.entries.hear(Heard(key, snapshot, "other", None))

    def acknowledge(self, rows: dict[int, tuple[int, int]]) -> None:
        bases = snapshots(rows)
        with self.at_once.transaction():
            named = self.at_once.entries.acknowledge(bases, "me")
        with self.singly.transaction():
            told = [self.singly.entries.acknowledge([each], "me") for each in bases]
        assert named == [key for each in told for key in each]

    def claim(self) -> None:
        for ledger in (self.at_once, self.singly):
            ledger.claim(Claim(40, 1 << 20))

    def remove(self, count: int) -> None:
        sent = [
            [intent.operation for intent in ledger.outbox.unanswered()][:count]
            for ledger in (self.at_once, self.singly)
        ]
        with self.at_once.transaction():
            assert self.at_once.outbox.remove([*sent[0], OperationId("of nobody")]) == {*sent[0]}
        with self.singly.transaction():
            for operation in sent[1]:
                assert self.singly.outbox.remove([operation]) == {operation}

    def compare(self) -> None:
        for query in (OUTBOX, ENTRIES, CONTENTS):
            one, other = (
                ledger._connection.execute(query).fetchall()
                for ledger in (self.at_once, self.singly)
            )
            assert one == other


def content(body: bytes | None) -> Version:
    if body is None:
        return TOMBSTONE
    return Content(Digest(hashlib.sha256(body).hexdigest()), len(body))


def decision(number: int, body: bytes | None) -> tuple[Decision, Version]:
    version = content(body)
    key, operation = Key("flows", f"{number}.json"), OperationId(f"{number} {body!r}")
    plan = Plan(Reason.PUSH, None, to_remote=version)
    return Decision(key, Kind.WORKFLOW, Format.JSON, plan, operation, None, body), version


def snapshots(rows: dict[int, tuple[int, int]]) -> Sequence[tuple[Key, Snapshot]]:
    return [
        (Key("flows", f"{number}.json"), Snapshot(revision, content(BODIES[body]), revision))
        for number, (body, revision) in rows.items()
    ]


@settings(max_examples=25, deadline=None)
@given(ROUND, ROUND, ROUND, ROUND, ROUND, st.integers(0, 40))
def test_many_rows_at_once_come_to_what_they_come_to_one_by_one(
    first: dict[int, tuple[int, int]],
    agreed: dict[int, tuple[int, int]],
    heard: dict[int, tuple[int, int]],
    second: dict[int, tuple[int, int]],
    answered: dict[int, tuple[int, int]],
    removed: int,
) -> None:
    with TemporaryDirectory() as folder:
        pair = Pair(Path(folder))
        pair.queue(first)
        pair.agree(agreed)
        pair.claim()
        pair.hear(heard)
        pair.queue(second)
        pair.acknowledge(answered)
        pair.remove(removed)
        pair.compare()
        pair.close()
