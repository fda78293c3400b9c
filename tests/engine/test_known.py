"""What we wrote and were acknowledged is not told again; what others wrote in between is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from syncd.core.model import Change, Content, Format, Intent, Key, Kind, OperationId, Snapshot
from tests.machine.ancestry import digest_of
from tests.machine.deployment import Deployment

from .fakes import STORE, Machine, deployment

BETWEEN = Intent(
    OperationId("f" * 32), Key(STORE, "between.txt"), Kind.DOCUMENT, Format.TEXT,
    Content(digest_of(b"second"), 6), 0, None, b"second",
)  # fmt: skip


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Change]:
    """Every change that the deployment tells."""
    found: list[Change] = []
    changes = Deployment.changes

    def listened(self: Deployment, *args: Any) -> Any:
        page = changes(self, *args)
        found.extend(page.changes)
        return page

    monkeypatch.setattr(Deployment, "changes", listened)
    return found


async def test_own_writes_are_not_told_again(tmp_path: Path, told: list[Change]) -> None:
    laptop = Machine(tmp_path / "laptop", deployment())
    laptop.save(**{f"note{number}": f"{number}" for number in range(250)})
    await laptop.sync()
    assert told == []
    ledger = laptop.ledger()
    assert ledger.passing.cursor == laptop.deployment.head()
    ledger.close()


async def test_writes_of_others_in_between_are_told(
    tmp_path: Path, told: list[Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = Machine(tmp_path / "laptop", deployment())
    push = Deployment.push

    def answered(self: Deployment, device: str, intents: Any, passed: Any) -> Any:
        outcomes = push(self, device, intents, passed)
        monkeypatch.setattr(Deployment, "push", push)
        push(self, "desktop", [BETWEEN])
        return outcomes

    monkeypatch.setattr(Deployment, "push", answered)
    laptop.save(**{f"note{number}": f"{number}" for number in range(250)})
    await laptop.sync()
    assert [change.key.path for change in told] == ["between.txt"]
    assert laptop.tree()["between"] == "second"


async def test_what_a_push_is_too_late_for_is_brought_by_the_feed_alone(
    tmp_path: Path, told: list[Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = Machine(tmp_path / "laptop", deployment())
    laptop.save(note="first")
    await laptop.sync()
    push, fetch = Deployment.push, Deployment.fetch
    pushed: list[str] = []
    fetched: list[Key] = []
    base = Snapshot(1, Content(digest_of(b"first"), 5))
    theirs = Intent(
        OperationId("e" * 32), Key(STORE, "note.txt"), Kind.DOCUMENT, Format.TEXT,
        Content(digest_of(b"theirs"), 6), base.revision, digest_of(b"first"), b"theirs",
    )  # fmt: skip

    def overtaken(self: Deployment, device: str, intents: Any, passed: Any) -> Any:
        if not pushed:
            push(self, "desktop", [theirs])
        pushed.extend(intent.key.path for intent in intents)
        return push(self, device, intents, passed)

    def listened(self: Deployment, keys: Any) -> Any:
        fetched.extend(keys)
        return fetch(self, keys)

    monkeypatch.setattr(Deployment, "push", overtaken)
    monkeypatch.setattr(Deployment, "fetch", listened)
    laptop.save(note="ours")
    await laptop.sync()
    assert [change.key.path for change in told] == ["note.txt"]
    assert fetched == []
    assert pushed == ["note.txt", "note.txt"], "once too late, once with what both sides make"
    assert laptop.mirror() == laptop.tree() == {"note": "ours"}
    ledger = laptop.ledger()
    assert [each.remote for each in ledger.conflicts.unresolved()] == [digest_of(b"theirs")]
    ledger.close()
