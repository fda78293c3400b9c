"""A store on a real disk, a person who saves into it, and a seam before every step of a write."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from syncd.core.model import Digest, Hold
from syncd.core.writing import Note, WriteFailed, Writing
from syncd.files.folder import Folder
from syncd.files.history import History
from syncd.files.root import Root
from syncd.files.staging import New, stage_all
from syncd.files.swapped import Swapped
from syncd.files.write import perform, recover
from syncd.stores.layout import TEMPORARY_PREFIX

OLD, OURS = b'{"is": "old"}', b'{"is": "ours"}'
PATH = "folder/file.json"

FOLDER_STEPS = (
    "stat",
    "open",
    "lease",
    "look",
    "create",
    "exchange",
    "move",
    "replace",
    "remove",
    "sync",
)
HISTORY_STEPS = ("keep", "copy", "put", "sync")


def digest(body: bytes) -> Digest:
    return Digest(hashlib.sha256(body).hexdigest())


def stage(root: Root, path: str, body: bytes, expected: Digest | None) -> Note:
    """One write, staged. Raises WriteFailed."""
    (staged,) = stage_all(root, [New(path, body, expected)])
    if isinstance(staged, Hold):
        raise WriteFailed(path, staged)
    return staged


class Crash(BaseException):
    """The process ends here: no cleanup for an OSError runs."""


def before(cls: type[Any], names: tuple[str, ...], step: Callable[[str], None]) -> type[Any]:
    """`cls` with `step` called before each of the methods `names`."""

    def wrapped(name: str) -> Callable[..., Any]:
        method = getattr(cls, name)

        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            step(f"{cls.__name__}.{name}")
            return method(self, *args, **kwargs)

        return call

    return type(cls.__name__, (cls,), {name: wrapped(name) for name in names})


class World:
    """One store, its history, and what was ever saved under `PATH`."""

    def __init__(self, base: Path, old: bytes | None) -> None:
        self.base = base
        self.store = base / "store"
        self.file = self.store / PATH
        self.file.parent.mkdir(parents=True)
        self.steps: list[str] = []
        self.at_step: dict[int, list[Callable[[], None]]] = {}
        self.root = Root.open(self.store, folders=before(Folder, FOLDER_STEPS, self._step))
        self.history: History = before(History, HISTORY_STEPS, self._step)(base / "history")
        self.swapped = Swapped(base / "swapped", self.history)
        self.checked = True
        """Whether `check` holds: not where a test makes other things of the file than saves."""
        self.watched_from: int | None = None
        """The step from which on the file must hold the newest save at every one."""
        self.alive: set[bytes] = set()
        """Bodies that somebody saved and nobody replaced knowingly."""
        self.newest: bytes | None = None
        self.renamed_over: set[int] = set()
        self.waited = 0
        """How often somebody who opened a file for writing had to wait for a lease."""
        if old is not None:
            self.save(old)

    def _step(self, name: str) -> None:
        number = len(self.steps)
        self.steps.append(name)
        for act in self.at_step.get(number, []):
            act()
        self.check()

    def save(self, body: bytes) -> None:
        """Somebody saves by renaming a new file into place, over whatever the file holds."""
        self._saved_over(body)
        aside = self.file.with_name("editor.tmp")
        aside.write_bytes(body)
        if self.file.exists():
            self.renamed_over.add(self.file.stat().st_ino)
        aside.rename(self.file)

    def save_in_place(self, body: bytes) -> None:
        """Somebody saves by truncating and writing the file that is there."""
        if not self.file.exists():
            self._saved_over(body)
            self.file.write_bytes(body)
            return
        self._write_to(os.open(self.file, os.O_RDONLY), body, self.newest)

    def _write_to(self, found: int, body: bytes, over: bytes | None) -> None:
        # As open(2) does: the name is looked up first, then a lease on the inode is waited for.
        met = os.fstat(found)
        if met.st_nlink == 0 and met.st_ino in self.renamed_over:
            os.close(found)
            return  # Lost, but by the other program, which replaced what this one has open.
        held = os.pread(found, 1 << 20, 0)
        try:
            fd = os.open(f"/proc/self/fd/{found}", os.O_WRONLY | os.O_TRUNC | os.O_NONBLOCK)
        except BlockingIOError:
            self.waited += 1
            self.at(0, lambda: self._write_to(found, body, over))
            return
        self.alive.discard(held)
        if self.newest in (over, held):
            self.newest = body  # Else somebody opened the file later, and was not made to wait.
        self.alive.add(body)
        os.write(fd, body)
        os.close(fd)
        os.close(found)

    def delete(self) -> None:
        """Somebody deletes the file."""
        self._saved_over(None)
        self.file.unlink(missing_ok=True)

    def _saved_over(self, body: bytes | None) -> None:
        self.alive.discard(self.holds() or b"")
        self.newest = body
        if body is not None:
            self.alive.add(body)

    def holds(self) -> bytes | None:
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return None

    def temporaries(self) -> list[Path]:
        return [p for p in self.file.parent.iterdir() if p.name.startswith(TEMPORARY_PREFIX)]

    def kept(self) -> set[bytes]:
        kept = [*(self.base / "history").rglob("*"), *(self.base / "swapped").glob("*")]
        return {p.read_bytes() for p in kept if p.is_file() and p.suffix != ".label"}

    def check(self) -> None:
        """What must hold at every instant."""
        if not self.checked:
            return
        held = self.holds()
        aside = [path.read_bytes() for path in self.temporaries()]
        reachable = self.kept() | {held} | set(aside)
        assert self.alive <= reachable, f"lost at {self.steps[-3:]}: {self.alive - reachable}"
        assert held in {None, OURS, OLD, *self.alive, self.newest}, f"a mix: {held!r}"
        if self.watched_from is not None and len(self.steps) > self.watched_from:
            assert held == self.newest, f"displaced at {self.steps[-3:]}"
        names = {path.name for path in self.file.parent.iterdir()}
        strange = {n for n in names if n != self.file.name and not n.startswith(TEMPORARY_PREFIX)}
        assert not strange, strange

    def check_cleared(self) -> None:
        """What must hold once the note is discarded: nothing is left to a temporary name."""
        assert self.temporaries() == []
        assert self.alive <= self.kept() | {self.holds()}

    def at(self, step: int, act: Callable[[], None]) -> None:
        """Has `act` happen just before the step of that number, counted from now."""
        self.at_step.setdefault(len(self.steps) + step, []).append(act)

    def perform(self, note: Note) -> Writing:
        answer = perform(self.root, note, self.swapped)
        assert isinstance(answer, Writing), answer
        self.check()
        return answer

    def recover(self, note: Note) -> Writing:
        answer = recover(self.root, note, self.swapped)
        assert isinstance(answer, Writing), answer
        self.check()
        return answer


@contextmanager
def world(old: bytes | None) -> Iterator[World]:
    """A new world, for tests that need many."""
    with tempfile.TemporaryDirectory() as base:
        yield World(Path(base), old)


def crash() -> None:
    raise Crash
