"""The local replica: the file tree of one store, as the engine sees it. Does IO.

Calls block and come from worker threads, one at a time for each store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from stat import S_ISDIR
from typing import Concatenate, ParamSpec, TypeVar

from syncd.core.decision import Write
from syncd.core.direction import Way
from syncd.core.guard import RootState
from syncd.core.model import Format, Hold, Kind
from syncd.core.reading import Found, Missing, Reading, Unreadable
from syncd.core.writing import Note, WriteFailed, Writing
from syncd.files import write as writing
from syncd.files.folder import Folder
from syncd.files.payloads import Payloads
from syncd.files.read import Large, Reader
from syncd.files.root import Root
from syncd.files.scan import Scan, Seen, scan
from syncd.files.spelling import Names, Spellings, fold, twin
from syncd.files.staging import New, stage_all, stage_removal
from syncd.files.swapped import Swapped
from syncd.files.transit import Transit
from syncd.files.trouble import ROOT_GONE, refused
from syncd.stores.layout import Layout, format_of, unsafe

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Method = Callable[Concatenate["FileReplica", _P], _R]


def _alone(method: _Method[_P, _R]) -> _Method[_P, _R]:
    """Let one thread at a time into the methods of a replica."""

    def locked(self: FileReplica, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            return method(self, *args, **kwargs)

    locked.__doc__ = method.__doc__
    return locked


class FileReplica:
    """One store's folder. It may be missing at any time, and another one when it comes back.

    `bound` is the identity of the only folder that is read and written; None takes whichever is
    there. A scan looks at what is there, so that the engine can tell whether to bind it.
    `pointer` leads to the list of records in each file, None where a file is one record.
    """

    def __init__(
        self, path: Path, kind: Kind, layout: Layout, swapped: Swapped,
        folders: type[Folder] = Folder, payloads: Payloads | None = None,
        pointer: str | None = None, way: Way = Way.BOTH,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.way = way
        self.pointer = pointer
        self.swapped = swapped
        aside = swapped.folder
        beside = aside.with_name(aside.name + "-payloads")
        self.transit = Transit(payloads or Payloads(beside, swapped.history), self._locate)
        self.bound: str | None = None
        self.lock = threading.Lock()
        self._path = path
        self._layout = layout
        self._folders = folders
        self.root: Root | None = None
        self.names = Names()
        self._spellings = Spellings()
        self._twins: dict[str, Hold] = {}

    def format(self, path: str) -> Format:
        """How the file at `path` is written; opaque files are never parsed."""
        if self.pointer is not None:
            return Format.JSON
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
        return f"{found.st_dev}:{found.st_ino}" if S_ISDIR(found.st_mode) else None

    def root_state(self, known: str | None) -> RootState:
        """What became of the folder that was `known`."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return RootState.MISSING
        except OSError:
            return RootState.UNREADABLE
        if not S_ISDIR(found.st_mode):
            return RootState.MISSING
        if known is not None and f"{found.st_dev}:{found.st_ino}" != known:
            return RootState.REPLACED
        return RootState.PRESENT

    @_alone
    def scan(self, *, first: bool = False) -> Seen:
        """Look at every file without reading it; `first`: until some are met."""
        root = self._present()
        if root is None:
            return Seen(Scan(unread={"": ROOT_GONE}), None)
        found = scan(root, self._layout, first=first)
        if first:
            return Seen(found, None)
        self._spellings = Spellings(found.spelled, found.files)
        self._twins = {p: h for p, h in found.holds.items() if h.reason == "name-twins"}
        walked = f"{root.identity.device}:{root.identity.inode}"
        return Seen(found, None if "" in found.unread else walked)

    def read(self, path: str, *, anew: bool = False, within: str | None = None) -> Reading:
        """Read one file; `anew` a long one too whose digest is known for the stat that it has.

        `within` names the folder to read in, where that is not the one that is bound.
        """
        (found,) = self._look([path], 0, within)
        if not isinstance(found, Large):
            self.transit.forget(path)
            return found
        return self.transit.measure(path, found, patient=True, anew=anew)

    def read_first(
        self, paths: Sequence[str], most: int, *, within: str | None = None
    ) -> list[Reading]:
        """Read the first of `paths`, as many as hold `most` bytes, and the one that holds more.

        Slow, and nothing read, for those that take long. `within`: see `read`.
        """
        readings: list[Reading] = []
        while len(readings) < len(paths) and most >= 0:
            for found in self._look(paths[len(readings) :], most, within):
                if isinstance(found, Large):
                    # Not under the lock: others go on meanwhile.
                    path = paths[len(readings)]
                    readings.append(self.transit.measure(path, found, patient=False))
                else:
                    self.transit.forget(paths[len(readings)])
                    readings.append(found)
                    most -= _held(found)
        return readings

    @_alone
    def _look(
        self, paths: Sequence[str], most: int, within: str | None = None
    ) -> list[Reading | Large]:
        """As `read_first`, but that the first large file ends it."""
        root = self._root(within)
        if root is None:
            return [Unreadable(unsafe(path) or ROOT_GONE) for path in paths]
        looked: list[Reading | Large] = []
        with Reader(root) as reader:
            for path in paths:
                looked.append(self._look_at(reader, path))
                most -= _held(looked[-1])
                if most < 0 or isinstance(looked[-1], Large):
                    break
        return looked

    def _look_at(self, reader: Reader, path: str) -> Reading | Large:
        # Paths come from the deployment too: nothing outside the root is even looked at.
        if hold := unsafe(path) or self._twins.get(path):
            return Unreadable(hold)
        return self._find(reader, path)

    @_alone
    def stage(self, writes: Sequence[Write]) -> list[Note | Hold | None]:
        """Put new bytes durably beside their files; None where nothing is left to remove."""
        root = self._root()
        if root is None:
            return [ROOT_GONE] * len(writes)
        going = {fold(write.path) for write in writes if write.removes}
        twins = [self._twin(root, write, going) for write in writes]
        news = [
            New(self._spellings.of(write.path), write.body, write.expected)
            for write, twin in zip(writes, twins, strict=True)
            if twin is None and write.body is not None
        ]
        staged = iter(stage_all(root, news))
        return [
            twin or (self._stage_bodiless(root, write) if write.body is None else next(staged))
            for write, twin in zip(writes, twins, strict=True)
        ]

    @_alone
    def perform(self, notes: Sequence[Note]) -> list[Writing | Hold]:
        """Do what was noted; a hold where only recovery can tell what came of it."""
        root = self._root()
        if root is None or not notes:
            return [ROOT_GONE] * len(notes)
        return writing.perform_all(root, notes, self.swapped)

    @_alone
    def recover(self, note: Note, *, doubted: bool = False) -> Writing | Hold:
        """Find out, after a crash, whether what was noted was done. A hold: not yet."""
        root = self._root()
        if root is None:
            return ROOT_GONE
        if doubted and (hold := writing.finished_elsewhere(root, note)):
            return hold
        return writing.recover(root, note, self.swapped)

    @_alone
    def discard(self, notes: Sequence[Note]) -> None:
        """Clear the temporary names of notes that the ledger does not hold any more."""
        root = self._root()
        if root is not None:
            writing.discard_all(root, notes, self.swapped)

    @_alone
    def retire(self, leftovers: Sequence[str]) -> None:
        """Move files under temporary names that no note names into history."""
        root = self._root()
        for leftover in leftovers if root else ():
            if root is not None:
                writing.retire(root, leftover, self.swapped)

    def _find(self, reader: Reader, path: str) -> Reading | Large:
        try:
            if self.names.taken(reader.root, path) is not None:
                return Missing()
        except OSError as error:
            return Unreadable(refused(error))
        spelled = self._spellings.of(path)
        records = self.pointer is not None
        reading = reader.look(spelled, self.format(path), records=records)
        if isinstance(reading, Missing) and spelled != path:
            return reader.look(path, self.format(path), records=records)
        return reading

    @_alone
    def _locate(self, path: str) -> tuple[Root, str] | None:
        root = self._root()
        return None if root is None else (root, self._spellings.of(path))

    def _root(self, within: str | None = None) -> Root | None:
        """The folder that is bound, or the one of this identity, if the path leads to it now."""
        root, wanted = self._present(), within or self.bound
        if root is None or wanted is None:
            return root
        found = f"{root.identity.device}:{root.identity.inode}"
        return root if found == wanted else None

    def _present(self) -> Root | None:
        """The folder that the path leads to now; None while there is none."""
        if self.root is None or self.root.state() is not RootState.PRESENT:
            try:
                self.root = Root.open(self._path, folders=self._folders)
            except OSError:
                return None
            self.names = Names()
        self.names.probe(self.root)
        return self.root

    def _twin(self, root: Root, write: Write, going: set[str]) -> Hold | None:
        if write.removes or fold(write.path) in going:
            return None
        try:
            taken = self.names.taken(root, write.path)
        except OSError as error:
            return refused(error)
        return twin(taken) if taken is not None else None

    def _stage_bodiless(self, root: Root, write: Write) -> Note | Hold | None:
        """Of a payload that lies ready, or of a removal."""
        path = self._spellings.of(write.path)
        try:
            if write.payload is not None:
                return self.transit.stage(root, path, write)
            if write.expected is None:
                return None
            note = stage_removal(root, path, write.expected)
        except WriteFailed as failed:
            return failed.hold
        except OSError as error:
            return refused(error)
        return note if isinstance(note, Note) else None


def _held(found: Reading | Large) -> int:
    return len(found.body or b"") if isinstance(found, Found) else 0
