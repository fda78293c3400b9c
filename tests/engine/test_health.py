"""What the daemon's parts tell, and what of it goes to the log."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from syncd.engine.health import Health

from .fakes import Machine, StandingClock, deployment


def test_a_store_that_is_polled_is_told_once_and_when_it_is_watched_again(tmp_path: Path) -> None:
    ledger = Machine(tmp_path / "laptop", deployment()).ledger()
    health = Health(ledger, StandingClock())
    with capture_logs() as said:
        health.watched("watch:notes", "watching")
        for _ in range(2):
            health.watched("watch:notes", "polling", "the limit is reached")
        health.watched("watch:notes", "watching")
    ledger.close()
    told = [(line["event"], line["log_level"]) for line in said if line["event"] != "health"]
    assert told == [("degraded", "warning"), ("recovered", "info")]
