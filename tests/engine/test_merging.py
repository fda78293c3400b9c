"""Where merges are made, and that the collector of cycles stays out of them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import Decision
from syncd.core.model import Format, Key, Kind, OperationId, Plan, Reason
from syncd.engine.turns import combine
from syncd.engine.turns.merging import MERGED_HERE, Merging, finished
from syncd.stores.merge import Merge, merge

from .fakes import deployment
from .yard import Yard, deploy

DECISION = Decision(
    Key("s", "p"), Kind.WORKFLOW, Format.JSON, Plan(Reason.NOTHING, None), OperationId("1"), None
)
MANY = 100_000
"""Objects; the collector looks at the youngest after 700."""


@pytest.fixture
def looked() -> Iterator[list[str]]:
    """A word for each time that the collector began to look."""
    looks: list[str] = []

    def seen(phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            looks.append(phase)

    gc.callbacks.append(seen)
    yield looks
    gc.callbacks.remove(seen)


async def test_a_long_merge_is_not_looked_through(looked: list[str]) -> None:
    during: list[int] = []

    def finish() -> Decision:
        before = len(looked)
        made: list[Any] = [[each] for each in range(MANY)]
        during.append(len(looked) - before if made else -1)
        return DECISION

    assert await finished(Merging(MERGED_HERE, finish)) is DECISION
    assert during.pop(), "else this test proves nothing"
    assert await finished(Merging(MERGED_HERE + 1, finish)) is DECISION
    assert during.pop() == 0
    assert gc.isenabled()


async def test_after_a_merge_that_failed_cycles_are_collected_again() -> None:
    def finish() -> Decision:
        raise MemoryError

    with pytest.raises(MemoryError):
        await finished(Merging(MERGED_HERE + 1, finish))
    assert gc.isenabled()


@pytest.mark.parametrize(("size", "here"), [(10, True), (MERGED_HERE + 1, False)])
async def test_long_records_are_merged_off_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, here: bool
) -> None:
    threads: list[int] = []

    def seen(*sides: Any) -> Merge:
        threads.append(threading.get_ident())
        return merge(*sides)

    monkeypatch.setattr(combine, "merge", seen)
    remote = deployment()
    laptop, tower = Yard(tmp_path, remote, "laptop"), Yard(tmp_path, remote, "tower")
    filler = "x" * size
    laptop.put(deploy("d1", filler=filler, one=1, other=1))
    await laptop.sync()
    await tower.sync()
    tower.load()
    laptop.put(deploy("d1", filler=filler, one=2, other=1))
    tower.put(deploy("d1", filler=filler, one=1, other=2))
    await laptop.sync()
    await tower.sync()
    assert tower.records() == {"d1": deploy("d1", filler=filler, one=2, other=2)}
    assert {thread == threading.get_ident() for thread in threads} == {here}
