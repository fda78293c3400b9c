"""How far our own writes reach into the feed is remembered, and no transaction made for it."""

from __future__ import annotations

from pathlib import Path

from syncd.core.model import Cursor
from syncd.ledger.ledger import Ledger
from syncd.ledger.tidemark import commits


def opened(path: Path) -> Ledger:
    ledger = Ledger.open(path)
    ledger.hear((), Cursor("5"))
    return ledger


def test_a_skip_waits_for_the_next_transaction(path: Path) -> None:
    ledger = opened(path)
    before = commits(ledger._connection)
    ledger.passing.skip_to(Cursor("7"))
    assert ledger.passing.cursor == "7"
    assert commits(ledger._connection) == before
    killed = Ledger.open(path)
    assert killed.passing.cursor == "5", "what is told again is less than was passed, never more"
    killed.close()
    with ledger.transaction():
        ledger.places.put("something", "else")
    reader = Ledger.open(path)
    assert reader.passing.cursor == "7"
    reader.close()
    ledger.close()


def test_a_skip_is_written_at_the_end(path: Path) -> None:
    ledger = opened(path)
    ledger.passing.skip_to(Cursor("7"))
    ledger.close()
    again = Ledger.open(path)
    assert again.passing.cursor == "7"
    again.close()


def test_the_deployment_is_told_only_of_what_is_written(path: Path) -> None:
    ledger = opened(path)
    ledger.passing.skip_to(Cursor("7"))
    assert ledger.passing.place == "5"
    with ledger.transaction():
        pass
    assert ledger.passing.place == "7"
    ledger.close()


def test_a_skip_ends_with_its_epoch(path: Path) -> None:
    ledger = opened(path)
    ledger.passing.skip_to(Cursor("7"))
    with ledger.transaction():
        ledger.epochs.end()
        assert ledger.passing.cursor is None
    assert ledger.passing.cursor is None
    ledger.hear((), Cursor("2"))
    assert ledger.passing.cursor == "2"
    ledger.close()


def test_what_is_heard_later_stands(path: Path) -> None:
    ledger = opened(path)
    ledger.passing.skip_to(Cursor("7"))
    ledger.hear((), Cursor("9"))
    assert ledger.passing.cursor == ledger.passing.place == "9"
    ledger.close()
