"""Circumstances under which a victim runs: other file systems, small pages, a save at the worst
moment. They change the world around syncd, not what syncd does."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from .killing import Function, replace

MET = "pulled.json"
"""The file that a person saves in the instant of its write."""

SAVED = Path("saved-by-a-person")
"""In the victim's home: the bytes that the person saves; renamed once they are saved."""


def small_pages() -> None:
    """The deployment's manifest comes in pages of three entries."""

    def cut(real: Function) -> Function:
        async def manifest(*args: Any) -> Any:
            entries, last = await real(*args)
            return (entries, last) if len(entries) <= 3 else (entries[:3], entries[2].key)

        return manifest

    replace("syncd.remote.replica:ConvexReplica.manifest", cut)


def history_elsewhere() -> None:
    """The state folder is on another file system than the stores."""

    def refuse(real: Function) -> Function:
        def rename(source: Any, target: Any, **folders: int) -> None:
            if sys._getframe(1).f_code.co_qualname in ("Swapped.take", "_moved"):
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
            real(source, target, **folders)

        return rename

    replace("os:rename", refuse)


def no_exchange() -> None:
    """The stores' file system cannot exchange two names."""

    def refuse(real: Function) -> Function:
        def rename(folder: int, source: str, target: str, flag: int) -> None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), source)

        return rename

    replace("syncd.files.syscalls:rename", refuse)


def person_saves() -> None:
    """A person saves one of the files right before it is exchanged."""

    def meddled(real: Function) -> Function:
        def exchange(folder: Any, one: str, other: str) -> None:
            if other == MET and SAVED.exists():
                save = os.open(".person", os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=folder.fd)
                os.write(save, SAVED.read_bytes())
                os.close(save)
                os.rename(".person", other, src_dir_fd=folder.fd, dst_dir_fd=folder.fd)
                SAVED.rename(f"{SAVED}.done")
            real(folder, one, other)

        return exchange

    replace("syncd.files.folder:Folder.exchange", meddled)


GIVEN = {
    "small-pages": small_pages,
    "history-elsewhere": history_elsewhere,
    "no-exchange": no_exchange,
    "person-saves": person_saves,
}
