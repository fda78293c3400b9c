"""One daemon a store: a lock on the store's folder, held for as long as the daemon runs. Does IO.

Two daemons with state folders of their own would write into one tree and know nothing of each
other's notes. The lock is on the folder itself (flock), so it is met under any path that leads
there, from a container too, and nothing is left behind by a crash.

A folder whose descriptor is held cannot be unmounted (but with `umount -l`); a disk is not
pulled from under a daemon by accident.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from syncd.errors import AnotherInstance

CHECK = 5.0
"""Seconds between looks whether each store's folder is still the one that is locked."""


class Claims:
    """The folders of the stores, by name. One that is missing is claimed once it is there."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = folders
        self._held: dict[str, int] = {}

    def take(self) -> None:
        """Lock every folder that is there. Raises AnotherInstance at one that is not free."""
        for name, folder in self._folders.items():
            held = self._held.get(name)
            if held is not None and _leads_to(folder, held):
                continue
            self._drop(name)
            if (taken := _lock(name, folder)) is not None:
                self._held[name] = taken

    async def run(self) -> None:
        """Follow folders that are replaced or come back, until cancelled. Raises as `take`."""
        while True:
            self.take()
            await asyncio.sleep(CHECK)

    def __enter__(self) -> Self:
        try:
            self.take()
        except AnotherInstance:
            self.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let every folder go."""
        for name in list(self._held):
            self._drop(name)

    def _drop(self, name: str) -> None:
        held = self._held.pop(name, None)
        if held is not None:
            os.close(held)


def _lock(name: str, folder: Path) -> int | None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        # Missing or unreadable: a guard says so, and there is nothing to write into.
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = _owner(descriptor)
        os.close(descriptor)
        raise AnotherInstance(
            f"process {owner} already mirrors the folder of store {name!r}, {folder}; "
            "nothing of it was changed",
            "use that one (`syncd status` with its configuration), or stop it first",
        ) from error
    except OSError:
        # A file system without locks on folders, such as some network mounts: unprotected.
        os.close(descriptor)
        return None
    return descriptor


def _leads_to(folder: Path, descriptor: int) -> bool:
    try:
        found, held = folder.stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino)


def _owner(descriptor: int) -> str:
    """The process that holds the lock, as /proc/locks tells it: see proc_locks(5)."""
    found = os.fstat(descriptor)
    device = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    try:
        lines = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return "unknown"
    for line in lines:
        fields = line.split()
        if len(fields) > 5 and fields[1] == "FLOCK" and fields[5] == device:
            return fields[4]
    return "unknown"
