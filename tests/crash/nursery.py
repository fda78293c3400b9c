"""Victims without the price of starting Python: a process that has imported everything and forks
one for each request. `python -m tests.crash.nursery` is that process; requests are JSON lines."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.system.machine import Ran

PROJECT = Path(__file__).parents[2]
PLAIN = {n: v for n, v in os.environ.items() if not n.startswith(("CONVEX_", "SYNCD_"))}
OUT, ERR = "victim.out", "victim.err"


def victim(words: Sequence[str], home: Path, environment: Mapping[str, str]) -> Ran:
    """Run `python -m tests.crash.victim WORDS...` in `home` to its end; killed is code -9."""
    process = _nursery()
    assert process.stdin is not None
    assert process.stdout is not None
    request = {"words": [*words], "home": str(home), "environment": {**environment}}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    code = int(process.stdout.readline())
    return Ran(code, (home / OUT).read_text(), (home / ERR).read_text())


@cache
def _nursery() -> subprocess.Popen[bytes]:
    # It ends with its stdin, that is with this process.
    return subprocess.Popen(
        [sys.executable, "-m", "tests.crash.nursery"], cwd=PROJECT, env=PLAIN,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def _serve() -> None:
    for name in ("syncd.cli.run", "syncd.running", "tests.crash.victim"):
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(request["words"], Path(request["home"]), request["environment"])
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(words: list[str], home: Path, environment: Mapping[str, str]) -> None:
    from .victim import main

    os.chdir(home)
    os.environ.update(environment)
    for descriptor, name in ((0, os.devnull), (1, OUT), (2, ERR)):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), descriptor)
    try:
        main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    else:
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _serve()
