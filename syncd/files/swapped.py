"""Files taken out of the tree, kept aside until no program writes to them any more.

A program that opened a file before it was swapped out goes on writing to that inode, whatever
name it has now. So the inode is kept here and looked at again; what it holds more than the
version that was swapped out is a local save that came late. After the last look it goes into
history, where a copy of that version has been from the beginning.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from syncd.core.model import Digest
from syncd.core.writing import LateSave
from syncd.files.folder import Folder, digest_of, write_all
from syncd.files.history import History, NotInHistory, secure
from syncd.stores.codec import RECORDS_LIMIT, is_text

FIRST_LOOK: Final = 1.0
"""Seconds from the swap to the first look, and from one look to the next while a file changes."""

LAST_LOOK: Final = 60.0
"""Seconds from the first look to the last."""

PATIENCE: Final = 60.0
"""Seconds that a file may go on changing before its bytes are taken as they are."""

MOST_OPEN: Final = 200
"""Descriptors kept open at once, well below the usual limit of 1,024."""

_LABEL: Final = ".label"
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_AT_ONCE: Final = 0.0


@dataclass(slots=True)
class _Aside:
    """One inode. `known` is the digest of what the engine knows of it, `seen` of the last look.

    `fd` is None for an inode that has a name in the folder. `due` None: taken since the last
    call of due. `left`: an earlier run took it, and nothing of it was released in this one.
    """

    path: str
    known: Digest
    seen: Digest
    fd: int | None = None
    due: float | None = None
    last: bool = False
    left: bool = False
    changing_since: float | None = None


class Swapped:
    """`<folder>/<mark>` is an inode, `<folder>/<mark>.label` says whose and of which version.

    Unless `lasting`, or kept for another reason, it leaves history after the last look: of files of
    many records each is kept by itself. Safe to share between threads. One for each store, used by
    the owner of the state folder only; nothing is touched before the first call. Times are seconds
    on any one clock.
    """

    def __init__(self, folder: Path, history: History, *, lasting: bool = True) -> None:
        self.history = history
        self._lasting = lasting
        self.folder = folder
        self._asides: dict[str, _Aside] | None = None
        self._touched = False
        self._lock = threading.Lock()

    def take(self, folder: Folder, name: str, path: str, digest: Digest) -> None:
        """Moves the file `name`, which was the file at `path` with `digest`, in here.

        Its bytes are in history at once, durable with sync. An inode on another file system
        loses its name and is watched through a descriptor, which keeps that mounted for a minute.
        One that has another name is not watched: what is written to it is in the tree.
        """
        found = folder.stat(name)
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        if found.st_nlink > 1:
            self.history.copy(folder, name)
            folder.remove(name)
            return
        with self._lock:
            mark, asides = secrets.token_hex(8), self._known()
            try:
                self._label(mark, path, digest)
                # The inode is durable already and stays until after this copy is.
                self.copy(folder, name, durable=False)
                os.rename(name, self.folder / mark, src_dir_fd=folder.fd)
            except OSError as error:
                self._unlabel(mark)
                if error.errno != errno.EXDEV:
                    raise
            else:
                asides[mark] = _Aside(path, digest, digest)
                self._touched = True
                return
        fd = folder.open(name)
        try:
            self.copy(folder, name)
            folder.remove(name)
        except OSError:
            os.close(fd)
            raise
        self.watch(fd, path, digest)

    def copy(self, folder: Folder, name: str, *, durable: bool = True) -> Digest:
        """Puts a copy of the file `name`, which is to be watched, into history; its digest."""
        return self.history.copy(folder, name, durable=durable, lent=not self._lasting)

    def watch(self, fd: int, path: str, digest: Digest) -> None:
        """Looks again at an inode that has no name any more; closes `fd` in the end.

        Not at more than MOST_OPEN at once: of the others what is written late is not seen.
        """
        with self._lock:
            asides = self._known()
            if sum(aside.fd is not None for aside in asides.values()) >= MOST_OPEN:
                os.close(fd)
                return
            asides[secrets.token_hex(8)] = _Aside(path, digest, digest, fd)

    def sync(self) -> None:
        """Makes what was taken so far durable."""
        with self._lock:
            if self._touched:
                with self._opened() as folder:
                    folder.sync()
                self._touched = False
        self.history.sync()

    @property
    def empty(self) -> bool:
        """Whether it is known that nothing is kept aside: then nothing is due."""
        return self._asides is not None and not self._asides

    def due(self, now: float) -> list[LateSave]:
        """Looks at what is due; saves that came late, each told until it is released.

        What an earlier run left is looked at first. The bytes of a late save are in history.
        """
        with self._lock:
            late: list[LateSave] = []
            try:
                asides = self._known()
            except OSError:
                return []  # The state folder is unusable: the first take says so, as a hold.
            for mark, aside in list(asides.items()):
                if aside.due is None:
                    aside.due = now + FIRST_LOOK
                elif aside.due <= now and (save := self._look(mark, aside, now)):
                    late.append(save)
        if late:
            self.history.sync()
        return late

    def release(self, save: LateSave) -> None:
        """The engine knows of `save`: what is written from now on is based on it."""
        with self._lock:
            if (aside := self._known().get(save.mark)) is None:
                return
            aside.known, aside.due, aside.last, aside.left = save.digest, None, False, False
            if aside.fd is None:
                # With the old label it is told again after a crash: the engine has it on record.
                with suppress(OSError):
                    self._label(save.mark, aside.path, aside.known)

    def keep(self, body: bytes) -> Digest:
        """Puts bytes that nothing else holds into history, durably."""
        return secure(self.history, body)

    def kept(self, digest: Digest) -> bytes | None:
        """Text that is in history; None of a payload, and of what is not there."""
        body = None
        with suppress(NotInHistory):
            if (self.history.size(digest) or 0) <= RECORDS_LIMIT:
                body = self.history.get(digest)
        return body if body is not None and is_text(body) else None

    def close(self) -> None:
        """Closes every descriptor; files in the folder are for the next run to look at."""
        with self._lock:
            for aside in (self._asides or {}).values():
                if aside.fd is not None:
                    os.close(aside.fd)
            self._asides = None

    def _look(self, mark: str, aside: _Aside, now: float) -> LateSave | None:
        try:
            digest = self._read(mark, aside, digest_of)
            if digest != aside.known:
                return self._changed(mark, aside, digest, now)
            aside.changing_since = None
            if aside.last:
                self._retire(mark, aside, digest)
            aside.last, aside.due = True, now + LAST_LOOK
        except OSError:
            # The disk refuses for now. The inode stays where it is, and the look is repeated.
            aside.due = now + LAST_LOOK
        return None

    def _changed(self, mark: str, aside: _Aside, digest: Digest, now: float) -> LateSave | None:
        aside.changing_since = now if aside.changing_since is None else aside.changing_since
        first_run = aside.due == _AT_ONCE
        aside.due = now + FIRST_LOOK
        if digest != aside.seen and not first_run and now - aside.changing_since < PATIENCE:
            # It may be in the middle of a write: believed once two looks agree.
            aside.seen = digest
            return None
        aside.seen = digest = self._read(mark, aside, self.history.take_in)
        body = self.kept(digest)
        before = None if body is None else self.kept(aside.known)
        return LateSave(aside.path, aside.known, before, digest, body, mark, aside.left)

    def _read(self, mark: str, aside: _Aside, take: Callable[[int], Digest]) -> Digest:
        fd = aside.fd
        if fd is None:
            with self._opened() as folder:
                fd = folder.open(mark)
        else:
            os.lseek(fd, 0, os.SEEK_SET)
        try:
            return take(fd)
        finally:
            if aside.fd is None:
                os.close(fd)

    def _retire(self, mark: str, aside: _Aside, digest: Digest) -> None:
        dropped = not self._lasting and self.history.drop(digest)
        if aside.fd is not None:
            os.close(aside.fd)
        else:
            with self._opened() as folder:
                folder.remove(mark) if dropped else self.history.settle(folder, mark, digest)
            self._unlabel(mark)
        del self._known()[mark]

    def _known(self) -> dict[str, _Aside]:
        """What is kept aside; on the first call, what an earlier run left."""
        if self._asides is None:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            left: dict[str, _Aside] = {}
            with self._opened() as folder, os.scandir(folder.fd) as listing:
                names = sorted(found.name for found in listing)
                for mark in (name for name in names if not name.endswith(_LABEL)):
                    self._adopt(folder, mark, left)
                for label in (name for name in names if name.endswith(_LABEL)):
                    if label.removesuffix(_LABEL) not in left:
                        folder.remove(label)
            self._asides = left
        return self._asides

    def _adopt(self, folder: Folder, mark: str, asides: dict[str, _Aside]) -> None:
        try:
            told = json.loads((self.folder / (mark + _LABEL)).read_bytes())
            path, known = str(told["path"]), Digest(told["digest"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            # Whose it was went with the power. Its bytes go where everything replaced is.
            met = folder.look(mark)
            if met is not None and met.digest is not None:
                self.history.settle(folder, mark, met.digest)
            return
        labelled = folder.stat(mark + _LABEL)
        age = time.time() - labelled.st_mtime if labelled is not None else 0.0
        # Of a run that ended long ago, or of many short ones, the first look is the last too.
        last = age > FIRST_LOOK + LAST_LOOK
        asides[mark] = _Aside(path, known, known, due=_AT_ONCE, last=last, left=True)

    def _label(self, mark: str, path: str, digest: Digest) -> None:
        # Not made durable: a program that writes late ends with the machine's power too.
        label, making = self.folder / (mark + _LABEL), self.folder / (mark + ".new" + _LABEL)
        fd = os.open(making, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, json.dumps({"path": path, "digest": digest}).encode())
            making.rename(label)
        except OSError:
            making.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)

    def _unlabel(self, mark: str) -> None:
        (self.folder / (mark + _LABEL)).unlink(missing_ok=True)

    def _opened(self) -> Folder:
        return Folder(os.open(self.folder, _FOLDER))
