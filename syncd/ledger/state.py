"""The state folder: one owner, one ledger for each deployment and workspace. Does IO.

.syncd/
  lock              held by the process that owns the folder
  bindings.json     which ledger belongs to which deployment and workspace
  ledger/*.db       ledgers; one that does not fit any more is kept, never reused
  history/          bytes that remote changes replaced, by digest
  convex/           the embedded backend's data
  backend-url       where the embedded backend listens
  token             this device's token for the embedded backend
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from pathlib import Path

from syncd.errors import AnotherInstance, LedgerError
from syncd.ledger.ledger import Ledger


class StateFolder:
    """Owns a state folder while it is open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @property
    def history(self) -> Path:
        """Where replaced bytes are kept."""
        return self.path / "history"

    @property
    def backend(self) -> Path:
        """Where the embedded backend keeps its data."""
        return self.path / "convex"

    @property
    def backend_url(self) -> Path:
        """Where the embedded backend's address is written while it runs."""
        return self.path / "backend-url"

    @property
    def token(self) -> Path:
        """Where the embedded backend's token of this device lies."""
        return self.path / "token"

    def open(self) -> None:
        """Make the folder where needed and own it. Raises AnotherInstance, LedgerError."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o700)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            (self.path / "ledger").mkdir(exist_ok=True)
            self.history.mkdir(exist_ok=True)
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(
                f"the state folder {self.path} cannot be used: {error.strerror}; "
                "nothing was started",
                "make it writable, or name another with SYNCD_STATE_DIR",
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise AnotherInstance(
                f"process {owner} already owns {self.path}; nothing was started",
                "use that one (`syncd status`), or stop it first",
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def owner(self) -> int | None:
        """The process that owns the folder now, or None."""
        try:
            lock = os.open(self.path / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            text = os.read(lock, 32).decode(errors="replace").strip()
            return int(text) if text.isdigit() else 0
        finally:
            os.close(lock)
        return None

    def ledger_path(self, url: str | None, workspace: str) -> Path | None:
        """The ledger last bound under `url` (None: under whichever was last), if there is one."""
        bindings = self._bindings()
        name = bindings.get(_binding(url, workspace)) or (
            bindings.get(_binding(None, workspace)) if url is None else None
        )
        return self.path / "ledger" / name if name else None

    def open_ledger(self, url: str | None, workspace: str) -> Ledger:
        """The ledger for `url` and `workspace`, made where there is none. Raises LedgerError."""
        path = self.ledger_path(url, workspace)
        return Ledger.open(path) if path else self.new_ledger(url, workspace)

    def new_ledger(self, url: str | None, workspace: str) -> Ledger:
        """A ledger that agreed on nothing yet; the one it takes the place of is kept."""
        name = f"{secrets.token_hex(8)}.db"
        ledger = Ledger.open(self.path / "ledger" / name)
        with ledger.transaction():
            ledger.places.put("nonce", secrets.token_hex(16))
            ledger.places.put("workspace", workspace)
        bindings = self._bindings()
        bindings[_binding(url, workspace)] = name
        if url is not None:
            bindings[_binding(None, workspace)] = name
        self._write_bindings(bindings)
        return ledger

    def _bindings(self) -> dict[str, str]:
        try:
            found = json.loads((self.path / "bindings.json").read_text())
        except (OSError, ValueError):
            return {}
        return {str(key): str(name) for key, name in found.items()}

    def _write_bindings(self, bindings: dict[str, str]) -> None:
        temporary = self.path / "bindings.json.new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(json.dumps(bindings, indent=2))
            file.flush()
            os.fsync(descriptor)
        temporary.rename(self.path / "bindings.json")


def _binding(url: str | None, workspace: str) -> str:
    return f"{url or 'offline'} {workspace}"
