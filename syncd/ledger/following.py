"""Which ledger of a state folder follows the files. Does IO."""

from __future__ import annotations

import os
from pathlib import Path

from syncd.errors import LedgerError
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import LEFT
from syncd.ledger.room import NO_ROOM


def follow(folder: Path, name: str, ledger: Ledger) -> None:
    """`ledger`, of this name, follows the files from now on. Raises LedgerError.

    One that another has followed since is told so: under that one files were written, and what lay
    under temporary names that its notes speak of was cleared.
    """
    path = folder / "follows"
    try:
        # What is damaged names another: it is not known who followed.
        known = path.read_text(encoding="ascii", errors="replace") if path.exists() else None
        if known not in (None, name):
            with ledger.transaction():
                ledger.places.put(LEFT, "")
        if known != name:
            write_durably(path, name)
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be read: {error.strerror}; nothing was started",
            "make it readable for the user whose daemon this is",
        ) from error


def write_durably(path: Path, text: str) -> None:
    """Have the file at `path` hold `text` and nothing else, after a power cut too. Raises
    LedgerError.
    """
    try:
        _write_durably(path, text)
    except OSError as error:
        raise LedgerError(
            f"{path} cannot be written: {error.strerror}; no file was changed",
            "free some space" if error.errno in NO_ROOM else
            "make it writable for the user whose daemon this is",
        ) from error  # fmt: skip


def _write_durably(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)
    # The ledger is durable already. Without the names beside it, it would be nobody's.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
