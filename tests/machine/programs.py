"""What people and their programs do to the files of a machine, each as its steps in time.

A program is a generator that yields how many seconds pass before its next step. It tells the
run's `Saves` what it saved and what it had read before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from syncd.core.model import Digest

from .ancestry import EMPTY
from .disk import Inode
from .edits import is_whole
from .folders import Mover
from .machine import COUNTED, NAMES, PATHS

if TYPE_CHECKING:
    from .machine import Machine
    from .world import World

Program = Iterator[float]


class Person:
    """Somebody at a machine: reads, remembers, saves."""

    def __init__(self, world: World, machine: Machine) -> None:
        self.world = world
        self.machine = machine
        self._memory: dict[str, tuple[int, bytes]] = {}
        self._mover = Mover(self)

    def random(self) -> Program:
        """One program, picked at random."""
        if self.world.happens("renaming"):
            return self.wander()
        rng = self.world.rng
        path = rng.choice(self._mover.paths() if self.world.mix.foldering else PATHS)
        if self.world.happens("deleting"):
            return self.delete(path)
        if self.world.happens("remembering"):
            return self.from_memory(path)
        programs: list[tuple[int, Callable[[], Program]]] = [
            (30, lambda: self.replace(path)),
            (12, lambda: self.in_place(path)),
            (8, lambda: self.twice_in_a_tick(path)),
            (8, lambda: self.append("n.txt")),
            (10, lambda: self.from_memory(path)),
            (5 if self.world.reverts else 0, lambda: self.revert(path)),
            (8, lambda: self.delete(path)),
            (6, lambda: self.delete_and_create(path)),
            (5, lambda: self.rename(path, rng.choice(PATHS))),
        ]
        weights = [weight for weight, _ in programs]
        return rng.choices([make for _, make in programs], weights)[0]()

    def at_once(self) -> Program:
        """A program of a single step, for the moment between two system calls."""
        rng = self.world.rng
        path = rng.choice(self.machine_paths())
        if self.world.counting and rng.random() < 0.3:
            return self.count()
        if self.world.mix.foldering and rng.random() < 0.3:
            return self._mover.rename_any_folder()
        programs: list[Callable[[], Program]] = [
            lambda: self.replace(path, pause=0.0),
            lambda: self.in_place(path, pause=0.0),
            lambda: self.delete(path),
            lambda: self.from_memory(path),
        ]
        return rng.choice(programs)()

    def machine_paths(self) -> list[str]:
        """Paths, those more often whose file the daemon is at work on."""
        return [*PATHS, *(self.world.at_work.get(self.machine.name, ())) * 6]

    def install(self, path: str, body: bytes) -> Program:
        """Save these bytes by renaming a new file into place."""
        known, _ = self.read(path)
        self._install(path, body, known)
        yield from ()

    def write(self, path: str, body: bytes) -> Program:
        """Write these bytes in place, at once."""
        known, _ = self.read(path)
        inode = self.machine.visible(path)
        while inode is not None and inode.leased:
            yield 0.001
        if inode is not None:
            self._store(path, inode, body, known, whole=True)
            inode.writers += 1
            self._close(path, inode)

    def replace(self, path: str, pause: float = 0.05) -> Program:
        """Read, change, save by renaming a new file into place."""
        known, body = self.read(path)
        if pause:
            yield self.world.moment(pause)
        self._install(path, self._edited(path, body), known)

    def from_memory(self, path: str) -> Program:
        """Save a change of what was read some time ago."""
        known, body = self._memory.get(path) or self.read(path)
        self._install(path, self._edited(path, body), known)
        yield from ()

    def revert(self, path: str) -> Program:
        """Save bytes that the file held before."""
        former = [
            digest for digest in self.world.witness.seen(self.machine.name, path)
            if digest != EMPTY
        ]  # fmt: skip
        if former:
            known, _ = self.read(path)
            yield self.world.moment(0.02)
            body = self.world.saves.bodies[self.world.rng.choice(former)]
            inode = self.machine.visible(path)
            if is_whole(path, body) and (inode is None or inode.data != body):
                self.world.exercised["revert"] += 1
                self.world.witness.reverted(path)
                self._install(path, body, known)

    def in_place(self, path: str, pause: float = 0.4) -> Program:
        """Truncate the file and write it in two pieces."""
        known, body = self.read(path)
        inode = self.machine.visible(path)
        if inode is None:
            return
        while inode.leased:
            yield 0.001
        inode.writers += 1
        new = self._edited(path, body)
        known |= self._store(path, inode, b"", known, whole=False)
        if pause:
            yield self.world.moment(pause)
        known |= self._store(path, inode, new[: len(new) // 2], known, whole=False)
        if pause:
            yield self.world.moment(pause)
        self._store(path, inode, new, known, whole=True)
        self._close(path, inode)

    def twice_in_a_tick(self, path: str) -> Program:
        """Write in place, and again so soon that no time stamp and no size tells it."""
        for _ in range(2):
            known, body = self.read(path)
            inode = self.machine.visible(path)
            if inode is None or inode.leased or inode.writers or not body:
                return
            self._store(path, inode, self._edited(path, body), known, whole=True)
            folder, name = self.machine.folder_of(path) or (inode, "")
            self.machine.disk.changed(folder, name, True)
            yield self.world.moment(0.003)

    def append(self, path: str) -> Program:
        """Hold the file open, and append a line some time later."""
        inode = self.machine.visible(path)
        if inode is None:
            return
        while inode.leased:
            yield 0.001
        inode.writers += 1
        for _ in range(self.world.rng.randint(1, 3)):
            yield self.world.moment(0.5)
            if not is_whole(self.machine.path_of(inode) or path, b"a line"):
                break
            known = self.world.saves.known(self.world.digest(inode.data))
            self._store(path, inode, inode.data + self._line(), known, whole=True)
        self._close(path, inode)

    def begin_counting(self) -> Program:
        """Make the asset whose downloads are counted."""
        self._install(COUNTED, _hits(0), 0)
        yield from ()

    def count(self) -> Program:
        """Add to the counter: read, and save by renaming, before anybody else does anything."""
        inode = self.machine.visible(COUNTED)
        if inode is not None and inode.readable:
            downloads = json.loads(inode.data)["metadata"]["downloads"]
            self.world.counted += 1
            self.world.exercised["count"] += 1
            self._install(COUNTED, _hits(downloads + 1), 0)
        yield from ()

    def delete(self, path: str) -> Program:
        """Remove the file."""
        self._remove(path)
        yield from ()

    def delete_and_create(self, path: str) -> Program:
        """Save as some programs do: remove, then write anew."""
        known, body = self.read(path)
        if self.machine.visible(path) is None:
            return
        new = self._edited(path, body)
        self._remove(path)
        yield self.world.moment(1.6)
        self._install(path, new, known)

    def rename(self, path: str, other: str) -> Program:
        """Give the file another name, over what has it now."""
        source, target = self.machine.folder_of(path), self.machine.folder_of(other)
        inode = self.machine.visible(path)
        if inode is None or source is None or target is None or path == other:
            return
        if self.machine.folder_at(other) is not None:
            return
        # What a program is in the middle of saving is not renamed: an empty file tells nothing.
        if not inode.data or not is_whole(other, inode.data):
            return
        self.renamed(path, other, inode)
        self.machine.disk.rename(*source, *target)
        self.machine.disk.flush_all()
        yield from ()

    def renamed(self, path: str, other: str, inode: Inode) -> None:
        """Tell that a file is about to get another name."""
        saves, digest = self.world.saves, self.world.digest(inode.data)
        over = self.machine.visible(other)
        known = saves.mask(digest) | (saves.mask(self.world.digest(over.data)) if over else 0)
        if over is not None:
            self.world.witness.overwritten(self.machine.name, self.world.digest(over.data))
        self.world.person_removed(self.machine, path, digest)
        self.world.story(f"{self.machine.name} renames {path} to {other}")
        self.world.exercised["rename"] += 1
        self.world.witness.renamed(path, other)
        save = saves.save(inode.data, self.machine.name, other, known, self.world.now)
        self._crossed(digest)
        self._put_back(other, digest)
        self.world.person_saved(self.machine, other, save)

    def rename_freely(self) -> Program:
        """Give a file a name that none has."""
        choice, visible = self.world.rng.choice, self.machine.visible
        there = [name for name in NAMES if visible(name) is not None]
        free = [name for name in NAMES if visible(name) is None]
        return self.rename(choice(there or NAMES), choice(free or NAMES))

    def wander(self) -> Program:
        """Give a file another name, as others do: the same bytes come and go under many names."""
        for name in self.world.names:
            self.world.witness.reverted(name)
        if self.world.mix.trading and self.world.happens("trading"):
            return self._mover.trade()
        if self.world.mix.foldering and self.world.happens("foldering"):
            return self._mover.random()
        if self.world.mix.shuffling and self.world.happens("shuffling"):
            return self.shuffle()
        return self.rename_freely()

    def rearrange(self) -> Program:
        """Give a folder another name, or put another one in its place."""
        if self._mover.at_work() or self.world.rng.random() < 0.5:
            return self._mover.put_another()
        return self._mover.rename_any_folder()

    def shuffle(self) -> Program:
        """Do more with names than giving one file another."""
        rng, visible = self.world.rng, self.machine.visible
        there = [name for name in NAMES if visible(name) is not None]
        free = [name for name in NAMES if visible(name) is None]
        if len(there) < 2 or not free:
            return self.rename_freely()
        (one, other), new = rng.sample(there, 2), rng.choice(free)
        programs: list[Callable[[], Program]] = [
            lambda: self.swap(one, other, new),
            lambda: self.make_way(one, other, new),
            lambda: self.rename_twice(one, other, new),
            lambda: self.rename_and_edit(one, new),
            lambda: self.edit_and_rename(one, new),
            lambda: self.rename_open(one, new),
        ]
        return rng.choice(programs)()

    def swap(self, one: str, other: str, by: str) -> Program:
        """Have two files swap names."""
        for source, target in ((one, by), (other, one), (by, other)):
            yield from self.rename(source, target)
            yield self.world.moment(0.5)

    def make_way(self, one: str, other: str, new: str) -> Program:
        """Give a file the name of another, which gets a new one."""
        yield from self.rename(other, new)
        yield self.world.moment(1.0)
        yield from self.rename(one, other)

    def rename_twice(self, one: str, other: str, new: str) -> Program:
        """Give a file another name, and over a second file's yet another."""
        yield from self.rename(one, new)
        yield self.world.moment(3.0)
        yield from self.rename(new, other)

    def rename_and_edit(self, one: str, new: str) -> Program:
        """Give a file another name, and edit it."""
        yield from self.rename(one, new)
        yield self.world.moment(1.0)
        yield from self.replace(new)

    def edit_and_rename(self, one: str, new: str) -> Program:
        """Edit a file, and give it another name."""
        yield from self.replace(one)
        yield self.world.moment(1.0)
        yield from self.rename(one, new)

    def rename_open(self, one: str, new: str) -> Program:
        """Give a file another name that an editor has open, which saves under it later."""
        known, body = self.read(one)
        yield from self.rename(one, new)
        yield self.world.moment(3.0)
        if body and is_whole(new, body):
            self._memory[new] = known, body
            yield from self.from_memory(new)

    def _crossed(self, digest: Digest) -> None:
        """Two people who give one file two names may each save over what the other takes for it."""
        renamed = self.world.renamed.setdefault(digest, set())
        renamed.add(self.machine.name)
        if len(renamed) > 1:
            self.world.saves.loosen(self.world.saves.mask(digest))

    def _put_back(self, path: str, digest: Digest) -> None:
        """A file with its former name is what was agreed on there, and no edit.

        Where others saved over that unread, history is enough for it under its former name too.
        """
        saves = self.world.saves
        same = sum(save.bit for save in saves.of(digest))
        agreed = self.machine.database.execute(_AGREED, (path,)).fetchone()
        if agreed == (digest,) and same & saves.loose:
            saves.loosen(same)

    def read(self, path: str) -> tuple[int, bytes]:
        """What the file holds now: what is known by it, and its bytes."""
        inode = self.machine.visible(path)
        body = inode.data if inode is not None and inode.readable else b""
        found = self.world.saves.known(self.world.digest(body)) if body else 0, body
        if body and self.world.rng.random() < 0.5:
            self._memory[path] = found
        return found

    def _install(self, path: str, body: bytes, known: int) -> None:
        place = self.machine.folder_of(path)
        if place is None or self.machine.folder_at(path) is not None:
            return
        self._saved_over(self.machine.visible(path), known)
        self._tell(path, body, known, "saves", whole=True)
        folder, name = place
        disk = self.machine.disk
        inode = disk.create(folder, f"{name}.{self.world.number()}.tmp", 0o644)
        disk.store(inode, body)
        temporary = next(each for each, found in folder.names.items() if found is inode)
        disk.rename(folder, temporary, folder, name)
        disk.flush_all()

    def _store(self, path: str, inode: Inode, body: bytes, known: int, *, whole: bool) -> int:
        self._saved_over(inode, known)
        path = self.machine.path_of(inode) or path
        here = self.machine.visible(path) is inode
        save = self._tell(path, body, known, "writes in place", whole=whole and inode.links > 0)
        if not whole:
            # What the program knew and cut off is its own to bring back.
            saves = self.world.saves
            saves.over |= saves.mask(self.world.digest(inode.data)) & known
        if not here:
            # It reaches a file that lost its name: history is enough.
            self.world.exercised["late write"] += 1
            self.world.saves.loosen(save)
        self.machine.disk.store(inode, body)
        self.machine.disk.flush_all()
        inode.kept = None
        if here:
            folder, name = self.machine.folder_of(path) or (inode, "")
            self.machine.disk.changed(folder, name, False)
        return save

    def _close(self, path: str, inode: Inode) -> None:
        inode.writers -= 1
        place = self.machine.folder_of(path)
        if place is not None and self.machine.visible(path) is inode:
            self.machine.disk.changed(place[0], place[1], True)

    def _remove(self, path: str) -> None:
        place, inode = self.machine.folder_of(path), self.machine.visible(path)
        if place is None or inode is None:
            return
        self.world.dirty = True
        digest = self.world.digest(inode.data)
        self.world.witness.overwritten(self.machine.name, digest)
        self.world.saves.deleted(digest)
        self.world.person_removed(self.machine, path, digest)
        self.world.story(f"{self.machine.name} deletes {path} {self.world.call(digest)}")
        self.machine.disk.unlink(*place)
        self.machine.disk.flush_all()

    def _saved_over(self, inode: Inode | None, known: int) -> None:
        if inode is None:
            return
        self.world.witness.overwritten(self.machine.name, self.world.digest(inode.data))
        if self.machine.path_of(inode) == COUNTED:
            return
        saves = self.world.saves
        unread = saves.mask(self.world.digest(inode.data)) & ~known
        for save in saves.names(unread & saves.required & ~saves.over):
            # One program here saved over another's save: theirs to settle. What came from
            # elsewhere must at least stay in history.
            # What the application wrote lay in this file alone: no other machine keeps it.
            if save.machine in (self.machine.name, "app"):
                saves.over |= save.mask
            else:
                saves.loosen(save.bit)

    def _tell(self, path: str, body: bytes, known: int, verb: str, *, whole: bool) -> int:
        whole = whole and path != COUNTED  # Of a counter only its sum must not be lost.
        save = self.world.saves.save(
            body, self.machine.name, path, known, self.world.now, whole=whole
        )
        if whole:
            self.world.witness.saving(self.machine, path, save.digest)
        self.world.person_saved(self.machine, path, save)
        if whole:
            self.world.misfortunes.saved(save.digest)
        part = "" if whole else " in part"
        self.world.dirty = True
        self.world.story(f"{self.machine.name} {verb} {path} {self.world.call(save.digest)}{part}")
        return save.bit

    def _edited(self, path: str, former: bytes) -> bytes:
        """Another version of what was read."""
        return self.world.edits.edited(path, former, self.machine.name)

    def _line(self) -> bytes:
        return f"{self.world.edits.appended(self.machine.name)}\n".encode()


_AGREED = "SELECT base_digest FROM entries WHERE path = ?"


def _hits(downloads: int) -> bytes:
    asset = {"id": "hits", "name": "hits", "metadata": {"downloads": downloads}}
    return json.dumps(asset).encode()
