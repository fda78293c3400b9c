"""Walks a whole store: what is there, what cannot be mirrored, and what could not be seen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from syncd.core.guard import RootState
from syncd.core.model import Hold
from syncd.core.reading import Stat
from syncd.core.stats import Compared, KnownFile, Stats
from syncd.files.folder import stat_of
from syncd.files.root import Root
from syncd.files.trouble import ROOT_GONE, not_a_file, refused
from syncd.stores.layout import MAX_PATH_BYTES, Layout, is_temporary, normal, unsafe

_NEVER_TOO_LONG: Final = MAX_PATH_BYTES - 256
"""An ASCII folder shorter than this makes no path too long, whatever the name."""

SOME: Final = 50
"""Names that are looked at together where one file is enough."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One walk of a store. Paths are keys (NFC); a path is in at most one of `files`, `holds`.

    `spelled` has the spelling on disk of each file that is written otherwise than its path.
    `unread` maps each folder that could not be listed to why; the empty path is the root.
    `leftovers` are the spellings of files under temporary names of ours: those that no note in
    the ledger names are to be retired.
    """

    files: Stats = field(default_factory=Stats)
    spelled: dict[str, str] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    unread: dict[str, Hold] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)

    def missing(self, path: str) -> bool:
        """Whether the walk proves that no file has the key `path`."""
        if path in self.files or path in self.holds or "" in self.unread:
            return False
        return not any(path.startswith(folder + "/") for folder in self.unread)


def scan(root: Root, layout: Layout, *, first: bool = False) -> Scan:
    """Every file of the store, by one listing of each folder and one stat of each file.

    `first`: the walk ends with the first files that it meets. Symlinks are not followed, folders
    that the layout prunes are not entered. A folder that cannot be listed hides what is under it:
    nothing there is missing. Never raises OSError.
    """
    if root.state() is not RootState.PRESENT:
        return Scan(unread={"": ROOT_GONE})
    walk = _First(root, layout) if first else _Walk(root, layout)
    while walk.folders:
        walk.enter(walk.folders.pop())
    # RACE: a root that went away under the walk leaves folders that look empty.
    if root.state() is not RootState.PRESENT:
        return Scan(unread={"": ROOT_GONE})
    return walk.scan


class Seen:
    """What one scan saw of a store. `root` is the identity of the folder that was walked from
    end to end, None where that was not one and the same.
    """

    def __init__(self, found: Scan, root: str | None) -> None:
        self._found = found
        self.root = root
        self.stats: Mapping[str, Stat] = found.files
        self.holds: dict[str, Hold] = {
            **found.holds,
            # A folder's hold is no key's: it is told apart by the final slash.
            **{f"{folder or '.'}/": hold for folder, hold in found.unread.items()},
        }
        self.leftovers = found.leftovers

    def compared(self, known: Iterable[KnownFile]) -> Compared:
        """What became of the `known` files. Of those that are gone it is not certain: see
        `missing`.
        """
        return self._found.files.compared(known)

    def missing(self, path: str) -> bool:
        """Whether it is certain that no file has the key `path`."""
        return self._found.missing(path)


class _Walk:
    def __init__(self, root: Root, layout: Layout) -> None:
        self.scan = Scan()
        self.folders = [""]
        self._root = root
        self._layout = layout

    def enter(self, folder: str) -> None:
        try:
            with self._root.folder(folder) as opened, os.scandir(opened.fd) as listing:
                self._list(folder, listing)
        except FileNotFoundError:
            return  # Removed since its parent was listed, and so was everything in it.
        except OSError as error:
            self.scan.unread[normal(folder)] = refused(error)

    def _list(self, folder: str, listing: Iterator[os.DirEntry[str]]) -> None:
        # The loop of the whole scan: 100,000 turns are to cost little more than their stats.
        take = self.scan.files.take
        wanted = self._layout.within(normal(folder))
        prefix = folder + "/" if folder else ""
        plain = prefix.isascii() and len(prefix) < _NEVER_TOO_LONG
        for found in listing:
            name = found.name
            ascii = name.isascii()
            file = found.is_file(follow_symlinks=False)
            if not file and found.is_dir(follow_symlinks=False):
                self._descend(prefix + name)
            elif not wanted(name if ascii else normal(name)):
                if is_temporary(name):
                    self.scan.leftovers.append(prefix + name)
            elif not (plain and ascii):
                self._meet_odd(prefix + name, found)
            elif not file:
                self._meet(prefix + name, prefix + name, found)
            else:
                path = prefix + name
                try:
                    met = found.stat(follow_symlinks=False)
                except OSError:
                    self._meet(path, path, found)
                    continue
                if not take(path, met.st_size, met.st_mtime_ns, met.st_ctime_ns, met.st_ino):
                    self._meet(path, path, found)

    def _descend(self, folder: str) -> None:
        if not self._layout.prunes(normal(folder)):
            self.folders.append(folder)

    def _meet_odd(self, spelling: str, found: os.DirEntry[str]) -> None:
        if hold := unsafe(normal(spelling)):
            self.scan.holds[_printable(spelling)] = hold
        else:
            self._meet(normal(spelling), spelling, found)

    def _meet(self, path: str, spelling: str, found: os.DirEntry[str]) -> None:
        try:
            met = found.stat(follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            self.scan.holds[path] = refused(error)
            return
        if hold := not_a_file(met.st_mode):
            self.scan.holds[path] = hold
        elif path in self.scan.files or path in self.scan.holds:
            self._hold_twins(path, spelling)
        else:
            self.scan.files[path] = stat_of(met)
            if spelling != path:
                self.scan.spelled[path] = spelling

    def _hold_twins(self, path: str, spelling: str) -> None:
        first = self.scan.spelled.pop(path, path)
        also = f" and {first!a}" if self.scan.files.pop(path, None) else ""
        self.scan.holds[path] = Hold(
            "name-twins",
            f"{spelling!a}{also} are one name in Unicode NFC",
            "rename one of them",
        )


class _First(_Walk):
    """Of a folder of thousands, no more is looked at than until a file is met."""

    def _list(self, folder: str, listing: Iterator[os.DirEntry[str]]) -> None:
        while not self.scan.files and (some := list(islice(listing, SOME))):
            super()._list(folder, iter(some))
        if self.scan.files:
            self.folders.clear()


def _printable(spelling: str) -> str:
    return os.fsencode(spelling).decode("utf-8", "backslashreplace")
