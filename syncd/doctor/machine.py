"""The machine: the interpreter, SQLite, the kernel's limits, disks, secrets' files. Does IO."""

from __future__ import annotations

import os
import resource
import shlex
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from syncd.config import Config
from syncd.core.wording import counted
from syncd.doctor.finding import Finding, fail, ok, warn

FEW_DESCRIPTORS = 256
FEW_BYTES = 256 * 1024 * 1024
FEW_INODES = 10_000
_SAFE_SQLITE = (3, 51, 3)
"""Before, two connections that write one WAL can corrupt it; syncd has one that writes."""


def examine(config: Config) -> Iterator[Finding]:
    """Everything that concerns the machine as a whole."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield ok("python", f"Python {version}")
    yield _sqlite()
    yield _descriptors()
    yield room("space", _existing(config.state))
    yield _inodes(config)
    yield from _secrets(config)


def _sqlite() -> Finding:
    evidence = f"SQLite {sqlite3.sqlite_version}, one connection that writes"
    if sqlite3.sqlite_version_info >= _SAFE_SQLITE:
        return ok("sqlite", evidence)
    return ok("sqlite", f"{evidence}: older than 3.51.3, which matters to programs with several")


def _descriptors() -> Finding:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FEW_DESCRIPTORS:
        return ok("descriptors", f"{soft} open files are allowed")
    return warn("descriptors", f"only {soft} open files are allowed", "ulimit -n 1024")


def room(check: str, place: Path) -> Finding:
    """How much can still be written where `place` lies."""
    free = shutil.disk_usage(place).free
    evidence = f"{free / 1e6:,.0f} MB free where {place} lies"
    if free >= FEW_BYTES:
        return ok(check, evidence)
    return warn(check, f"{evidence}: without any, edits wait where they are",
                f"du -xd1 -h {_quoted(place)} | sort -h, and free some")  # fmt: skip


def _inodes(config: Config) -> Finding:
    place = _existing(config.state)
    found = os.statvfs(place)
    if not found.f_files:
        return ok("inodes", "this file system makes as many files as it has room for")
    evidence = f"{counted(found.f_favail, 'more file')} can be made where {place} lies"
    if found.f_favail >= FEW_INODES:
        return ok("inodes", evidence)
    return warn(
        "inodes", evidence, f"find where they are: du --inodes -xd2 {_quoted(place)} | sort -n"
    )


def _secrets(config: Config) -> Iterator[Finding]:
    yield _owned(config.state)
    for name in (".env", ".env.local"):
        place = config.source.parent / name
        if place.exists() and "SYNCD_TOKEN" in place.read_text(errors="replace"):
            yield _private("token-file", place, 0o600)
    for name in ("token", "device-token"):
        if (config.state / name).exists():
            yield _private("token-file", config.state / name, 0o600)


def _owned(state: Path) -> Finding:
    if not state.exists():
        return _makeable(state)
    if not os.access(state, os.W_OK):
        return fail("state-folder", f"{state} cannot be written: no daemon can start",
                    f"mount it writable, sudo chown -R {os.geteuid()} {_quoted(state)}, or name "
                    "another with SYNCD_STATE_DIR")  # fmt: skip
    return _private("state-folder", state, 0o700)


def _makeable(state: Path) -> Finding:
    place = _existing(state)
    if os.access(place, os.W_OK | os.X_OK):
        return ok("state-folder", f"there is none yet: the first run makes {state}")
    return fail("state-folder", f"{state} cannot be made, {place} cannot be written: no daemon can "
                "start", f"mount it writable, let user {os.geteuid()} write there, or name another "
                "place with SYNCD_STATE_DIR")  # fmt: skip


def _private(check: str, place: Path, mode: int) -> Finding:
    found = stat.S_IMODE(place.stat().st_mode)
    evidence = f"{place} has mode {found:o}"
    if found & ~mode:
        return fail(check, f"{evidence}: others can read it", f"chmod {mode:o} {_quoted(place)}")
    return ok(check, evidence)


def _quoted(place: Path) -> str:
    return shlex.quote(str(place))


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
