"""A records file is written when its program rests, and later each time that it undoes that."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncd.core.model import Key
from syncd.core.putback import LONGEST, SHORTEST, PutBacks

FILE = Key("deployments", "deployments.json")


def test_a_quiet_file_is_written_at_once() -> None:
    assert PutBacks().due(FILE, 5.0) == 5.0


def test_it_waits_two_seconds_after_a_save() -> None:
    backs = PutBacks()
    backs.saved(FILE, 10.0, agrees=False)
    assert backs.due(FILE, 10.0) == 12.0
    assert backs.due(FILE, 12.5) == 12.0


def test_each_undoing_doubles_the_pause_and_agreement_ends_it() -> None:
    backs = PutBacks()
    now, pauses = 0.0, []
    for _ in range(8):
        backs.saved(FILE, now, agrees=False)
        pauses.append(backs.due(FILE, now) - now)
        backs.wrote(FILE)
        now += 100.0
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    backs.saved(FILE, now, agrees=True)
    backs.saved(FILE, now, agrees=False)
    assert backs.due(FILE, now) == now + SHORTEST


@given(st.lists(st.floats(0.5, 5.0), min_size=40, max_size=200))
def test_nothing_waits_for_more_than_a_minute(pauses: list[float]) -> None:
    backs = PutBacks()
    now = 0.0
    for pause in pauses:
        now += pause
        backs.saved(FILE, now, agrees=False)
        assert backs.due(FILE, now) <= pauses[0] + LONGEST
