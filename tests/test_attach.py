"""Commands that ask the deployment beside a daemon."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.attach import open_remote
from syncd.config import load
from syncd.errors import Unavailable
from syncd.ledger.state import StateFolder


async def test_a_daemon_whose_backend_is_not_there_yet_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('url = "embedded"\n')
    config = load(tmp_path / "config.toml", {})
    state = StateFolder(config.state)
    state.open()
    try:
        with pytest.raises(Unavailable, match="has not started its embedded backend yet"):
            async with open_remote(config):
                pass
    finally:
        state.close()
