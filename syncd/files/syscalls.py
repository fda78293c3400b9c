"""openat2(2), renameat2(2), sync_file_range(2) and the fallocate(2) that leaves a file as long as
it is, which the standard library does not offer, and read leases.

All raise OSError as `os` does. ENOSYS, EINVAL and EPERM also stand for "not here": an older
kernel, a file system without the flag, a container's system call filter.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
from typing import Final

NO_REPLACE: Final = 1
"""RENAME_NOREPLACE: fail with EEXIST where the target exists."""
EXCHANGE: Final = 2
"""RENAME_EXCHANGE: swap two existing names in one step."""

_KEEP_SIZE: Final = 1
_START: Final = 2
_OPENAT2: Final = 437  # the same number on every architecture (Linux 5.6)
_NO_SYMLINKS: Final = 0x04
_BENEATH: Final = 0x08
_LOOKUPS_RACED: Final = 8

_libc = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


def open_beneath(folder: int, path: str, flags: int) -> int:
    """Opens `path` below the directory descriptor; ELOOP for a symlink in any component."""
    how = _OpenHow(flags | os.O_CLOEXEC, 0, _BENEATH | _NO_SYMLINKS)
    name = os.fsencode(path)
    for _ in range(_LOOKUPS_RACED):
        fd = _libc.syscall(_OPENAT2, folder, name, ctypes.byref(how), ctypes.sizeof(how))
        if fd >= 0:
            return int(fd)
        if ctypes.get_errno() not in (errno.EAGAIN, errno.EINTR):
            break
    raise _error(path)


def rename(folder: int, source: str, target: str, flag: int) -> None:
    """renameat2 inside one directory with NO_REPLACE or EXCHANGE."""
    call = getattr(_libc, "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), source)
    if call(folder, os.fsencode(source), folder, os.fsencode(target), ctypes.c_uint(flag)) != 0:
        raise _error(source)


def reserve(fd: int, size: int) -> None:
    """Makes room for `size` bytes behind the file, which stays as long as it is: fallocate(2).

    ENOSPC and EDQUOT before anything is written.
    """
    end = os.fstat(fd).st_size
    call = getattr(_libc, "fallocate64", None) or _libc.fallocate
    mode, start, length = ctypes.c_int(_KEEP_SIZE), ctypes.c_int64(end), ctypes.c_int64(size)
    if call(fd, mode, start, length) != 0:
        raise OSError(number := ctypes.get_errno(), os.strerror(number))


def start_writing(fd: int) -> None:
    """Has the kernel begin to write what the file holds: sync_file_range(2).

    It makes nothing durable, and where it cannot be done the fsync does all.
    """
    call = getattr(_libc, "sync_file_range", None)
    if call is not None:
        call(fd, ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(_START))


def lease(fd: int) -> None:
    """Takes a read lease: whoever opens the file for writing waits until it is given back.

    BlockingIOError exactly while somebody has it open for writing already (fcntl(2)). That an
    opener waits is signalled: by SIGURG, which nobody notices, since SIGIO ends the process.
    """
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)


def unlease(fd: int) -> None:
    """Gives the lease back."""
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _error(path: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), path)
