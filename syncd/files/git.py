"""What git is doing to the work tree around a folder. Does IO; runs no git."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from stat import S_ISDIR
from typing import Final

from syncd.core.pause import LOCKED, Operation

_UNDER_WAY: Final = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisect",
}
"""Files and folders of a git directory that are there as long as what they stand for."""


def operation_around(folder: Path) -> Operation | None:
    """What git is doing to the work tree that `folder` lies in; None: nothing, or no work tree."""
    git = _git_directory(folder)
    if git is None:
        return None
    names = {LOCKED: LOCKED} | _UNDER_WAY
    for name, what in names.items():
        touched = _touched(git / name)
        if touched is not None:
            # Every step of a merge or a rebase writes the index.
            return Operation(what, max(touched, _touched(git / "index") or 0.0))
    return None


def _git_directory(folder: Path) -> Path | None:
    for found in _places(folder):
        try:
            mode = found.stat().st_mode
        except OSError:
            continue
        if S_ISDIR(mode):
            return found
        if (linked := _linked(found)) is not None:
            return linked
    return None


@cache
def _places(folder: Path) -> tuple[Path, ...]:
    # Looked at before every batch that is sent: the names took longer than the looks.
    return tuple(parent / ".git" for parent in (folder, *folder.parents))


def _linked(file: Path) -> Path | None:
    """Where the `.git` file of a linked work tree or a submodule points to."""
    try:
        first = file.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        return None
    if not first.startswith("gitdir: "):
        return None
    return file.parent / first.removeprefix("gitdir: ")


def _touched(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None
