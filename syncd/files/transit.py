"""Payloads of one store, on their way from its files and to them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import BinaryIO

from syncd.core.decision import Write, racy
from syncd.core.model import Content, Digest, Hold
from syncd.core.reading import Found, Reading, Slow, Stat
from syncd.core.writing import Note, WriteFailed
from syncd.files import staging
from syncd.files.payloads import Payloads
from syncd.files.read import Large, measure
from syncd.files.root import Root
from syncd.files.trouble import ROOT_GONE, refused

SLOW_BYTES = 8 * 1024 * 1024
"""Bytes above which a file is not read within a turn: others would wait for it."""


class Transit:
    """What is sent from a store's files, and what lies ready beside them.

    `locate` answers the folder and how a path is spelled in it, None while there is none. Safe to
    share between threads; copying holds up nobody.
    """

    def __init__(
        self, payloads: Payloads, locate: Callable[[str], tuple[Root, str] | None]
    ) -> None:
        self.payloads = payloads
        self._locate = locate
        self._measured: dict[str, tuple[Stat, Digest]] = {}
        self._prepared: dict[str, staging.Prepared] = {}
        self._lock = threading.Lock()

    def measure(self, path: str, large: Large, *, patient: bool, anew: bool = False) -> Reading:
        """What an open file holds. Read once, as long as its stat stays, or `anew`. Closes it."""
        known = self._measured.get(path) if not anew else None
        if known is not None and known[0] == large.stat:
            os.close(large.fd)
            return Found(Content(known[1], large.stat.size), None, large.stat)
        if not patient and large.stat.size > SLOW_BYTES:
            os.close(large.fd)
            return Slow(_BEING_READ, large.stat)
        # RACE: a save in the tick of the one that is read leaves its stat: what counts is when the
        # look began, and it may take minutes.
        began = time.time_ns()
        reading = measure(large)
        if isinstance(reading, Found) and not racy(
            reading.stat.mtime_ns, reading.stat.ctime_ns, began
        ):
            self._measured[path] = (reading.stat, reading.content.digest)
        return reading

    def forget(self, path: str) -> None:
        """The file at `path` is none, or short: what it held as a payload is of no more use."""
        self._measured.pop(path, None)

    def open(self, path: str) -> BinaryIO | Hold:
        """The file at `path`, opened to be sent; what it holds by now is for the reader to see."""
        place = self._locate(path)
        if place is None:
            return ROOT_GONE
        root, spelled = place
        parent, _, name = spelled.rpartition("/")
        try:
            with root.folder(parent) as folder:
                return os.fdopen(folder.open(name), "rb", buffering=0)
        except OSError as error:
            return refused(error)

    def keep(self, path: str) -> Digest | Hold:
        """Put a copy of the file at `path` into history, durably."""
        opened = self.open(path)
        if isinstance(opened, Hold):
            return opened
        with opened:
            digest = self.payloads.history.take_in(opened.fileno())
            self.payloads.history.sync()
        return digest

    def prepare(self, path: str, digest: Digest, *, move: bool) -> Hold | None:
        """Put a payload durably beside the file at `path`, to be staged in a moment.

        With `move` this is the last file that waits for it. Raises Damaged where what is here is
        not right, and FileNotFoundError where nothing is.
        """
        place = self._locate(path)
        if place is None:
            return ROOT_GONE
        root, spelled = place
        with self._lock:
            former = self._prepared.pop(path, None)
        if former is not None:
            staging.unprepare(root, spelled, former)
        try:
            prepared = staging.prepare(root, spelled, self.payloads, digest, move=move)
        except FileNotFoundError:
            raise
        except WriteFailed as failed:
            return failed.hold
        except OSError as error:
            return refused(error)
        with self._lock:
            self._prepared[path] = prepared
        return None

    def prepared(self, path: str, digest: Digest) -> bool:
        """Whether the payload `digest` lies ready beside the file at `path`."""
        ready = self._prepared.get(path)
        return ready is not None and ready.digest == digest

    def ready(self) -> Mapping[str, Digest]:
        """The payloads that lie ready, by the paths of the files beside which they do."""
        with self._lock:
            return {path: each.digest for path, each in self._prepared.items()}

    def put_away(self, path: str, digest: Digest) -> None:
        """Remove the payload that lies ready beside the file at `path`, if it is `digest`."""
        place = self._locate(path)
        if place is None:
            return
        with self._lock:
            if not self.prepared(path, digest):
                return
            ready = self._prepared.pop(path)
        root, spelled = place
        staging.unprepare(root, spelled, ready)

    def stage(self, root: Root, spelled: str, write: Write) -> Note | Hold:
        """The note of a write whose payload lies ready. Raises WriteFailed."""
        with self._lock:
            ready = self._prepared.pop(write.path, None)
        if ready is None or ready.digest != write.payload:
            return _NOT_READY
        return staging.stage_prepared(root, spelled, ready, write.expected)


_NOT_READY = Hold(
    "payload-awaited", "its content is not here yet", "nothing to do: it is being fetched"
)
_BEING_READ = Hold("being-read", "it is long, and is being read", "nothing to do")
