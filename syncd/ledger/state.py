"""The state folder: one owner, one ledger for each deployment and workspace. Does IO.

.syncd/
  control.sock      where a running daemon takes commands
  lock              held by the process that owns the folder; tells whether it waits for room
  nonce             the folder's random name, by which its ledgers are known
  bindings.json     which ledger belongs to which deployment and workspace
  follows           the ledger that follows the files
  ledger/*.db       ledgers; one that does not fit any more is kept, never reused
  tidemarks/*       how often each of them was written: one put back was written less
  history/          bytes that remote changes replaced, by digest
  spent/            what commands and programs spent: see slips.py
  payloads/         large files on their way from the deployment
  lines/            second names of the files of lines that are followed
  swapped/          files just taken out of a store, until no program writes to them any more
  convex/           the embedded backend's data
  backend-url       where the embedded backend listens
  token             this device's token for the embedded backend
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from contextlib import ExitStack
from pathlib import Path

import structlog

from syncd.errors import AnotherInstance, LedgerDamaged, LedgerError
from syncd.ledger.belonging import deployments, last_written, named, of_deployment
from syncd.ledger.costs import spent_in
from syncd.ledger.following import follow, write_durably
from syncd.ledger.ledger import Ledger
from syncd.ledger.lock import LOCK, owner_in, take
from syncd.ledger.places import BESIDE, SUCCESSOR
from syncd.ledger.room import NO_ROOM
from syncd.ledger.tidemark import Tidemark

_ANEW = "files and deployment are compared anew; nothing is deleted"

log = structlog.get_logger()


PASSING = 2.0
"""Seconds that a start waits for a command, which owns the folder for a moment only."""
LOOKED_AT = 0.2
"""Seconds that anybody waits: who looks whose the folder is has a lock on it for an instant."""


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
    def swapped(self) -> Path:
        """Where files just taken out of a store are looked at again."""
        return self.path / "swapped"

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

    def open(self, patience: float = LOOKED_AT) -> None:
        """Make the folder where needed and own it. Raises AnotherInstance, LedgerError.

        `patience` is how many seconds another may still own it: a command does for a moment.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            ignore = self.path / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            (self.path / "ledger").mkdir(exist_ok=True)
            (self.path / "tidemarks").mkdir(exist_ok=True)
            self.history.mkdir(exist_ok=True)
            lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _unusable(self.path, error) from error
        try:
            take(lock, patience)
        except OSError as error:
            owner = owner_in(lock) or "unknown"
            os.close(lock)
            if not isinstance(error, BlockingIOError):
                raise _unusable(self.path, error) from error
            raise AnotherInstance(
                f"process {owner} already owns {self.path}; nothing was started",
                "use that one (`syncd status`), or stop it first",
            ) from error
        self._lock = lock

    def close(self) -> None:
        """Let the folder go."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def owner(self) -> int | None:
        """The process that owns the folder now, or None."""
        try:
            lock = os.open(self.path / LOCK, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            text = owner_in(lock)
            return int(text) if text.isdigit() else 0
        finally:
            os.close(lock)
        return None

    def ledger_path(self, url: str | None, workspace: str) -> Path | None:
        """The ledger last bound under `url` (None: under whichever was last), if there is one.
        Raises LedgerError where that cannot be told: what is there must not pass for missing.

        Where the bindings are lost it is the one of the workspace that was written last.
        """
        path = self.path / "ledger"
        try:
            bindings = self._bindings()
            if bindings is None:
                return last_written(self.path, workspace, self._known_home())
            return named(self.path, bindings.get(_binding(url, workspace)))
        except OSError as error:
            raise _closed(path, error) from error

    def open_ledger(self, url: str | None, workspace: str) -> Ledger:
        """The ledger for `url` and `workspace`, made where there is none. Raises LedgerError.

        One that is damaged, or was made in another state folder, is put aside: what both sides
        hold is then compared as if they met for the first time, and nothing is deleted.
        """
        path = self.ledger_path(url, workspace)
        self._mend_bindings(url, workspace, path)
        if path is None:
            return self.new_ledger(url, workspace)
        try:
            ledger = self._opened(path.name)
        except LedgerDamaged as error:
            spent = spent_in(path)
            put_aside(path, str(error))
            ledger = self.new_ledger(url, workspace)
            with ledger.transaction():
                ledger.costs.add(spent)
            return ledger
        home = ledger.places.get("home")
        if home is None:
            with ledger.transaction():
                ledger.places.put("home", self._home())
        if home in (None, self._home()):
            return ledger
        ledger.close()
        log.warning("ledger_foreign", what="it was made in another state folder", kept=str(path),
                    next=_ANEW)  # fmt: skip
        return self.new_ledger(url, workspace)

    def rebind(self, url: str | None, workspace: str, deployment: str) -> bool:
        """Let `url` lead to the ledger of `deployment`, a new one where there is none; whether it
        is new.
        """
        path = of_deployment(self.path, deployment, workspace, self._home())
        if path is None:
            self.new_ledger(url, workspace).close()
        else:
            self._bind(url, workspace, path.name)
        return path is None

    def new_ledger(self, url: str | None, workspace: str) -> Ledger:
        """A ledger that agreed on nothing yet; the one it takes the place of is kept."""
        name = f"{secrets.token_hex(8)}.db"
        told = ("bindings.json", "follows")
        is_first = not any((self.path / each).exists() for each in told)
        beside = deployments(self.path, workspace, self._home())
        ledger = self._opened(name)
        with ledger.transaction():
            ledger.places.put("nonce", secrets.token_hex(16))
            ledger.places.put("workspace", workspace)
            ledger.places.put("home", self._home())
            ledger.places.put(BESIDE, " ".join(beside))
            if not is_first:
                ledger.places.put(SUCCESSOR, "")
        self._bind(url, workspace, name)
        return ledger

    def _opened(self, name: str) -> Ledger:
        # Not in the ledgers' own folder: who puts back a copy of that would put the mark back too.
        path = self.path / "tidemarks" / name
        try:
            mark = Tidemark(path)
        except OSError as error:
            raise LedgerError(
                f"{path} cannot be opened: {error.strerror}; nothing was started",
                "free some space" if error.errno in NO_ROOM else
                "make it writable for the user whose daemon this is",
            ) from error  # fmt: skip
        with ExitStack() as opening:
            opening.callback(mark.close)
            ledger = Ledger.open(self.path / "ledger" / name, mark)
            opening.callback(ledger.close)
            follow(self.path, name, ledger)
            opening.pop_all()
        return ledger

    def _home(self) -> str:
        """The state folder's own random name: a ledger of another one is not to be believed."""
        if not self._known_home():
            write_durably(self.path / "nonce", secrets.token_hex(16))
        return self._known_home()

    def _known_home(self) -> str:
        """The folder's name; empty where it has none yet, or that is damaged."""
        try:
            return (self.path / "nonce").read_text(encoding="ascii")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""

    def _mend_bindings(self, url: str | None, workspace: str, found: Path | None) -> None:
        """Say so where the bindings are lost, and bind the ledger that was `found` without."""
        place = self.path / "bindings.json"
        if self._bindings() is not None or (found is None and not place.exists()):
            return
        log.warning("bindings_lost", what=f"{place} does not tell which ledger is whose",
                    next=_ANEW if found is None else f"goes on with {found}")  # fmt: skip
        if found is not None:
            self._bind(url, workspace, found.name)

    def _bind(self, url: str | None, workspace: str, name: str) -> None:
        bindings = self._bindings() or {}
        bindings[_binding(url, workspace)] = name
        if url is not None:
            bindings[_binding(None, workspace)] = name
        write_durably(self.path / "bindings.json", json.dumps(bindings, indent=2))

    def _bindings(self) -> dict[str, str] | None:
        """What is bound to what; None where that is lost, or was never written."""
        path = self.path / "bindings.json"
        try:
            found = json.loads(path.read_text())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            raise _closed(path, error) from error
        named = isinstance(found, dict)
        return {str(key): str(name) for key, name in found.items()} if named else None


def _unusable(path: Path, error: OSError) -> LedgerError:
    writable = "make it writable, or name another with SYNCD_STATE_DIR"
    return LedgerError(
        f"the state folder {path} cannot be used: {error.strerror}; nothing was started",
        "free some space" if error.errno in NO_ROOM else writable,
    )


def _closed(path: Path, error: OSError) -> LedgerError:
    user = "run this as the user whose daemon it is, and let that one read the state folder"
    return LedgerError(
        f"{path} cannot be read: {error.strerror}; nothing was changed",
        user if isinstance(error, PermissionError) else
        "is SYNCD_STATE_DIR right, and its disk well? It names a folder",
    )  # fmt: skip


def _binding(url: str | None, workspace: str) -> str:
    return f"{url or 'offline'} {workspace}"


def put_aside(path: Path, why: str) -> None:
    """Give the damaged ledger at `path`, closed by now, a name by which none is opened again."""
    aside = path.with_name(f"{path.name}.damaged")
    for end in ("", "-wal", "-shm"):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(aside.with_name(aside.name + end))
    log.warning("ledger_damaged", what=why, kept=str(aside), next=_ANEW)
