"""Of many at once the log has one line, and what is counted in it is how many there were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncd.core.decision import Decision
from syncd.core.model import (
    TOMBSTONE,
    Applied,
    Conflict,
    Content,
    Digest,
    Format,
    Hold,
    Intent,
    Key,
    Kind,
    OperationId,
    Plan,
    Reason,
    Snapshot,
    Version,
)
from syncd.engine.telling import FEW, tell_answers, tell_turn
from syncd.monitoring.tally import Tally

CONTENT = Content(Digest("0" * 64), 2)


def key(number: int) -> Key:
    return Key("notes", f"{number}.txt")


def decision(number: int, plan: Plan) -> Decision:
    return Decision(key(number), Kind.FILE, Format.TEXT, plan, OperationId("0" * 32), None)


def pulled(number: int, version: Version = CONTENT) -> Decision:
    return decision(number, Plan(Reason.PULL, Snapshot(1, version), to_local=version))


def intent(number: int, source: Key | None = None) -> Intent:
    operation = OperationId(f"{number:032x}")
    return Intent(operation, key(number), Kind.FILE, Format.TEXT, CONTENT, 0, None, b"{}",
                  source=source)  # fmt: skip


def turn(decisions: Sequence[Decision]) -> list[Any]:
    with capture_logs() as told:
        tell_turn(decisions, {each.key for each in decisions})
    return told


def answers(intents: Sequence[Intent]) -> list[Any]:
    with capture_logs() as told:
        tell_answers([(each, Applied(1, at)) for at, each in enumerate(intents, 1)])
    return told


def pull(many: int) -> list[Any]:
    return turn([pulled(number) for number in range(many)])


def push(many: int) -> list[Any]:
    return answers([intent(number) for number in range(many)])


def move(many: int) -> list[Any]:
    return answers([intent(number, source=key(-number)) for number in range(many)])


@pytest.mark.parametrize(("word", "tell"), [("pulled", pull), ("pushed", push), ("moved", move)])
@pytest.mark.parametrize("many", [1, FEW, FEW + 1, 200])
def test_few_are_told_each_and_many_in_one_line(
    word: str, tell: Callable[[int], list[Any]], many: int
) -> None:
    told = tell(many)
    assert [each["event"] for each in told] == [word] * (many if many <= FEW else 1)
    tally = Tally()
    for each in told:
        tally(None, "info", each)
    assert tally.counts[word] == many


def test_deletions_are_told_apart_from_what_came() -> None:
    (one,) = turn([pulled(1, TOMBSTONE)])
    assert (one["key"], one["deleted"]) == ("notes:1.txt", True)
    versions: list[Version] = [CONTENT, TOMBSTONE] * FEW
    (many,) = turn([pulled(number, version) for number, version in enumerate(versions)])
    assert (many["entries"], many["deletions"], many["first"]) == (2 * FEW, FEW, "notes:0.txt")


def test_many_holds_for_one_reason_are_one_line_and_others_are_told_each() -> None:
    plans = [Plan(Reason.HELD, None, hold=Hold("disk-full", f"d{n}", "a")) for n in range(2 * FEW)]
    plans += [Plan(Reason.HELD, None, hold=Hold("invalid-json", "d", "b"))] * FEW
    told = turn([decision(number, plan) for number, plan in enumerate(plans)])
    assert [each.get("keys", 1) for each in told] == [2 * FEW] + [1] * FEW
    assert (told[0]["first"], told[0]["detail"]) == ("notes:0.txt", "d0")
    assert told[0]["advice"] == "a; `syncd plan --json` lists them"
    tally = Tally()
    for each in told:
        tally(None, "warning", each)
    assert tally.counts["held"] == 3 * FEW


def test_conflicts_are_told_each_however_many_there_are() -> None:
    lost = Conflict(None, CONTENT, Snapshot(1, CONTENT))
    plan = Plan(Reason.CONFLICT, None, conflict=lost)
    told = turn([*(decision(number, plan) for number in range(2 * FEW)), pulled(2 * FEW)])
    assert [each["event"] for each in told] == ["conflict"] * 2 * FEW + ["pulled"]


def test_a_batch_that_was_cut_is_counted_once_however_many_it_had() -> None:
    tally = Tally()
    tally(None, "info", {"event": "bisected", "operations": 100})
    assert tally.counts["bisected"] == 1
