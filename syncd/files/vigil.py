"""Keeps one store watched for as long as its folder is there, and polled where it cannot be.

Does IO. Events become keys, on the event loop; everything else becomes a request to scan. That
events arrive is proved by causing one: see Canary.
"""

from __future__ import annotations

import asyncio
import os
import unicodedata
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from syncd.core.model import Key
from syncd.files.canary import Canary, Proof
from syncd.files.root import Root
from syncd.files.watch import Watcher, WatchFailed
from syncd.stores.layout import Layout, encodable, normal

CHECK = 5.0
"""Seconds between looks whether the folder is still the one that is watched."""

POLL = 10.0
"""Seconds between scans of a store that cannot be watched, or whose events do not arrive."""

UNPROVEN = 60.0
"""Seconds between scans of a store of which nobody can tell whether events arrive."""


class Touched(Protocol):
    """Told of a file event."""

    def __call__(self, key: Key, *, settled: bool) -> None:
        """`settled`: the file was closed after writing, or renamed into place."""


class Vigil:
    """Watches the folder at `path` for the store `name`."""

    def __init__(
        self,
        name: str,
        path: Path,
        layout: Layout,
        touched: Touched,
        rescan: Callable[[str], None],
        report: Callable[[str, str, str], object],
    ) -> None:
        self._name = name
        self._path = path
        self._layout = layout
        self._touched = touched
        self._rescan = rescan
        self._report = report
        self._root: Root | None = None
        self._watcher: Watcher | None = None
        self._canary: Canary | None = None
        self._scanned = 0.0
        self._lapsed = False
        """Whether changes may have passed unheard since the folder was watched, or was to be."""
        self._unspoken: set[str] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        self._scanned = loop.time()
        try:
            while True:
                pause = self._keep(loop)
                if pause and loop.time() - self._scanned >= pause:
                    self._scanned = loop.time()
                    self._rescan(self._name)
                await asyncio.sleep(CHECK if self._watcher is not None else POLL)
        finally:
            self._stop()

    def start(self) -> None:
        """Watch at once, so that a scan that follows misses nothing."""
        self._start(asyncio.get_running_loop())

    def _keep(self, loop: asyncio.AbstractEventLoop) -> float:
        """Sees to the watch; the seconds between scans that it leaves necessary, 0 for none."""
        if not self._watching() and not self._start(loop):
            return POLL
        if self._canary is None:
            return POLL
        match self._canary.prove(loop.time()):
            case Proof.HEARD:
                self._tell("watching")
                return 0.0
            case Proof.REFUSED:
                why = "it is another user's, or was closed to this one, so nobody can tell whether"
                self._tell("unproven", f"{why} its events arrive; scanned every minute")
                return UNPROVEN
            case Proof.DEAF:
                self._tell("polling", f"no events arrive from it; scanned every {POLL:.0f} s")
                return POLL
            case Proof.WAITING:
                return 0.0

    def _watching(self) -> bool:
        if self._watcher is None or self._root is None or not self._watcher.alive:
            return False
        try:
            found = self._path.stat()
        except OSError:
            return False
        identity = self._root.identity
        # Who may no longer read a folder still hears of it, and would believe it up to date.
        readable = os.access(self._path, os.R_OK | os.X_OK)
        return readable and (identity.device, identity.inode) == (found.st_dev, found.st_ino)

    def _start(self, loop: asyncio.AbstractEventLoop) -> bool:
        self._lapsed |= self._watcher is not None
        self._stop()
        try:
            root = Root.open(self._path)
            canary = Canary(root)
            self._watcher = Watcher(
                root,
                self._layout,
                _Gathered(loop, self._on_path).put,
                lambda why: _call(loop, self._on_rescan, why),
                lambda: _call(loop, canary.heard),
            )
            self._watcher.start()
        except (OSError, WatchFailed) as error:
            self._stop()
            self._lapsed = True
            why = error.strerror if isinstance(error, OSError) else str(error)
            self._tell("polling", f"scanned every {POLL:.0f} s; {why}")
            return False
        self._root, self._canary = root, canary
        self._tell("watching")
        if self._lapsed:
            self._lapsed = False
            self._rescan(self._name)
        return True

    def _stop(self) -> None:
        watcher, self._watcher = self._watcher, None
        self._root = self._canary = None
        if watcher is not None:
            watcher.stop()

    def _tell(self, state: str, detail: str = "") -> None:
        self._report(f"watch:{self._name}", state, detail)

    def _on_path(self, path: str, settled: bool) -> None:
        if not encodable(path):
            self._see_unspoken(path)
            return
        key = Key(self._name, normal(path))
        self._touched(key, settled=settled)
        if key.path != path or self._has_twin(path):
            # Under which spelling a key lies on disk is learnt by scanning, and that it has two.
            self._rescan(self._name)

    def _has_twin(self, path: str) -> bool:
        """Whether another file lies, or lay beside this one, under its decomposed spelling."""
        other = unicodedata.normalize("NFD", path)
        if other == path or not os.path.lexists(self._path / other):
            return False
        try:
            return not os.path.samestat(os.lstat(self._path / other), os.lstat(self._path / path))
        except OSError:
            return True  # One of them has just gone.

    def _see_unspoken(self, path: str) -> None:
        """No key has this name: a scan holds the file, or strikes it off once it is gone."""
        there = os.path.lexists(self._path / path)
        if there and path in self._unspoken:
            return  # It may be written to all day.
        (self._unspoken.add if there else self._unspoken.discard)(path)
        self._rescan(self._name)

    def _on_rescan(self, why: str) -> None:
        self._rescan(self._name)  # First: where there is no room, nobody can be told.
        self._tell("watching", f"scanned whole: {why}")


class _Gathered:
    """Hands paths from the watcher's thread to the loop, which is woken once for all that wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, take: Callable[[str, bool], None]) -> None:
        self._loop = loop
        self._take = take
        self._paths: deque[tuple[str, bool]] = deque()
        self._called = False

    def put(self, path: str, settled: bool) -> None:
        self._paths.append((path, settled))
        if not self._called:
            self._called = True
            _call(self._loop, self._hand_over)

    def _hand_over(self) -> None:
        # RACE: first, so that what is put from here on is taken below, or calls again.
        self._called = False
        for _ in range(len(self._paths)):
            self._take(*self._paths.popleft())


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *args: object) -> None:
    # RACE: the loop may close while the watcher's thread still has an event in hand; the next
    # start scans everything anyway.
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *args)
