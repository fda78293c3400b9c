"""Runs a test as somebody whom permissions bind: root, as which containers test, ignores them."""

from __future__ import annotations

import importlib.readers  # noqa: F401 - the child may not be let to where it lies
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

NOBODY = 65534


def as_ordinary_user(test: Callable[[Path], None]) -> None:
    """Calls `test` with an empty folder of its own; fails with the traceback if it fails."""
    base = Path(tempfile.mkdtemp())
    try:
        if os.geteuid() != 0:
            test(base)
        else:
            os.chown(base, NOBODY, NOBODY)
            _in_child(lambda: test(base))
    finally:
        for folder, below, _ in os.walk(base):
            for name in below:
                (Path(folder) / name).chmod(0o700)
        shutil.rmtree(base)


def _in_child(test: Callable[[], None]) -> None:
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        said = b""
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            test()
        except BaseException:
            said = traceback.format_exc().encode()
        os.write(sending, said)
        os._exit(0)
    os.close(sending)
    with open(receiving, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    assert not said, said.decode()
