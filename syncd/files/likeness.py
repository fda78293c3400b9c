"""What a file keeps though another one takes its place: mode, owner, group, access list, and what
programs wrote beside its bytes (user.* attributes, xattr(7)), as if it had been written in place.

Where the group or the list cannot be kept, what they allowed is not for another group: that may
what everybody may.
"""

from __future__ import annotations

import contextlib
import os
import stat
from dataclasses import dataclass
from typing import Final, Self

_LIST: Final = "system.posix_acl_access"
"""Where Linux shows a file's access list: acl(5). Its mask stands in the place of the mode's bits
of the group, so without the list the group gets what others of it had."""

_BESIDE: Final = "user."
"""How the attributes begin that programs may choose."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is kept of one file."""

    mode: int
    owner: int
    group: int
    access: bytes | None
    beside: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, folder: int, name: str) -> Self | None:
        """That of the regular file `name` in an open folder, or None where there is none."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        # No call takes a folder and a name; what is no file any more has none of these.
        path = f"/proc/self/fd/{folder}/{name}"
        named = _attributes(path)
        access = _attribute(path, _LIST) if _LIST in named else None
        kept = ((each, _attribute(path, each)) for each in named if each.startswith(_BESIDE))
        beside = tuple((each, value) for each, value in kept if value is not None)
        mode = stat.S_IMODE(found.st_mode) & 0o777
        return cls(mode, found.st_uid, found.st_gid, access, beside)

    def give(self, fd: int) -> None:
        """Give it to an open file of ours that nobody else may open yet."""
        for name, value in self.beside:  # First: of a file that nobody may write none is set.
            with contextlib.suppress(OSError):  # No room for it, or this disk has none of these.
                os.setxattr(fd, name, value)
        # Both, whatever the first answers: the list comes last, chown may not take it away.
        grouped = self._give_group(fd)
        listed = self._give_access(fd)
        mode = self.mode
        if not (grouped and listed):
            mode &= 0o707 | (mode & 0o007) << 3
        os.fchmod(fd, mode)

    def _give_group(self, fd: int) -> bool:
        """Give what of its owners may be given; whether the file has the group."""
        mine = os.fstat(fd)
        if (mine.st_uid, mine.st_gid) == (self.owner, self.group):
            return True
        # Only root may give files away; else the file becomes ours, as any editor leaves it, and
        # keeps a group that we are in. EINVAL: a user namespace that has no number for one of them.
        for owner in (self.owner, -1):
            with contextlib.suppress(OSError):
                os.fchown(fd, owner, self.group)
                return True
        return mine.st_gid == self.group

    def _give_access(self, fd: int) -> bool:
        """Give the access list, or take one that the folder gave; whether it is the same now."""
        if _attribute(fd, _LIST) == self.access:
            return True
        try:
            if self.access is None:
                os.removexattr(fd, _LIST)
            else:
                os.setxattr(fd, _LIST, self.access)
        except OSError:
            return False
        return True


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path, follow_symlinks=False)
    except OSError:  # Mostly ENOTSUP: this disk has none.
        return []


def _attribute(file: int | str, name: str) -> bytes | None:
    try:
        return os.getxattr(file, name, follow_symlinks=isinstance(file, int))
    except OSError:  # Mostly ENODATA: it has none.
        return None
