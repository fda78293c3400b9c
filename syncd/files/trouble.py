"""What the operating system refuses, as holds that people can act on."""

from __future__ import annotations

import errno
import stat
from posixpath import isabs
from typing import Final

from syncd.core.model import Hold

ROOT_GONE: Final = Hold(
    "root-missing",
    "the store's folder is gone, was replaced or cannot be read",
    "bring it back, let syncd read it, or change its path in config.toml",
)

_PERMIT: Final = (
    "let the user that runs syncd read and write it, and its folder: chmod u+rwX, or sudo chown; "
    "it is tried again"
)

_UNLOCK: Final = (
    "look at it and its folder (lsattr, ls -ld): immutable or append-only ones stay (sudo chattr "
    "-i -a), and another user's file where the folder has the sticky bit; it is tried again"
)

_ADVICE: Final = {
    errno.EACCES: ("no-permission", _PERMIT),
    errno.EPERM: ("no-permission", _UNLOCK),
    errno.ELOOP: ("symlink", "replace the symlink by a file or folder; links are not followed"),
    errno.ENOTDIR: ("not-a-folder", "rename the file in its folder's place; it is tried again"),
    errno.ESTALE: ("root-missing", "bring the folder back, or change its path in config.toml"),
    errno.EISDIR: ("not-a-file", "a folder has the file's name; rename one of them"),
    errno.ENAMETOOLONG: ("bad-path", "shorten the name"),
    errno.ENOSPC: ("disk-full", "free some space; it is tried again"),
    errno.EDQUOT: ("disk-full", "free some of the quota; it is tried again"),
    errno.EROFS: ("read-only", "mount the file system read-write; it is tried again"),
    errno.EMFILE: ("too-many-open", "raise the limit of open files (ulimit -n)"),
    errno.ENFILE: ("too-many-open", "raise fs.file-max"),
}


_TOLD: Final = {
    errno.ELOOP: "it, or a folder of its path, is a symbolic link",
    errno.ENOTDIR: "a file has the name of a folder of its path",
}
"""What says more than the operating system does."""


def refused(error: OSError) -> Hold:
    """The hold for an error of the operating system; anything unknown is `io-error`."""
    reason, advice = _ADVICE.get(
        error.errno or 0, ("io-error", "check the disk and the mount; it is tried again")
    )
    what = _TOLD.get(error.errno or 0) or error.strerror or str(error)
    # What lies in a store is reached from its folder, without its whole path: a place with one is
    # the folder itself, or in the state folder.
    named = [str(each) for each in (error.filename, error.filename2) if each is not None]
    places = filter(isabs, named)
    return Hold(reason, ": ".join([what, *places]), advice)


def not_a_file(mode: int) -> Hold | None:
    """Why a name of this `st_mode` cannot be mirrored, or None for a regular file."""
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISLNK(mode):
        return Hold("symlink", "it is a symbolic link", "put the file itself here, or exclude it")
    if stat.S_ISDIR(mode):
        return Hold("not-a-file", "a folder has the file's name", "rename one of them")
    what = next(
        word
        for test, word in (
            (stat.S_ISFIFO, "a named pipe"),
            (stat.S_ISSOCK, "a socket"),
            (lambda _: True, "a device"),
        )
        if test(mode)
    )
    return Hold("not-a-file", f"it is {what}", "move it elsewhere, or exclude it")
