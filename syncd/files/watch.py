"""Hints that something changed under a store's root. Truth is what read and scan find.

watchdog's inotify binding reads and parses the events; its Observer is not used. That holds an
unpaired rename back for half a second, tells no handler that the kernel's queue overflowed, and
takes some 300 us a save, in which the queue does overflow.
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from collections.abc import Callable
from typing import Final

from watchdog.observers.inotify_c import (
    CallbackId,
    InotifyConstants,
    InotifyEvent,
    InotifyFD,
    Mask,
    WatchCallback,
    WatchDescriptor,
)

from syncd.files.root import Root
from syncd.stores.layout import Layout, normal

_SETTLED: Final = InotifyConstants.IN_CLOSE_WRITE | InotifyConstants.IN_MOVED_TO
_ARRIVED: Final = InotifyConstants.IN_CREATE | InotifyConstants.IN_MOVED_TO
_LEFT: Final = InotifyConstants.IN_DELETE | InotifyConstants.IN_MOVED_FROM
_FILES: Final = (
    _SETTLED | InotifyConstants.IN_CREATE | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_MOVED_FROM | InotifyConstants.IN_DELETE | InotifyConstants.IN_ATTRIB
)  # fmt: skip
_SELF: Final = InotifyConstants.IN_DELETE_SELF | InotifyConstants.IN_MOVE_SELF
_FOLDER: Final = Mask(_FILES | InotifyConstants.IN_ONLYDIR | InotifyConstants.IN_DONT_FOLLOW)
_ROOT: Final = Mask(_FILES | _SELF | InotifyConstants.IN_ONLYDIR)
_NO_WATCH: Final = WatchDescriptor(-1)

_LIMITS: Final = {
    errno.ENOSPC: "fs.inotify.max_user_watches",
    errno.EMFILE: "fs.inotify.max_user_instances, or what this process may open (ulimit -n),",
}

_GONE: Final = frozenset({
    errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE, errno.EACCES, errno.EPERM,
    errno.ENAMETOOLONG,
})  # fmt: skip
"""A folder that is none any more, is closed, or lies too deep for any key."""


class WatchFailed(Exception):
    """The root cannot be watched, or not all of it; polling finds changes all the same."""


class Watcher:
    """Watches one store's root and everything below it that the layout does not prune.

    `on_path(path, settled)` names a file that belongs to the store, spelled as on disk; settled
    says that it was closed after writing or renamed into place, not settled that it was made,
    modified, removed, given other permissions or met in a folder that is new, or that a folder of
    its name is gone. `on_rescan(why)`
    says that changes may have been missed; `on_touch()` that the root's own attributes changed, as
    a canary has them do. All are called from the watcher's own thread and must return at once; the
    order of calls means nothing. A name that is not UTF-8 is left to the next scan, which holds it.
    """

    def __init__(
        self, root: Root, layout: Layout,
        on_path: Callable[[str, bool], None], on_rescan: Callable[[str], None],
        on_touch: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._root = root
        self._place = os.fsencode(root.path)
        self._layout = layout
        self._on_path = on_path
        self._on_rescan = on_rescan
        self._on_touch = on_touch
        self._folders: dict[str, _Watched] = {}
        self._below: dict[str, set[str]] = {}
        """The watched folders of each folder. Of thousands that are made, or renamed, one by one,
        each is looked for here and not among all."""
        self._ids = itertools.count()
        self._walking = threading.Lock()
        self._deaf = False
        self._inotify: InotifyFD | None = None

    def start(self) -> None:
        """Watches everything there is; what changes from now on is hinted. Scan after it.

        Raises WatchFailed, saying which limit to raise, with nothing left behind.
        """
        try:
            self._inotify = InotifyFD()
        except OSError as error:
            raise self._failed(error) from error
        self._inotify.start()
        try:
            self._walk("", report=False)
        except WatchFailed:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends the thread; nothing is called any more once it returns."""
        inotify, self._inotify = self._inotify, None
        if inotify is not None:
            inotify.stop()
            inotify.join()

    @property
    def alive(self) -> bool:
        """Whether every change is still hinted. Once False, start another watcher or poll."""
        inotify = self._inotify
        return inotify is not None and inotify.is_alive() and not self._deaf

    def within(self, folder: str) -> Callable[[str], bool]:
        """Which names of files in `folder` belong to the store."""
        return self._layout.within(normal(folder))

    def changed(self, folder: _Watched, name: str, mask: int) -> None:
        """What an event says of a name in a watched folder. Called by the watcher's thread."""
        path = folder.prefix + name
        if not mask & InotifyConstants.IN_ISDIR:
            if folder.has(name):
                self._on_path(path, bool(mask & _SETTLED))
        elif mask & _ARRIVED or (mask & InotifyConstants.IN_ATTRIB and path not in self._folders):
            # Other permissions let in what was closed when it was met.
            if not self._layout.prunes(normal(path)):
                self._rewalk(path, report=True)
        elif mask & _LEFT:
            if folder.has(name):
                self._on_path(path, False)  # It may have kept the file of its name out.
            if mask & InotifyConstants.IN_MOVED_FROM:
                self._moved_away(path)

    def touched(self) -> None:
        """The root's own attributes changed. Called by the watcher's thread."""
        self._on_touch()

    def overflowed(self) -> None:
        """The kernel dropped events, of folders too. Called by the watcher's thread."""
        self._rewalk("", report=False)
        self._on_rescan("more happened than the kernel's queue of events holds")

    def ended(self, folder: _Watched) -> None:
        """The watch of a folder is no more. Called by the watcher's thread."""
        if self._inotify is None:
            return
        with self._walking:
            if self._folders.get(folder.path) is folder:
                self._drop(folder.path)
        if not folder.path:
            self._deaf = True
            self._on_rescan("the store's folder was moved, removed or unmounted")

    def _moved_away(self, path: str) -> None:
        with self._walking:
            moved = [each for each in (path, *self._inside(path)) if each in self._folders]
            for each in moved:
                self._unwatch(each)
        if moved:
            self._on_rescan(f"the folder {path!a} was renamed or moved away")

    def _rewalk(self, top: str, *, report: bool) -> None:
        try:
            self._walk(top, report=report)
        except WatchFailed as failed:
            self._deaf = True
            self._on_rescan(str(failed))

    def _walk(self, top: str, *, report: bool) -> None:
        """Watches `top` and all below, and no longer what was below; `report` names the files."""
        with self._walking:
            stale = set(self._inside(top))
            folders = [top]
            while folders and self._inotify is not None:
                folder = self._watch(self._inotify, folders.pop())
                if folder is not None:
                    stale.discard(folder.path)
                    folders += self._list(folder, report=report)
            for path in stale:
                self._unwatch(path)

    def _watch(self, inotify: InotifyFD, path: str) -> _Watched | None:
        folder = _Watched(self, path, next(self._ids))
        # Of 10,000 folders: what pathlib makes of each took a third of the start.
        place = self._place + b"/" + os.fsencode(path) if path else self._place
        mask = _FOLDER if path else _ROOT
        try:
            folder.descriptor = _added(inotify, place, mask, folder)
        except OSError as error:
            if path and error.errno in _GONE:
                return None  # What became of it is hinted too.
            raise self._failed(error) from error
        # RACE: the old watch goes after the new one is there, so no change falls between.
        self._unwatch(path)
        self._folders[path] = folder
        if path:
            self._below.setdefault(path.rpartition("/")[0], set()).add(path)
        return folder

    def _unwatch(self, path: str) -> None:
        folder = self._drop(path)
        if folder is not None and self._inotify is not None:
            self._inotify.remove_callbacks([(folder.descriptor, folder.id)])

    def _drop(self, path: str) -> _Watched | None:
        parent = path.rpartition("/")[0]
        beside = self._below.get(parent, set())
        beside.discard(path)
        if not beside:
            self._below.pop(parent, None)
        return self._folders.pop(path, None)

    def _inside(self, top: str) -> list[str]:
        """The watched folders below `top`. One is watched only while its parent is."""
        found = list(self._below.get(top, ()))
        for path in found:
            found += self._below.get(path, ())
        return found

    def _list(self, folder: _Watched, *, report: bool) -> list[str]:
        # RACE: listed after it is watched: what comes later is an event, what came before is
        # seen here, and what is both is named twice.
        below: list[str] = []
        try:
            with self._root.folder(folder.path) as opened, os.scandir(opened.fd) as listing:
                for found in listing:
                    # At a start 100,000 files are passed over here: nothing is made of each.
                    if found.is_dir(follow_symlinks=False):
                        path = folder.prefix + found.name
                        if not self._layout.prunes(normal(path)):
                            below.append(path)
                    elif report and folder.has(found.name):
                        self._on_path(folder.prefix + found.name, False)
        except OSError as error:
            if error.errno not in _GONE:
                raise WatchFailed(f"{folder.path!a} cannot be watched: {error.strerror}") from error
            # Every scan says which, and holds what it hides.
            return []
        return below

    def _failed(self, error: OSError) -> WatchFailed:
        why, advice = error.strerror, "check its mount"
        if limit := _LIMITS.get(error.errno or 0):
            # The system's own word is that no space is left on the device: no disk is full.
            why, advice = f"{limit} is reached", "`syncd doctor` tells how to raise it"
        elif error.errno == errno.EACCES:
            advice = "let the user that runs syncd read it"
        return WatchFailed(f"{self._root.path} cannot be watched: {why}; {advice}")


