"""A project in the stack's shape, without a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.config import Config, load

CONFIG = """
[[store]]
name = "workflows"
kind = "workflow"
path = "workflows"

[[store]]
name = "executions"
kind = "execution"
path = ".workflow-states"

[[store]]
name = "assets"
kind = "asset"
path = "assets/library"

[[store]]
name = "deployments"
kind = "deployment"
path = ".deployments"

[[store]]
name = "metrics"
kind = "metric"
path = "metrics"
"""


@pytest.fixture
def project(tmp_path: Path) -> Config:
    """The configuration of an empty project; nothing is running, nothing is reachable."""
    (tmp_path / "config.toml").write_text(CONFIG)
    return load(tmp_path / "config.toml", {})
