"""Which files belong to a store, and what their keys are. Pure.

Patterns are those of .gitignore. A name is mirrored under its NFC spelling; two spellings of
one name, and names that are not UTF-8, are for the scan to hold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from syncd.core.model import Format, Hold, Kind
from syncd.stores.patterns import Patterns

TEMPORARY_PREFIX = ".syncd-"
"""Every file syncd puts into a store's folder for a moment starts so and is never mirrored."""

SAVE_PREFIX = TEMPORARY_PREFIX + "save-"
"""So start those of a program's save by `syncd.storage`; they end with the name of what it saves.
One that is killed in the middle leaves its file, which may hold what another program had saved
just then, and from which version is not known: a person looks at it, and nothing removes it.
"""

_TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + "[0-9a-f]{16}")

_RSYNC = tuple(f".*.{'[A-Za-z0-9]' * at}[a-z0-9][A-Z]{'[A-Za-z0-9]' * (4 - at)}" for at in range(5))
"""`.NAME.` and six random letters and digits, of which a capital follows what is none: without that
it may well be what a person calls a hidden file, such as `.env.sample` or `.env.Docker`, and to
leave out an edit is worse than to mirror for a moment what rsync renames. One in eight has none.
"""

EDITOR_LEFTOVERS = (
    ".syncd*", ".git/", ".hg/", ".svn/", "node_modules/", "*~", ".*.sw?", ".*.swpx", "*.tmp",
    "*.temp", "*.bak", "*.part", "*.crdownload", "*.orig", "*.rej", "4913", ".#*", "\\#*#",
    ".goutputstream-*", "*___jb_tmp___", "*___jb_old___", ".~lock.*", "~$*", ".nfs*",
    ".fuse_hidden*", ".DS_Store", "._*", "Thumbs.db", "desktop.ini",
    ".*.kate-swp", "*.sb-????????-??????", "*.filepart", ".~tmp~/", ".rsync-partial/", *_RSYNC,
)  # fmt: skip
"""Names that editors, version control, desktops and copying leave behind; never mirrored."""

_FIT = re.compile(r"[^./\x00-\x1f][^/\x00-\x1f]*")

LONGEST = 200
"""Bytes of UTF-8 of an id that makes a file's name: an extension and temporary names have room."""

MAX_PATH_BYTES = 1024
"""Longest path the deployment's functions take, in bytes of UTF-8."""


@dataclass(frozen=True)
class Layout:
    """The paths of one store: `include` minus `exclude` minus what editors leave behind."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]

    @cached_property
    def _wanted(self) -> Patterns:
        return Patterns(self.include)

    @cached_property
    def _unwanted(self) -> Patterns:
        return Patterns((*EDITOR_LEFTOVERS, *self.exclude))

    def matches(self, path: str) -> bool:
        """Whether the file at `path` (relative, POSIX) is mirrored."""
        folder, _, name = path.rpartition("/")
        return self.within(folder)(name)

    def within(self, folder: str) -> Callable[[str], bool]:
        """`matches` for the names of the files in one folder (empty for the root)."""
        if self._passed_over(folder):
            return lambda _name: False
        wanted, unwanted = self._wanted.within(folder), self._unwanted.within(folder)
        return lambda name: wanted(name) and not unwanted(name)

    def prunes(self, directory: str) -> bool:
        """Whether nothing under `directory` (relative, POSIX, no final slash) is mirrored."""
        return self._unwanted.match_folder(directory)

    def _passed_over(self, folder: str) -> bool:
        """Whether a scan never comes to `folder`: as with git, no pattern with `!` brings back what
        is in a folder that is left out. Other patterns match what is in it anyway.
        """
        if not folder or not self._unwanted.negates:
            return False
        ends = [at for at, letter in enumerate(folder) if letter == "/"]
        return any(self.prunes(folder[:end]) for end in (*ends, len(folder)))


def is_temporary(name: str) -> bool:
    """Whether a file's name is one that syncd makes: its prefix and 16 hex digits."""
    return _TEMPORARY.fullmatch(name) is not None


def normal(path: str) -> str:
    """The spelling of `path` that keys use."""
    return path if path.isascii() else unicodedata.normalize("NFC", path)


def format_of(path: str) -> Format:
    """How the file at `path` is written, told by its extension."""
    name = path.lower()
    if name.endswith(".json"):
        return Format.JSON
    if name.endswith((".yaml", ".yml")):
        return Format.YAML
    return Format.TEXT


def kind_of(kind: Kind, path: str) -> Kind:
    """What the file at `path` of a store of `kind` is: beside assets lie files that are none."""
    if kind is Kind.ASSET and format_of(path) is Format.TEXT:
        return Kind.FILE
    return kind


def encodable(path: str) -> bool:
    """Whether `path` has a form in UTF-8: a name with other bytes on disk, as Python spells it, and
    one with half a surrogate pair, have none, and are no keys.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def unsafe(path: str) -> Hold | None:
    """Why `path` must not become a file under a root, or None when it may.

    Paths from the deployment pass through here before any of them reaches the file system.
    """
    if not encodable(path):
        return Hold("bad-name", "its name is not UTF-8", "rename it")
    parts = path.split("/")
    if not path or "\0" in path or any(part in ("", ".", "..") for part in parts):
        return Hold("bad-path", f"{path!r} is not a path inside the store", "rename it in Convex")
    if normal(path) != path:
        return Hold("bad-path", f"{path!r} is not in Unicode NFC", "rename it in Convex")
    if len(path.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > 255 for part in parts):
        return Hold("bad-path", f"{path[:60]!r}... is too long", "shorten the name")
    return None


def names_a_file(name: str) -> bool:
    """Whether an id or a category may be a part of a new file's path, where it is filled in.

    The deployment refuses the same: convex/model/key.ts.
    """
    return encodable(name) and _FIT.fullmatch(name) is not None and len(name.encode()) <= LONGEST