def _added(inotify: InotifyFD, place: bytes, mask: Mask, folder: _Watched) -> WatchDescriptor:
    """The watch of `place`. Raises OSError, EACCES too, which watchdog passes over in silence."""
    descriptor = inotify.add_callback(place, mask, folder, folder.id)
    if descriptor == _NO_WATCH:
        inotify.remove_callbacks([(descriptor, folder.id)])
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fsdecode(place))
    return descriptor


class _Watched(WatchCallback):
    """One watched folder. It knows its path: a moved folder gets a new one of these."""

    def __init__(self, watcher: Watcher, path: str, id: int) -> None:
        self.path = path
        self.prefix = path + "/" if path else ""
        self.id = CallbackId(id)
        self.descriptor = _NO_WATCH
        self._watcher = watcher
        self._wanted: Callable[[str], bool] | None = None

    def has(self, name: str) -> bool:
        """Whether the file `name` belongs to the store."""
        # Made when the first is asked for: in most folders nothing ever happens.
        wanted = self._wanted = self._wanted or self._watcher.within(self.path)
        return wanted(name if name.isascii() else normal(name))

    def on_event(self, event: InotifyEvent) -> None:
        if event.name:
            self._watcher.changed(self, os.fsdecode(event.name), event.mask)
        elif event.mask & InotifyConstants.IN_MOVE_SELF:
            self._watcher.ended(self)
        elif event.mask & InotifyConstants.IN_ATTRIB and not self.path:
            self._watcher.touched()

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        self._watcher.ended(self)

    def on_queue_overflow(self) -> None:
        # Every folder is told; one answer is enough.
        if not self.path:
            self._watcher.overflowed()
