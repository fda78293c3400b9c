"""The kernel's limits of watching folders, and how much of them is used. Does IO."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from syncd.config import Config
from syncd.doctor.finding import Finding, ok, warn
from syncd.doctor.stores import is_folder
from syncd.ledger.state import StateFolder

PROC = Path("/proc")
_LIMITS = {
    "watches": ("sys/fs/inotify/max_user_watches", "sys/user/max_inotify_watches"),
    "instances": ("sys/fs/inotify/max_user_instances", "sys/user/max_inotify_instances"),
}
"""Of a user, and of a user namespace: the smaller one counts."""

LEAST = {"watches": 65_536, "instances": 512}
"""What a limit is raised to at least."""


def examine(config: Config) -> Iterator[Finding]:
    """Whether every folder can be watched. Each store takes an instance, each folder a watch."""
    present = [store.path for store in config.stores if is_folder(store.path)]
    needed = {"watches": sum(_folders(path) for path in present), "instances": len(present)}
    used = _used(StateFolder(config.state).owner())
    for what, wanted in needed.items():
        yield _limit(what, wanted, used[what])


def _limit(what: str, needed: int, used: int) -> Finding:
    limits = {name: most for name in _LIMITS[what] if (most := _number(PROC / name)) is not None}
    if not limits:
        return warn(what, "the kernel does not tell how many folders may be watched",
                    "nothing to do: what cannot be watched is polled every 10 s")  # fmt: skip
    name, most = min(limits.items(), key=lambda limit: limit[1])
    evidence = f"{needed:,} needed, other programs of this user have {used:,}, {most:,} are allowed"
    if needed + used <= most:
        return ok(what, evidence)
    setting = name.removeprefix("sys/").replace("/", ".")
    wanted = max(2 * (needed + used), LEAST[what])
    return warn(what, f"{evidence}: some folders are polled every 10 s instead",
                f"sudo sysctl {setting}={wanted}")  # fmt: skip


def _used(but: int | None) -> dict[str, int]:
    """What other programs of this user have, as far as they can be looked into."""
    used = {"watches": 0, "instances": 0}
    for process in PROC.iterdir():
        if not process.name.isdigit() or process.name == str(but):
            continue
        with suppress(OSError):
            if process.stat().st_uid == os.geteuid():
                for descriptor in (process / "fd").iterdir():
                    _add(used, process, descriptor)
    return used


def _add(used: dict[str, int], process: Path, descriptor: Path) -> None:
    with suppress(OSError):
        if str(descriptor.readlink()) == "anon_inode:inotify":
            used["instances"] += 1
            told = (process / "fdinfo" / descriptor.name).read_text()
            used["watches"] += told.count("inotify wd:")


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _folders(path: Path) -> int:
    return sum(1 for _ in os.walk(path))
