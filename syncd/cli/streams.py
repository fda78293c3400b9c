"""Standard output and error where they cannot be written: a full disk, a reader that is gone."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EPIPE
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


PATIENCE: Final = 1.0
"""Seconds that a reader who is behind is waited for, once until it reads again."""


class _Lossy(io.FileIO):
    """Passes over what cannot be written, or is not read."""

    _patience = PATIENCE

    def write(self, data: ReadableBuffer, /) -> int:
        """As a file's, but that nothing is refused, and nobody waited for without an end."""
        whole = memoryview(data).cast("B")
        rest = whole
        with suppress(OSError):
            # A pipe that takes anything takes as much as this without waiting.
            while rest and self._takes():
                rest = rest[super().write(rest[: select.PIPE_BUF]) or 0 :]
        return whole.nbytes

    def _takes(self) -> bool:
        asked = select.poll()
        asked.register(self.fileno(), select.POLLOUT)
        ready = bool(asked.poll(self._patience * 1000))
        self._patience = PATIENCE if ready else 0.0
        return ready


class _Remembering(io.FileIO):
    """Knows why it could not be written."""

    trouble: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """As a file's."""
        try:
            return super().write(data)
        except OSError as error:
            self.trouble = error
            raise


def let_errors_be_lost() -> None:
    """From now on standard error takes everything: no daemon ends because its log has no room,
    just when it has to tell that a disk is full, or stands still because nobody reads it.
    """
    former = _opened(sys.stderr)
    sys.stderr = _over(_Lossy(former.fileno(), "w", closefd=False), former)


@contextmanager
def telling_of_loss() -> Iterator[None]:
    """Exit with 1, and say why, where what the block prints cannot be written."""
    former = _opened(sys.stdout)
    raw = _Remembering(former.fileno(), "w", closefd=False)
    sys.stdout = _over(raw, former)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # Python's own last flush would print an exception that it ignores.
    except (OSError, SystemExit):
        if raw.trouble is None:
            raise
        _leave(raw, raw.trouble)


def _opened(stream: TextIO | None) -> TextIO:
    """The stream, into nowhere where its descriptor was closed before the start: a file that is
    opened later must not get that, or what is printed goes into it.
    """
    if stream is not None:
        return stream
    return open(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _over(raw: io.FileIO, former: TextIO) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=former.encoding, errors=former.errors,
        line_buffering=bool(former.line_buffering),
    )  # fmt: skip


def _leave(raw: io.FileIO, trouble: OSError) -> None:
    if trouble.errno != EPIPE:
        said = f"syncd: what is to be said here cannot be written: {trouble.strerror}"
        said += "; what was done stays done\n  -> free some space, or send it elsewhere"
        print(said, file=sys.stderr)  # noqa: T201
    os.dup2(os.open(os.devnull, os.O_WRONLY), raw.fileno())
    sys.exit(1)
