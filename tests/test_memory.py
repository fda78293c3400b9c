"""Large blocks that are freed go back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from syncd.memory import give_back
from tests.bench.meter import resident
import os
if {told}:
    give_back()
bytes(4 << 20)  # What is freed is taken for the size that is usual from now on.
before = resident(os.getpid())
blocks = [bytes(b"x" * (1 << 20)) for _ in range(40)]
kept = blocks.pop()
blocks.clear()
print((resident(os.getpid()) - before) >> 20)
"""


@pytest.mark.parametrize(("told", "expected"), [(True, range(8)), (False, range(30, 60))])
def test_what_is_freed_below_a_block_that_is_kept_goes_back(told: bool, expected: range) -> None:
    program = PROGRAM.format(told=told)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(run.stdout) in expected
