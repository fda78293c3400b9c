"""A short storm; the long one is `python -m tests.crash.storm`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def test_eight_random_kills(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.crash.storm", "--kills", "8", "--seed", "8",
         "--home", str(tmp_path)],
        cwd=PROJECT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr[-4000:]
