"""The calls on the page of the functions are run as they stand, and leave none out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.embedded.backend import EMBEDDED, Backend, node

from .deployment import enroll
from .mirror import Mirror

PAGE = (Path(__file__).parents[2] / "convex/README.md").read_text()
STORES = [
    ("flows", "workflow", "file", "{id}.json"),
    ("runs", "execution", "file", "{id}.json"),
    ("library", "asset", "file", "{category}/{id}.json"),
    ("deployments", "deployment", "records", "deployments.json"),
]


def block(language: str) -> str:
    """The first block of that language behind the heading."""
    calls = PAGE[PAGE.index("## One call of each function") :]
    found = re.search(rf"^```{language}\n(.*?)^```", calls, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def app_functions() -> set[str]:
    """What the page's table tells of public functions that are not the daemon's own."""
    rows = re.findall(r"^\| `(\w+:\w+)` \| (?:read|write) \|", PAGE, re.MULTILINE)
    daemons = ("sync:", "blobs:", "logs:append", "logs:tails", "logs:lines", "conflicts:get")
    return {name for name in rows if not name.startswith(daemons)}


@pytest.fixture
def token(deployment: Backend) -> str:
    """The token of a device in the workspace that is meant where none is told."""
    found = enroll(deployment, "default", "reader")
    mirror = Mirror(deployment.url, found, "default")
    stores = [
        {"name": name, "kind": kind, "layout": layout, "direction": "both", "create": create}
        for name, kind, layout, create in STORES
    ]
    mirror._client.mutation("sync:register", {**mirror._who, "stores": stores})
    return found


@pytest.mark.parametrize("language", ["python", "ts"])
def test_every_call_works(deployment: Backend, token: str, language: str, tmp_path: Path) -> None:
    told = tmp_path / f"calls.{'py' if language == 'python' else 'mts'}"
    told.write_text(block(language))
    (tmp_path / "node_modules").symlink_to(EMBEDDED / "node_modules")
    program = (
        [sys.executable] if language == "python" else [str(node()), "--experimental-strip-types"]
    )
    environment = {**os.environ, "CONVEX_URL": deployment.url, "SYNCD_TOKEN": token}
    ran = subprocess.run([*program, told], env=environment, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()


@pytest.mark.parametrize("language", ["python", "ts"])
def test_every_function_is_called(language: str) -> None:
    called = re.findall(r'"(\w+:\w+)"|api\.(\w+\.\w+)', block(language))
    names = {python or typescript.replace(".", ":") for python, typescript in called}
    assert len(names) > 30
    assert names >= app_functions()
