"""The local replica: the file tree of one store, as the engine sees it. Does IO.

Calls block and come from worker threads, one at a time for each store.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from syncd.core.decision import Write
from syncd.core.guard import RootState
from syncd.core.model import Format, Hold, Kind
from syncd.core.reading import Missing, Reading, Stat, Unreadable
from syncd.core.writing import Note, WriteFailed, Writing
from syncd.files import write as writing
from syncd.files.history import History
from syncd.files.read import read
from syncd.files.root import Root
from syncd.files.scan import Scan, scan
from syncd.files.trouble import ROOT_GONE, refused
from syncd.stores.layout import Layout, format_of, unsafe

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Method = Callable[Concatenate["FileReplica", _P], _R]

_SYNCS_AT_ONCE = 8
"""Temporary files made durable at once: the disk gathers their flushes."""


def _alone(method: _Method[_P, _R]) -> _Method[_P, _R]:
    """Let one thread at a time into the methods of a replica."""

    def locked(self: FileReplica, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            return method(self, *args, **kwargs)

    locked.__doc__ = method.__doc__
    return locked


class FileReplica:
    """One store's folder. It may be missing at any time, and another one when it comes back."""

    def __init__(self, path: Path, kind: Kind, layout: Layout, history: History) -> None:
        self.kind = kind
        self.lock = threading.Lock()
        self._path = path
        self._layout = layout
        self._history = history
        self._known: Root | None = None
        self._spellings: dict[str, str] = {}
        self._twins: dict[str, Hold] = {}

    def format(self, path: str) -> Format:
        """How the file at `path` is written; opaque files are never parsed."""
        return Format.TEXT if self.kind is Kind.FILE else format_of(path)

    def includes(self, path: str) -> bool:
        """Whether the store's patterns match `path`, which the deployment may have named."""
        return self._layout.matches(path)

    def identity(self) -> str | None:
        """The device and inode number of the folder, None while it is missing."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return f"{found.st_dev}:{found.st_ino}"

    def root_state(self, known: str | None) -> RootState:
        """What became of the folder that was `known`."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return RootState.MISSING
        except OSError:
            return RootState.UNREADABLE
        if known is not None and f"{found.st_dev}:{found.st_ino}" != known:
            return RootState.REPLACED
        return RootState.PRESENT

    @_alone
    def scan(self) -> Seen:
        """Look at every file without reading it, and retire what a crash left of ours."""
        root = self._root()
        if root is None:
            return Seen(Scan(unread={"": ROOT_GONE}))
        found = scan(root, self._layout)
        self._spellings = {p: e.spelling for p, e in found.files.items() if p != e.spelling}
        self._twins = {p: h for p, h in found.holds.items() if h.reason == "name-twins"}
        return Seen(found)

    @_alone
    def read(self, path: str) -> Reading:
        """Read one file."""
        # Paths come from the deployment too: nothing outside the root is even looked at.
        if hold := unsafe(path):
            return Unreadable(hold)
        root = self._root()
        if root is None:
            return Unreadable(ROOT_GONE)
        if path in self._twins:
            return Unreadable(self._twins[path])
        reading = read(root, self._spelled(path), self.format(path))
        if isinstance(reading, Missing) and self._spelled(path) != path:
            return read(root, path, self.format(path))
        return reading

    @_alone
    def stage(self, writes: Sequence[Write]) -> list[Note | Hold | None]:
        """Put new bytes durably beside their files; None where nothing is left to remove."""
        root = self._root()
        if root is None:
            return [ROOT_GONE] * len(writes)
        with ThreadPoolExecutor(_SYNCS_AT_ONCE) as pool:
            return list(pool.map(functools.partial(self._stage, root), writes))

    @_alone
    def perform(self, notes: Sequence[Note]) -> list[Writing | Hold]:
        """Do what was noted; a hold where only recovery can tell what came of it."""
        root = self._root()
        if root is None or not notes:
            return [ROOT_GONE] * len(notes)
        return writing.perform_all(root, notes, self._history)

    @_alone
    def recover(self, note: Note) -> Writing | Hold:
        """Find out, after a crash, whether what was noted was done. A hold: not yet."""
        root = self._root()
        return ROOT_GONE if root is None else writing.recover(root, note, self._history)

    @_alone
    def discard(self, note: Note) -> None:
        """Clear the temporary name of a note that the ledger does not hold any more."""
        root = self._root()
        if root is not None:
            writing.discard(root, note, self._history)

    @_alone
    def retire(self, leftovers: Sequence[str]) -> None:
        """Move files under temporary names that no note names into history."""
        root = self._root()
        for leftover in leftovers if root else ():
            if root is not None:
                writing.retire(root, leftover, self._history)

    def _root(self) -> Root | None:
        """The folder that the path leads to now; None while there is none."""
        if self._known is None or self._known.state() is not RootState.PRESENT:
            try:
                self._known = Root.open(self._path)
            except OSError:
                return None
        return self._known

    def _spelled(self, path: str) -> str:
        return self._spellings.get(path, path)

    def _stage(self, root: Root, write: Write) -> Note | Hold | None:
        path = self._spelled(write.path)
        try:
            if write.body is not None:
                return writing.stage(root, path, write.body, write.expected)
            if write.expected is None:
                return None
            note = writing.stage_removal(root, path, write.expected)
            return note if isinstance(note, Note) else None
        except WriteFailed as failed:
            return failed.hold
        except OSError as error:
            return refused(error)


class Seen:
    """What one scan saw of a store."""

    def __init__(self, found: Scan) -> None:
        self._found = found
        self.stats: dict[str, Stat] = {path: entry.stat for path, entry in found.files.items()}
        self.holds: dict[str, Hold] = {
            **found.holds,
            **{folder or ".": hold for folder, hold in found.unread.items()},
        }
        self.leftovers = found.leftovers

    def missing(self, path: str) -> bool:
        """Whether it is certain that no file has the key `path`."""
        return self._found.missing(path)
