"""What a file keeps though another one takes its place: mode, owner, group, access list.

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


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is kept of one file."""

    mode: int
    owner: int
    group: int
    access: bytes | None

    @classmethod
    def of(cls, folder: int, name: str) -> Self | None:
        """That of the regular file `name` in an open folder, or None where there is none."""
        try:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        # No call takes a folder and a name; what is no file any more has no list.
        access = _access(f"/proc/self/fd/{folder}/{name}")
        return cls(stat.S_IMODE(found.st_mode) & 0o777, found.st_uid, found.st_gid, access)

    def give(self, fd: int) -> None:
        """Give it to an open file of ours that nobody else may open yet."""
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
        if _access(fd) == self.access:
            return True
        try:
            if self.access is None:
                os.removexattr(fd, _LIST)
            else:
                os.setxattr(fd, _LIST, self.access)
        except OSError:
            return False
        return True


def _access(file: int | str) -> bytes | None:
    try:
        return os.getxattr(file, _LIST, follow_symlinks=isinstance(file, int))
    except OSError:  # Mostly ENODATA: it has none.
        return None
