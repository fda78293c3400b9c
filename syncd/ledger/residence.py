"""That a state folder is still where the daemon opened it. Does IO.

A folder that is moved or removed takes the ledger, the outbox and the socket along: the daemon
would go on in a place where no command finds it, and what it queues would be gone with its end.
"""

from __future__ import annotations

from pathlib import Path

from syncd.errors import LedgerError

Identity = tuple[int, int]


class Residence:
    """Where the state folder `folder` was when this was made, by its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: Identity | None = None
        self._held = self._found()

    def require(self) -> None:
        """Raises LedgerError where the folder is not there any more, or is another one."""
        if self._found() != self._held:
            raise LedgerError(
                f"the state folder {self._folder} was moved, replaced or removed; nothing is sent "
                "or written without it, and no file is lost",
                "put it back, or leave it: without it files and deployment are compared anew, "
                "and nothing is deleted. Then start `syncd run` again",
            )

    def _found(self) -> Identity | None:
        try:
            found = (self._folder / "lock").stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            return self._held  # Unreachable for a moment, as network mounts are, is not moved.
        return found.st_dev, found.st_ino
