"""The rows of a kind's files, kept up to date by one stat of each file. Does IO; calls block."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar, cast

from syncd.core.decision import racy
from syncd.core.model import Hold
from syncd.core.reading import Stat
from syncd.errors import RecordError
from syncd.files.root import Root
from syncd.files.scan import Scan, scan
from syncd.files.spelling import Spellings
from syncd.storage.columns import row_of, stem
from syncd.storage.file import body_of, digest
from syncd.storage.forking import Lock
from syncd.storage.root import hidden, root_of
from syncd.storage.rows import Row
from syncd.store_config import StoreConfig
from syncd.stores.layout import kind_of

_UNLISTED: Final = "it was not listed"

R = TypeVar("R", bound=Row)

Key = tuple[str, str, str]
"""A store's name, a path in it and, in a file of many records, the id of one."""


class Index(Generic[R]):
    """What the files say. Threads may share one; each look costs a stat a file.

    A file that does not parse, as one that is being written, keeps the row it had.
    """

    def __init__(self, stores: Iterable[StoreConfig]) -> None:
        self._stores = tuple(stores)
        self._rows: dict[Key, R] = {}
        self._rowless: set[Key] = set()
        self._stats: dict[Key, Stat] = {}
        self._spelled: dict[str, Spellings] = {}
        self._unread: dict[str, Hold] = {}
        self._lock = Lock()

    def rows(self) -> Mapping[Key, R]:
        """The rows of all files, as they are now; of those in a folder that cannot be listed, as
        they were. Raises RecordError where that is the store's.
        """
        with self._lock:
            rows, unread = dict(self._looked()), self._unread
        for place in (str(store.path) for store in self._stores):
            if place in unread:
                raise hidden(place, unread[place], _UNLISTED)
        return rows

    def paths(self, id: str) -> list[Key]:
        """Where the record `id` is: more than one place where files share an id, by path.

        Raises RecordError where none is seen, and a folder that may hold it cannot be listed.
        """
        with self._lock:
            rows, unread = self._looked(), self._unread
            found = [key for key, row in rows.items() if getattr(row, "id", None) == id]
        return _certain(found, id, unread)

    def rowless(self, id: str) -> list[Key]:
        """Files of that name which had no row at the last look: they may hold the record."""
        with self._lock:
            return sorted(key for key in self._rowless if stem(key[1]) == id)

    def named(self, id: str) -> list[Key]:
        """The same where files are named by their ids: none of them is read for it."""
        with self._lock:
            self._unread = {}
            seen = [(store.name, self._seen(store)[1]) for store in self._stores]
            self._spelled = {name: Spellings(scan.spelled, scan.files) for name, scan in seen}
            found = [(name, p, "") for name, scan in seen for p in scan.files if stem(p) == id]
            unread = self._unread
        return _certain(found, id, unread)

    def spelling(self, key: Key) -> str:
        """The path of a file as the last look found it on disk, of a new one as it found its
        folder: not every one is in NFC.
        """
        store, path, _ = key
        return self._spelled[store].of(path) if store in self._spelled else path

    def _looked(self) -> dict[Key, R]:
        self._unread = {}
        # RACE: threads that save meanwhile look a spelling up: it must not be gone for a moment.
        self._spelled = {store.name: self._look(store) for store in self._stores}
        return self._rows

    def _look(self, store: StoreConfig) -> Spellings:
        """Bring the store's rows up to date; how its files are spelled."""
        now = time.time_ns()
        root, found = self._seen(store)
        # What lies beside assets is no record, and may be of any size.
        seen = {p: s for p, s in found.files.items() if kind_of(store.kind, p) is store.kind}
        for path, stat in seen.items():
            key = (store.name, path, "")
            if root is not None and self._stats.get(key) != stat:
                self._read(root, store, key, found.spelled.get(path, path), now)
        self._forget(store.name, found)
        return Spellings(found.spelled, found.files)

    def _seen(self, store: StoreConfig) -> tuple[Root | None, Scan]:
        root = root_of(store.path, _UNLISTED)
        found = Scan() if root is None else scan(root, store.patterns())
        for folder, hold in found.unread.items():
            self._unread[str(store.path / folder)] = hold
        return root, found

    def _read(self, root: Root, store: StoreConfig, key: Key, spelling: str, now: int) -> None:
        try:
            found = body_of(root, spelling)
        except RecordError:
            return
        if found is None:
            return
        body, stat = found
        row = row_of(store.kind, store.name, key[1], digest(body), body)
        if row is not None:
            self._rows[key] = cast("R", row)
            self._rowless.discard(key)
        elif key not in self._rows:
            self._rowless.add(key)
        # What is so young is read again at the next look.
        if not racy(stat.mtime_ns, stat.ctime_ns, now):
            self._stats[key] = stat

    def _forget(self, store: str, found: Scan) -> None:
        gone = [
            key
            for key in self._rows.keys() | self._rowless
            if key[0] == store and (found.missing(key[1]) or key[1] in found.holds)
        ]
        for key in gone:
            self._rows.pop(key, None)
            self._rowless.discard(key)
            self._stats.pop(key, None)


def _certain(found: list[Key], id: str, unread: Mapping[str, Hold]) -> list[Key]:
    for folder, hold in unread.items() if not found else ():
        raise hidden(folder, hold, f"whether {id!r} is in it was not seen")
    return sorted(found)
