"""What the C library keeps of the memory that a program is done with."""

from __future__ import annotations

import ctypes
from typing import Final

TRIM_THRESHOLD: Final = -1
"""M_TRIM_THRESHOLD of mallopt(3)."""

KEPT: Final = 128 * 1024
"""Bytes: what glibc begins with."""


def give_back() -> None:
    """Have large blocks go back to the system as soon as nobody needs them.

    glibc raises by itself what it takes for large, up to 32 MiB, with each such block that is
    freed: a daemon that read a text of 2 MB now and then kept 20 MB of such texts for good. What it
    was told once it raises no more. Nothing is done where there is another C library.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, KEPT)
