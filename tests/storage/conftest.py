"""A project in the stack's shape, without a deployment."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from syncd.config import Config, load
from syncd.files.folder import Folder
from syncd.files.root import Root

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


def unlisted(name: str) -> Callable[..., Folder]:
    """Root.folder where the folder `name` may not be listed."""
    opened = Root.folder

    def folder(root: Root, path: str = "", *, create: bool = False) -> Folder:
        if path == name:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(root, path, create=create)

    return folder
