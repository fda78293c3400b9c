"""What a plan says of what could not be carried out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from syncd.core.decision import Decision
from syncd.core.model import (
    TOMBSTONE,
    Content,
    Digest,
    Format,
    Key,
    Kind,
    OperationId,
    Plan,
    Reason,
)
from syncd.ledger.ledger import Ledger
from syncd.report import planning
from syncd.report.planning import Act
from tests.files.person import as_ordinary_user

KEY = Key("flows", "shut/new/a.json")


@pytest.mark.parametrize("version", [Content(Digest("1" * 64), 3), TOMBSTONE])
def test_a_folder_that_cannot_be_written_holds_what_would_be_written(version: Any) -> None:
    plan = Plan(Reason.PULL, base=None, to_local=version)
    decision = Decision(KEY, Kind.WORKFLOW, Format.JSON, plan, OperationId("1"), None)
    found = SimpleNamespace(decisions={KEY: decision}, held={}, lacking=set())

    def told(root: Path) -> planning.Step:
        ledger = Ledger.open(root / "ledger.db")
        (step,) = planning._report(ledger, cast(Any, found), [], {"flows": root}, heard=True).steps
        ledger.close()
        return step

    def planned(base: Path) -> None:
        (shut := base / "shut").mkdir()
        assert told(base).act in (Act.WRITE, Act.REMOVE_HERE)
        for mode in (0o500, 0):
            shut.chmod(mode)
            assert told(base).act is Act.HOLD
            assert told(base).why == "no-permission: Permission denied"

    as_ordinary_user(planned)
