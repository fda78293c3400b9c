"""Which files that are gone the ledger forgets, and which it must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.core.decision import FileState, Heard
from syncd.core.guard import Direction
from syncd.core.model import TOMBSTONE, Conflict, Cursor, Hold, Key, Snapshot
from syncd.core.reading import Stat
from syncd.ledger.ledger import Ledger
from tests.ledger.test_ledger import content

KEY = Key("flows", "run.json")
GONE = Snapshot(2, TOMBSTONE, at=19)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.open(tmp_path / "ledger.db")
    with made.transaction():
        made.entries.agree([(KEY, Snapshot(1, content(b"first"), at=10))])
        made.entries.hear(Heard(KEY, GONE, "laptop", None))
        made.entries.agree([(KEY, GONE)])
    return made


def forget(ledger: Ledger, before: int = 21) -> int:
    with ledger.transaction():
        return ledger.forgetting.gone("flows", "", None, before)


def test_what_both_agreed_is_gone_goes_with_what_was_agreed_before(ledger: Ledger) -> None:
    assert ledger.epochs.former(KEY)
    assert forget(ledger) == 1
    assert ledger.entries.get(KEY)[0] is None
    assert not ledger.epochs.former(KEY)
    assert forget(ledger) == 0


def test_what_was_reaped_later_stays(ledger: Ledger) -> None:
    assert forget(ledger, before=GONE.at) == 0


def test_what_never_reached_the_deployment_goes_whatever_was_reaped(ledger: Ledger) -> None:
    never = Key("flows", "never.json")
    with ledger.transaction():
        ledger.entries.agree([(never, Snapshot(0, TOMBSTONE))])
    assert forget(ledger, before=0) == 1
    assert ledger.entries.get(never)[0] is None


def _came_back(ledger: Ledger) -> None:
    ledger.entries.hear(Heard(KEY, Snapshot(3, content(b"again"), at=30), "server", None))


def _deleted_there_alone(ledger: Ledger) -> None:
    ledger.entries.agree([(KEY, Snapshot(2, content(b"kept here")))])


def _read(ledger: Ledger) -> None:
    stat = Stat(1, 1, 1, 1)
    ledger.places.record_files([(KEY, FileState(stat, content(b"x").digest, 0))])


def _held(ledger: Ledger) -> None:
    ledger.attention.hold(KEY.store, KEY.path, Hold("unreadable", "it is", "wait"), 0.0, "")


def _waiting(ledger: Ledger) -> None:
    ledger.deletions.put(Direction.TO_LOCAL, {KEY: content(b"first").digest}, "waiting", 0.0)


def _in_conflict(ledger: Ledger) -> None:
    lost = Conflict(None, content(b"mine"), Snapshot(1, content(b"theirs")))
    ledger.conflicts.add(KEY, lost, "server", 0.0)


def _epoch_ended(ledger: Ledger) -> None:
    ledger.epochs.end()


@pytest.mark.parametrize(
    "told",
    [_came_back, _deleted_there_alone, _read, _held, _waiting, _in_conflict, _epoch_ended],
)
def test_of_what_something_is_to_be_done_the_row_stays(
    ledger: Ledger, told: Callable[[Ledger], None]
) -> None:
    with ledger.transaction():
        told(ledger)
    before = ledger.entries.get(KEY)
    assert forget(ledger) == 0
    assert ledger.entries.get(KEY) == before


def test_a_tombstone_that_nobody_looked_at_here_stays(ledger: Ledger) -> None:
    """Its file may be in a folder that is away, and would be sent as something new."""
    heard = Key("flows", "heard.json")
    with ledger.transaction():
        ledger.entries.hear(Heard(heard, GONE, "laptop", None))
        ledger.entries.hear(Heard(KEY, Snapshot(4, TOMBSTONE, at=20), "laptop", None))
    assert forget(ledger) == 0
    assert ledger.entries.get(heard) == (None, GONE)


def test_records_and_files_outside_the_slice_stay(ledger: Ledger) -> None:
    record, later = Key("flows", "all.json", "one"), Key("flows", "z.json")
    with ledger.transaction():
        for key in (record, later):
            ledger.entries.hear(Heard(key, GONE, "laptop", None))
            ledger.entries.agree([(key, GONE)])
        last = ledger.forgetting.path_behind("flows", "", 2)
        assert last == KEY.path
        assert ledger.forgetting.gone("flows", "", last, 21) == 1
    assert ledger.entries.get(record)[0] == ledger.entries.get(later)[0] == GONE


def test_only_what_was_reaped_a_round_ago_may_be_forgotten(ledger: Ledger) -> None:
    with ledger.transaction():
        assert ledger.passing.forgettable() == 0
        ledger.passing.reaped(Cursor("21"))
        ledger.passing.reaped(None)
        assert ledger.passing.forgettable() == 0
        ledger.passing.reaped(Cursor("30"))
        assert ledger.passing.forgettable() == 21
        assert ledger.passing.forgettable() == 30
        ledger.epochs.end()
        assert ledger.passing.forgettable() == 0
