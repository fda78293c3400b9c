"""What people do to whole folders, and with the two stores of a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from syncd.stores.layout import TEMPORARY_PREFIX

from .disk import Inode
from .edits import is_whole
from .machine import PATHS, key_of

if TYPE_CHECKING:
    from .programs import Person, Program

_NAMES = ("d", "D", "e")
"""What folders are called. Two are the same to who does not heed case."""

_DEPTH = 3
"""How many folders lie in one another at most."""


class Mover:
    """A person who gives folders other names, puts them into one another, and back."""

    def __init__(self, person: Person) -> None:
        self._person = person
        self._machine = person.machine
        self._world = person.world

    def paths(self) -> list[str]:
        """The files that there are, and those that there may be."""
        live = (path for path in self._machine.live() if path not in PATHS)
        return [*PATHS, *live]

    def random(self) -> Program:
        """One program, picked at random."""
        rng = self._world.rng
        if self._world.happens("crossing"):
            return rng.choice((self.cross, self.cross_and_edit, self.cross_and_back))()
        programs: list[Callable[[], Program]] = [
            self.rename_any_folder,
            self.rename_any_folder,
            self.there_and_back,
            self.make_way,
            self.put_another,
            self.rename_and_edit,
            self.rename_twice,
        ]
        return rng.choice(programs)()

    def rename_any_folder(self) -> Program:
        """Give some folder some name."""
        folder = self._folder()
        if folder is not None:
            self.move(folder, self._world.rng.choice(self._names()))
        yield from ()

    def there_and_back(self) -> Program:
        """Give a folder another name, and its own again."""
        folder, name = self._folder(), self._world.rng.choice(self._names())
        moved = self.move(folder, name) if folder is not None else None
        if folder is not None and moved is not None:
            yield self._world.moment(4.0)
            self.move(moved, folder)

    def make_way(self) -> Program:
        """Give a folder another name, and begin a new one under its own."""
        folder, name = self._folder(), self._world.rng.choice(self._names())
        moved = self.move(folder, name) if folder is not None else None
        if folder is not None and moved is not None:
            yield self._world.moment(3.0)
            self._make(folder)
            yield from self._person.replace(f"{folder}/c.json")

    def put_another(self) -> Program:
        """Put another folder in the place of one, with the same files or none."""
        folder, name = self.at_work() or self._folder(), self._world.rng.choice(self._names())
        below = [path for path, _ in self._below(f"{folder}")]
        moved = self.move(folder, name) if folder is not None else None
        if folder is not None and moved is not None:
            self._make(folder)
            for path in below if self._world.rng.random() < 0.5 else ():
                yield from self._person.replace(path, pause=0.0)

    def rename_twice(self) -> Program:
        """Give a folder another name, and soon yet another."""
        folder = self._folder()
        for _ in range(2):
            if folder is not None:
                folder = self.move(folder, self._world.rng.choice(self._names()))
                yield self._world.moment(3.0)

    def rename_and_edit(self) -> Program:
        """Give a folder another name, and edit a file in it."""
        folder = self._folder()
        moved = self.move(folder, self._world.rng.choice(self._names())) if folder else None
        below = [path for path in self._machine.live() if path.startswith(f"{moved}/")]
        if below:
            yield self._world.moment(1.0)
            yield from self._person.replace(self._world.rng.choice(below))

    def trade(self) -> Program:
        """Put a folder in a file's place, or a file in a folder's."""
        rng, folder = self._world.rng, self._folder()
        files = [path for path in self._machine.live() if path.rpartition("/")[2] != "hits.json"]
        if folder is not None and rng.random() < 0.5:
            yield from self._become_file(folder)
        elif files:
            yield from self._become_folder(rng.choice(files))

    def _become_file(self, folder: str) -> Program:
        below = list(self._below(folder))
        if not all(inode.data and is_whole(path, inode.data) for path, inode in below):
            return
        self._world.exercised["a file in a folder's place"] += 1
        for path, _ in below:
            yield from self._person.delete(path)
        for path in sorted(self._machine.folders(), reverse=True):
            place = self._machine.folder_of(path)
            if place is not None and f"{path}/".startswith(f"{folder}/"):
                self._world.story(f"{self._machine.name} removes the folder {path}")
                self._forget_temporaries(path)
                self._machine.disk.unlink(*place)
        yield from self._person.replace(folder, pause=0.0)

    def _forget_temporaries(self, folder: str) -> None:
        """Who removes a folder removes what a crash left in it: of that nobody keeps anything."""
        for path, inode in self._machine.inodes():
            if path.startswith(f"{folder}/") and TEMPORARY_PREFIX in path:
                digest = self._world.digest(inode.data)
                self._world.witness.overwritten(self._machine.name, digest)

    def _become_folder(self, path: str) -> Program:
        inode = self._machine.visible(path)
        if inode is None or not inode.data or not is_whole(path, inode.data):
            return
        self._world.exercised["a folder in a file's place"] += 1
        yield from self._person.delete(path)
        self._world.story(f"{self._machine.name} makes the folder {path}")
        self._make(path)
        if self._world.rng.random() < 0.7:
            yield self._world.moment(1.0)
            yield from self._person.replace(f"{path}/c.json")

    def cross(self) -> Program:
        """Put a file or a folder into the other store."""
        self._cross()
        yield from ()

    def cross_and_back(self) -> Program:
        """Put a file into the other store, and back."""
        for path, other in filter(None, [self._cross()]):
            yield self._world.moment(4.0)
            yield from self._person.rename(other, path)

    def cross_and_edit(self) -> Program:
        """Put a file into the other store, and edit it."""
        for _, other in filter(None, [self._cross()]):
            yield self._world.moment(1.0)
            yield from self._person.replace(other)

    def move(self, folder: str, other: str) -> str | None:
        """As `mv` does: into the folder that has the name already. Where it is then, if moved."""
        there = self._machine.folder_at(folder)
        taken = self._machine.folder_at(other)
        if taken is not None and taken.names:
            other = f"{other}/{folder.rpartition('/')[2]}"
            taken = self._machine.folder_at(other)
        source, target = self._machine.folder_of(folder), self._machine.folder_of(other)
        if there is None or source is None or target is None or self._machine.visible(other):
            return None
        inside = f"{other}/".startswith(f"{folder}/") or other.count("/") >= _DEPTH
        if inside or (taken is not None and taken.names):
            return None
        below = list(self._below(folder))
        if not all(inode.data and is_whole(path, inode.data) for path, inode in below):
            return None  # Something in it is being saved.
        self._world.exercised["folder renamed"] += 1
        self._world.story(f"{self._machine.name} renames the folder {folder} to {other}")
        for path, inode in below:
            self._person.renamed(path, other + path[len(folder) :], inode)
        for name in self._world.names:
            self._world.witness.reverted(name)
        self._machine.disk.rename(*source, *target)
        self._machine.disk.flush_all()
        return other

    def _cross(self) -> tuple[str, str] | None:
        rng, machine = self._world.rng, self._machine
        here = [path for path in machine.live() if path != "hits.json"]
        if rng.random() < 0.3 and (folder := self._folder()) is not None:
            self.move(folder, rng.choice(["o/d", "o/e"] if folder[:2] != "o/" else _NAMES))
            return None
        if not here:
            return None
        path = rng.choice(here)
        name = path.rpartition("/")[2]
        places = [name, f"d/{name}"] if path.startswith("o/") else [f"o/{name}", f"o/d/{name}"]
        other = rng.choice([each for each in places if machine.folder_of(each)] or [path])
        if machine.visible(other) is not None or key_of(other).store == key_of(path).store:
            return None
        for _ in self._person.rename(path, other):
            pass
        return path, other

    def _below(self, folder: str) -> Iterator[tuple[str, Inode]]:
        for path, inode in self._machine.inodes():
            if path.startswith(f"{folder}/") and TEMPORARY_PREFIX not in path:
                yield path, inode

    def _folder(self) -> str | None:
        found = [path for path in self._machine.folders() if path not in ("", "o")]
        return self._world.rng.choice(found) if found else None

    def at_work(self) -> str | None:
        """The folder in which the daemon was in the middle of a write."""
        rows = self._machine.database.execute("SELECT path FROM notes").fetchall()
        folders = [path.rpartition("/")[0] for (path,) in rows]
        return next((each for each in folders if each not in ("", "o")), None)

    def _names(self) -> list[str]:
        return [*_NAMES, *(path for path in self._machine.folders() if path[:1] not in ("", "o"))]

    def _make(self, folder: str) -> None:
        place = self._machine.folder_of(folder)
        if place is not None and place[1] not in place[0].names:
            self._machine.disk.make_folder(*place)
