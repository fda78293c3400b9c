"""The machine: the interpreter, SQLite, the kernel's limits, disks, secrets' files. Does IO."""

from __future__ import annotations

import os
import resource
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from syncd.config import Config
from syncd.doctor.finding import Finding, fail, ok, warn

FEW_DESCRIPTORS = 256
FEW_BYTES = 256 * 1024 * 1024
_INOTIFY = Path("/proc/sys/fs/inotify")
_SAFE_SQLITE = (3, 51, 3)
"""Before, two connections that write one WAL can corrupt it; syncd has one that writes."""


def examine(config: Config) -> Iterator[Finding]:
    """Everything that concerns the machine as a whole."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield ok("python", f"Python {version}")
    yield _sqlite()
    yield _descriptors()
    yield _watches(config)
    yield _space(config)
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


def _watches(config: Config) -> Finding:
    folders = sum(_folders(store.path) for store in config.stores)
    try:
        most = int((_INOTIFY / "max_user_watches").read_text())
    except (OSError, ValueError):
        return warn("watches", "the kernel does not tell how many folders may be watched",
                    "nothing to do: what cannot be watched is polled")  # fmt: skip
    evidence = f"{folders} folders to watch, {most} allowed for all programs of a user"
    if folders * 2 <= most:
        return ok("watches", evidence)
    wanted = max(folders * 4, 65536)
    return warn("watches", evidence, f"sudo sysctl fs.inotify.max_user_watches={wanted}")


def _folders(path: Path) -> int:
    return sum(1 for _ in os.walk(path))


def _space(config: Config) -> Finding:
    place = _existing(config.state)
    free = shutil.disk_usage(place).free
    evidence = f"{free / 1e6:,.0f} MB free where {place} lies"
    if free >= FEW_BYTES:
        return ok("space", evidence)
    return warn("space", evidence, "free some: without any, files are not written and edits wait")


def _secrets(config: Config) -> Iterator[Finding]:
    if config.state.exists():
        yield _private("state-folder", config.state, 0o700)
    for name in (".env", ".env.local"):
        place = config.source.parent / name
        if place.exists() and "SYNCD_TOKEN" in place.read_text(errors="replace"):
            yield _private("token-file", place, 0o600)
    for name in ("token", "device-token"):
        if (config.state / name).exists():
            yield _private("token-file", config.state / name, 0o600)


def _private(check: str, place: Path, mode: int) -> Finding:
    found = stat.S_IMODE(place.stat().st_mode)
    evidence = f"{place} has mode {found:o}"
    if found & ~mode:
        return fail(check, f"{evidence}: others can read it", f"chmod {mode:o} {place}")
    return ok(check, evidence)


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
