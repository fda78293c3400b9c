"""How far turns may be ahead of the calls that send what they queue."""

from __future__ import annotations

from syncd.core.lead import ENOUGH, SILENCE, Lead


def test_what_is_queued_is_ahead_until_it_is_claimed() -> None:
    lead = Lead()
    lead.answered(0.0)
    lead.queued(ENOUGH)
    assert not lead.is_long(0.0)
    lead.queued(1)
    assert lead.is_long(0.0)
    lead.claimed(1)
    assert not lead.is_long(0.0)


def test_nothing_waits_where_nothing_is_answered() -> None:
    lead = Lead()
    lead.queued(ENOUGH + 1)
    assert not lead.is_long(0.0), "nothing was sent yet"
    lead.answered(1.0)
    assert lead.is_long(1.0)
    assert not lead.is_long(1.0 + SILENCE)


def test_what_no_call_takes_does_not_count() -> None:
    lead = Lead()
    lead.answered(0.0)
    lead.queued(ENOUGH + 1)
    lead.claimed(0)
    assert not lead.is_long(0.0)


def test_what_was_queued_before_the_start_gives_no_room_later() -> None:
    lead = Lead()
    lead.answered(0.0)
    lead.claimed(10 * ENOUGH)
    lead.queued(ENOUGH + 1)
    assert lead.is_long(0.0)
