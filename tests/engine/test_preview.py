"""Invariant 11: what a preview says is what is then carried out."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import Decision, Heard
from syncd.core.model import Content, Key, Reason, Version
from syncd.engine.looking.preview import Preview, preview
from syncd.engine.turns import readings
from syncd.engine.turns.turn import Reconciler
from syncd.ledger.ledger import Ledger
from tests.engine.fakes import STORE, Machine, deployment

NAMES = ("a", "b", "c", "d", "e", "f")
TEXTS = ("one\ntwo\nthree\n", "one\n2\nthree\n", "one\ntwo\n3\n", "other\n", "")

Told = tuple[Reason, str | None, str | None, bool]


def told(decision: Decision) -> Told:
    plan = decision.plan
    return plan.reason, of(plan.to_local), of(plan.to_remote), plan.conflict is not None


def of(version: Version | None) -> str | None:
    if version is None:
        return None
    return version.digest if isinstance(version, Content) else "gone"


def edit(machine: Machine, rng: random.Random, most: int) -> None:
    for name in rng.sample(NAMES, rng.randint(0, most)):
        path = machine.files / f"{name}.txt"
        match rng.choice(("save", "save", "delete", "rename")):
            case "save":
                path.write_text(rng.choice(TEXTS))
            case "delete":
                path.unlink(missing_ok=True)
            case _:
                if path.exists():
                    path.rename(machine.files / f"{rng.choice(NAMES)}.txt")


async def previewed(machine: Machine) -> Preview:
    """A preview on a copy of the machine's ledger, with the news there is."""
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    source = sqlite3.connect(machine.ledger_path)
    source.backup(copy)
    source.close()
    ledger = Ledger(copy)
    page = await machine.remote.changes([STORE], ledger.passing.cursor)
    news = [Heard(c.key, c.snapshot, c.device, c.body) for c in page.changes]
    heard = ledger.hear(news, page.cursor)
    return await preview(ledger, {STORE: machine.replica()}, machine.clock, heard)


def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[Key, Told]:
    """The first thing that turns carry out for each key, from now on."""
    done: dict[Key, Told] = {}
    carry_out = Reconciler._carry_out

    async def recording(self: Reconciler, decided: Any, *rest: Any) -> None:
        for decision in decided:
            if decision.plan.reason is not Reason.NOTHING:
                done.setdefault(decision.key, told(decision))
        await carry_out(self, decided, *rest)

    monkeypatch.setattr(Reconciler, "_carry_out", recording)
    return done


@pytest.mark.parametrize("seed", range(25))
async def test_a_plan_is_what_is_then_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    rng = random.Random(seed)
    shared = deployment(seed)
    one, two = Machine(tmp_path / "one", shared, "one"), Machine(tmp_path / "two", shared, "two")
    for name in rng.sample(NAMES, 4):
        one.save(**{name: rng.choice(TEXTS)})
    await one.sync()
    await two.sync()
    edit(two, rng, 3)
    await two.sync()
    edit(one, rng, 4)
    before = one.tree(), one.mirror()
    planned = {key: told(each) for key, each in (await previewed(one)).decisions.items()}
    assert (one.tree(), one.mirror()) == before
    with monkeypatch.context() as patch:
        done = recorded(patch)
        await one.sync()
    assert planned == done
    after = await previewed(one)
    assert after.decisions == {}


async def test_a_plan_knows_what_comes_where_a_file_goes(tmp_path: Path) -> None:
    shared = deployment()
    one, two = Machine(tmp_path / "one", shared, "one"), Machine(tmp_path / "two", shared, "two")
    one.save(a="a file", b="another")
    await one.sync()
    await two.sync()
    (two.files / "a.txt").unlink()
    (two.files / "a.txt").mkdir()
    (two.files / "a.txt/in.txt").write_text("in a folder")
    await two.sync()
    planned = {key.path: told(each) for key, each in (await previewed(one)).decisions.items()}
    assert {
        path: (reason, to_local == "gone") for path, (reason, to_local, *_) in planned.items()
    } == {
        "a.txt": (Reason.PULL, True),
        "a.txt/in.txt": (Reason.PULL, False),
    }
    await one.sync()
    assert (one.files / "a.txt/in.txt").read_text() == "in a folder"


async def test_a_plan_tells_of_more_than_a_turn_reads_and_holds_no_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(tmp_path / "one", deployment())
    await machine.sync()
    machine.save(**{f"n{number}": "text" for number in range(30)})
    monkeypatch.setattr(readings, "READ_BYTES", 1)
    planned = (await previewed(machine)).decisions
    assert len(planned) == 30
    assert {decision.body for decision in planned.values()} == {None}
