"""Programs that work on the deployment alone: they edit entries, make and remove them, and count.

An edit is made of the text of its moment, with the least change; where it tells the revision that
it expects and another is there, nothing is changed. A request whose answer was lost is repeated
under its id. Increments gather, and are folded into the text a second later at the latest.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from syncd.core.model import Key

from .deployment import Entry
from .machine import COUNTED, STORE, key_of

if TYPE_CHECKING:
    from .world import World


class App:
    """Somebody at the application, or a program of theirs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._read: dict[Key, int] = {}
        """Revisions that were read some time ago."""

    def act(self) -> None:
        """One thing, picked at random."""
        world, rng = self._world, self._world.rng
        there = world.deployment.state.entries
        key = key_of(rng.choice(world.names))
        entry = there.get(key)
        counted = there.get(Key(STORE, COUNTED))
        if world.counting and counted is not None and rng.random() < 0.4:
            self._count(counted)
        elif entry is None or entry.body is None:
            self._create(key)
        elif rng.random() < 0.1:
            self._remove(entry)
        else:
            self._edit(entry, entry.body)

    def _create(self, key: Key) -> None:
        if self._world.rng.random() < 0.3:
            self._world.exercised["app creates"] += 1
            self._write(key, b"", 0)

    def _remove(self, entry: Entry) -> None:
        world = self._world
        world.exercised["app removes"] += 1
        world.saves.deleted(entry.digest)
        world.wrote(world.deployment.write(entry.key, None, world.request()))

    def _edit(self, entry: Entry, body: bytes) -> None:
        world = self._world
        expected = self._read.pop(entry.key, None)
        self._read[entry.key] = entry.revision
        if expected not in (None, entry.revision) and world.rng.random() < 0.5:
            world.exercised["app edit stale"] += 1
            return
        world.exercised["app edits"] += 1
        self._write(entry.key, body, world.saves.known(world.digest(body)))

    def _write(self, key: Key, former: bytes, known: int) -> None:
        world = self._world
        body = world.edits.edited(key.path, former, "app")
        save = world.saves.save(body, "app", key.path, known, world.now)
        world.story(f"app writes {key.path} #{save.number}")
        world.wrote(world.deployment.write(key, body, world.request()))

    def _count(self, entry: Entry) -> None:
        world, request = self._world, self._world.request()
        world.exercised["app counts"] += 1
        world.counted += 1
        deployment = world.deployment
        # Asked again under the same id, where the answer was lost.
        for _ in range(2 if world.rng.random() < 0.3 else 1):
            if deployment.increment(entry.key, request):
                world.after(1.0, partial(self._fold, entry.key, deployment.name))

    def _fold(self, key: Key, deployment: str) -> None:
        world = self._world
        entry = world.deployment.state.entries.get(key)
        if world.deployment.name != deployment or entry is None:
            return
        body = world.deployment.folded(key, added)
        if body is not None:
            digest = world.digest(body)
            if not world.saves.knows(digest):
                world.saves.save(body, "app", COUNTED, 0, world.now, whole=False)
            world.exercised["app folds"] += 1
            world.wrote(world.deployment.write(key, body, world.request()))


def added(body: bytes, by: int) -> bytes:
    """The text with so many more downloads."""
    told = json.loads(body)
    told["metadata"]["downloads"] += by
    return json.dumps(told).encode()
