"""How names are spelled on a file system that takes several spellings for one name.

A root is judged by the names that are in it: whether one of them can also be reached in another
case, or in another Unicode form. Nothing is made for it. What holds for the root is taken to
hold below it.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from syncd.core.decision import racy
from syncd.core.model import Hold
from syncd.files.folder import Folder
from syncd.files.root import Root
from syncd.stores.layout import normal

_TRIED: Final = 8
"""Names that are tried before a root is left undecided for now."""


@dataclass(frozen=True, slots=True)
class Folding:
    """What does not count in the names of a root; None while no name in it could tell."""

    case: bool | None = None
    form: bool | None = None


def probe(folder: Folder) -> Folding:
    """Judges a folder by the names in it. Raises OSError."""
    with os.scandir(folder.fd) as listing:
        names = {found.name for found in listing}
    return Folding(
        _same(folder, names, ((name, name.swapcase()) for name in names)),
        _same(folder, names, ((name, _other_form(name)) for name in names)),
    )


def _same(folder: Folder, names: set[str], pairs: Iterable[tuple[str, str]]) -> bool | None:
    tried = 0
    for name, other in pairs:
        # A name that is there in both spellings proves that they are two.
        if name == other:
            continue
        if other in names:
            return False
        one, two = folder.stat(name), folder.stat(other)
        if one is not None:
            return two is not None and (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)
        tried += 1
        if tried == _TRIED:
            break
    return None


def _other_form(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)
    return unicodedata.normalize("NFD", name) if name == composed else composed


def twin(spelling: str) -> Hold:
    """Why a file cannot be written where another spelling of its name is taken."""
    return Hold(
        "name-twins",
        f"{spelling!a} is there, and this file system does not tell the two names apart",
        "rename one of them",
    )


class Names:
    """What the names of a root are to its file system. Listings are kept while nothing changes."""

    def __init__(self) -> None:
        self.folding = Folding()
        self._undecided: int | None = None
        """When the root changed last before it was listed and told nothing."""
        self._listings: dict[str, tuple[int, dict[str, str]]] = {}

    def probe(self, root: Root) -> None:
        """Judges the root, until a name in it has told."""
        if self.folding.case is not None:
            return
        began = time.time_ns()  # RACE: not after the look: what came while it lasted is not in it.
        try:
            changed = root.path.stat().st_mtime_ns
            if changed == self._undecided:
                return  # It would be listed again for every file that is read.
            with root.folder() as folder:
                self.folding = probe(folder)
        except OSError:
            # Undecided for now. Why the root cannot be listed, every scan says.
            return
        if not racy(changed, changed, began):
            self._undecided = changed

    def taken(self, root: Root, path: str) -> str | None:
        """The other name that a look-up of the key `path` would meet. Raises OSError.

        None where names that differ in case are two: then it meets its own, or nothing.
        """
        if not self.folding.case:
            return None
        spelled = ""
        for part in path.split("/"):
            try:
                name = self._list(root, spelled).get(fold(part))
            except (FileNotFoundError, NotADirectoryError):
                return None
            if name is None:
                return None
            spelled = f"{spelled}/{name}" if spelled else name
        return spelled if normal(spelled) != path else None

    def _list(self, root: Root, folder: str) -> dict[str, str]:
        began = time.time_ns()
        with root.folder(folder) as opened:
            changed = os.fstat(opened.fd).st_mtime_ns
            known = self._listings.get(folder)
            if known is not None and known[0] == changed:
                return known[1]
            with os.scandir(opened.fd) as listing:
                names = {fold(found.name): found.name for found in listing}
        if not racy(changed, changed, began):
            self._listings[folder] = (changed, names)
        return names


class Spellings:
    """How keys are spelled on disk, as far as one scan has seen them spelled otherwise."""

    def __init__(
        self, spelled: Mapping[str, str] = MappingProxyType({}), files: Iterable[str] = ()
    ) -> None:
        self._files = spelled
        self._folders: dict[str, str] = {}
        if not spelled:
            return  # As good as always.
        for path, spelling in spelled.items():
            self._folders.update(zip(_folders(path), _folders(spelling), strict=True))
        for path in files:
            # Where both are folders, the one spelled as keys are takes what is new.
            for folder in () if path.isascii() or path in spelled else _folders(path):
                self._folders.pop(folder, None)

    def of(self, path: str) -> str:
        """The spelling of `path`; of what is new, in the folder that is there."""
        if path.isascii() or not self._files:
            return path
        return self._files.get(path) or self._in_folder(path)

    def _in_folder(self, path: str) -> str:
        found = [each for each in _folders(path) if each in self._folders]
        return self._folders[found[-1]] + path[len(found[-1]) :] if found else path


def _folders(path: str) -> list[str]:
    """The folders that `path` lies in, the outermost first."""
    parts = path.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def fold(name: str) -> str:
    """What a file system without case compares."""
    return normal(normal(name).casefold())
