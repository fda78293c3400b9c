"""The folder of a store as programs meet it: opened, made where it is missing. Does IO.

What the operating system refuses is a RecordError here, whichever call met it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from syncd.core.model import Hold
from syncd.errors import RecordError
from syncd.files.root import Root
from syncd.files.trouble import refused


class NotAFile(OSError):
    """Something else than a file has the name of one."""

    def __init__(self, hold: Hold) -> None:
        super().__init__(0, hold.detail)
        self.hold = hold


def root_of(path: Path, what_not: str) -> Root | None:
    """The store's folder, None where it was not made yet. Raises RecordError."""
    with troubles(str(path), what_not):
        try:
            return Root.open(path)
        except FileNotFoundError:
            return None


def made_root(path: Path, what_not: str) -> Root:
    """The store's folder, which is made where it is missing, durably. Raises RecordError."""
    with troubles(str(path), what_not):
        _make(path)
        return Root.open(path)


@contextmanager
def troubles(what: str, what_not: str) -> Iterator[None]:
    """Tells an error of the operating system as one of the record: `what` met it, and `what_not`
    says what was not done.
    """
    try:
        yield
    except NotAFile as error:
        raise hidden(what, error.hold, what_not) from error
    except OSError as error:
        raise hidden(what, refused(error), what_not) from error


def hidden(what: str, hold: Hold, what_not: str) -> RecordError:
    """What the daemon would hold `what` for, as the error of a call."""
    # What the daemon tries again, a program has to, as whom it runs.
    advice = hold.advice.replace("it is tried again", "then call again")
    advice = advice.replace("that runs syncd", "that runs this program")
    advice = advice.replace("let syncd read", "let this program read")
    return RecordError(f"{what}: {hold.detail.removesuffix(f': {what}')}; {what_not}", advice)


def _make(folder: Path) -> None:
    if folder.is_dir():
        return
    _make(folder.parent)
    with suppress(FileExistsError):  # A file, too: to open it as a folder says what is wrong.
        folder.mkdir()
    above = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(above)
    finally:
        os.close(above)
