"""A store's folder with its files taken for bytes: people restore what is broken. Does IO."""

from __future__ import annotations

from pathlib import Path

from syncd.core.model import Kind
from syncd.files.replica import FileReplica
from syncd.files.root import Root
from syncd.stores.layout import Layout


class Opaque(FileReplica):
    """The folder of `known`, and at every moment bound as that one is: it learns of another folder.

    Swaps tell whether a save came between, so the two do not collide.
    """

    def __init__(self, path: Path, layout: Layout, known: FileReplica) -> None:
        payloads = known.transit.payloads
        super().__init__(path, Kind.FILE, layout, known.swapped, payloads=payloads)
        self._known = known

    def _root(self, within: str | None = None) -> Root | None:
        self.bound = self._known.bound
        return super()._root(within)
