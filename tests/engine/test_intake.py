"""When keys are considered that had to wait for the answer about what was sent of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.core.model import Key, halves
from syncd.engine.naming.intake import Intake
from syncd.ledger.claimable import Claim

from .fakes import STORE, Desk

NOTE = Key(STORE, "a.txt")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("meanwhile", [False, True])
async def test_what_waits_for_an_answer_is_named_with_it(desk: Desk, meanwhile: bool) -> None:
    intake = Intake(desk.reconciler, desk.clock)
    desk.machine.save(a="a note")
    await desk.reconciler.consider([NOTE])
    sent = desk.ledger.claim(Claim(10, 1 << 20))
    desk.machine.delete("a")
    turn = await desk.reconciler.consider([NOTE])

    def answered() -> None:
        outcomes = desk.machine.deployment.push("laptop", sent)
        desk.ledger.acknowledge(list(zip(halves(sent), outcomes, strict=True)), "laptop", 0.0)
        intake.answered([NOTE])

    if meanwhile:
        answered()
    intake.take_over(turn)
    if not meanwhile:
        assert intake.waiting == 0
        answered()
    assert intake.waiting == 1
