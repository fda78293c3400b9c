"""The process that owns a state folder, as the kernel tells of it. Does IO: reads /proc."""

from __future__ import annotations

import os
from pathlib import Path

from syncd.ledger.lock import LOCK, waits_for_room
from syncd.ledger.state import StateFolder

_LOCKS = Path("/proc/locks")
_STOPPED = "T"


def is_closed(folder: Path) -> bool:
    """Whether this user may not look who owns the state folder: it is another user's."""
    try:
        os.close(os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return True
    except OSError:
        pass
    return False


def stopped_owner(folder: Path) -> int | None:
    """The process that owns the state folder, where it is stopped, as by SIGSTOP or Ctrl-Z."""
    owner = StateFolder(folder).owner()
    return owner if owner is not None and is_stopped(folder / LOCK, owner) else None


def waiting_owner(folder: Path) -> int | None:
    """The process that owns the state folder, where it waits for room on its disk.

    None for the owner itself: it asks only when it goes on.
    """
    owner = StateFolder(folder).owner()
    if owner in (None, os.getpid()):
        return None
    return owner if waits_for_room(folder) else None


def is_stopped(lock: Path, process: int) -> bool:
    """Whether `process` holds the lock on the file `lock`, and a signal has stopped it.

    False where the kernel does not tell. RACE: the number that was read from the file may be a
    former owner's and belong to another process by now, or mean another one in another container:
    only of the one that the kernel says holds the lock anything is believed.
    """
    if process == os.getpid():
        return False  # Who asks runs. The daemon does, and the kernel lists the locks of everybody.
    try:
        inode = lock.stat().st_ino
        held = any(_holds(line, process, inode) for line in _LOCKS.read_text().splitlines())
        return held and _state(process) == _STOPPED
    except (OSError, IndexError):
        return False


def _holds(line: str, process: int, inode: int) -> bool:
    # As in "1: FLOCK  ADVISORY  WRITE 4711 08:01:1573 0 EOF"; behind "->" one that only waits.
    words = line.split()
    if len(words) < 6 or words[1:2] != ["FLOCK"]:
        return False
    return words[4] == str(process) and words[5].rpartition(":")[2] == str(inode)


def _state(process: int) -> str:
    # Behind the name, which may hold blanks and brackets.
    told = Path(f"/proc/{process}/stat").read_text(errors="replace")
    return told.rpartition(")")[2].split()[0]
