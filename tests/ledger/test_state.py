"""The state folder: what cannot be looked at does not pass for missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import load
from syncd.errors import LedgerError
from syncd.ledger.state import StateFolder
from syncd.status import report
from tests.files.person import as_ordinary_user


@pytest.mark.parametrize("closed", [".", "ledger", "bindings.json"])
def test_a_ledger_that_may_not_be_looked_at_is_not_missing(closed: str) -> None:
    def looked(base: Path) -> None:
        (base / "config.toml").write_text("")
        config = load(base / "config.toml", {"SYNCD_TOKEN": "token"})
        state = StateFolder(config.state)
        state.open()
        state.open_ledger(None, "default").close()
        place = config.state / closed
        place.chmod(0)
        try:
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                state.ledger_path(None, "default")
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                report(config)
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                state.open_ledger(None, "default")
        finally:
            place.chmod(0o700)
            state.close()

    as_ordinary_user(looked)


@pytest.mark.parametrize("text", ["", "{", "[]", "3"])
def test_bindings_that_tell_nothing_begin_anew(tmp_path: Path, text: str) -> None:
    state = StateFolder(tmp_path / "state")
    state.open()
    state.open_ledger(None, "w").close()
    (state.path / "bindings.json").write_text(text)
    assert state.ledger_path(None, "w") is None
    state.open_ledger(None, "w").close()
    assert state.ledger_path(None, "w") is not None
    state.close()
