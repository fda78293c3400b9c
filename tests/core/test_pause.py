"""How long sending waits for git."""

from __future__ import annotations

from syncd.core.pause import LOCK_PATIENCE, LOCKED, QUIET, Operation, Pause

MERGE = Operation("a merge", 100.0)


def test_a_lock_is_waited_for_a_minute() -> None:
    pause = Pause()
    lock = Operation(LOCKED, 0.0)
    assert pause.waits(lock, 0.0, 5.0)
    assert pause.waits(lock, 0.0, 4.9 + LOCK_PATIENCE)
    assert not pause.waits(lock, 0.0, 5.0 + LOCK_PATIENCE)
    assert not pause.waits(None, 0.0, 70.0)
    assert pause.waits(lock, 0.0, 80.0), "another lock is another minute"


def test_saves_do_not_make_a_lock_last() -> None:
    pause = Pause()
    lock = Operation(LOCKED, 1.0)
    pause.waits(lock, 1.0, 0.0)
    assert not pause.waits(lock, 60.0, LOCK_PATIENCE)


def test_another_lock_is_waited_for_though_nobody_looked_in_between() -> None:
    pause = Pause()
    pause.waits(Operation(LOCKED, 1.0), 1.0, 0.0)
    another = Operation(LOCKED, 3600.0)
    assert pause.waits(another, 1.0, 3600.0)
    assert pause.waits(another, 1.0, 3599.9 + LOCK_PATIENCE)
    assert not pause.waits(another, 1.0, 3600.0 + LOCK_PATIENCE)


def test_a_merge_is_waited_for_until_ten_minutes_were_quiet() -> None:
    pause = Pause()
    assert pause.waits(MERGE, 0.0, 0.0)
    assert pause.waits(MERGE, 0.0, QUIET - 1)
    assert pause.waits(Operation("a merge", 150.0), 0.0, QUIET - 1), "git wrote its index"
    assert pause.waits(Operation("a merge", 150.0), 0.0, 2 * QUIET - 2)
    assert pause.waits(Operation("a merge", 150.0), 160.0, 2 * QUIET - 2), "somebody saved"
    assert not pause.waits(Operation("a merge", 150.0), 160.0, 3 * QUIET - 2)


def test_nothing_under_way_is_not_waited_for() -> None:
    assert not Pause().waits(None, 5.0, 5.0)
