"""What the ledger knows of the world around it: its deployment, its stores, its files.

Part of the ledger; runs inside its transactions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.core.decision import FileState
from syncd.core.model import Digest, Key
from syncd.core.reading import Stat
from syncd.core.stats import KnownFile
from syncd.ledger import many
from syncd.ledger.rows import inode_column, to_inode

SUCCESSOR = "successor"
"""What a ledger is that is not the first of its state folder."""

BESIDE = "beside"
"""Of which deployments there were ledgers beside a new one: one of these is not met anew, whatever
URL it has now."""

LEFT = "left"
"""What a ledger is while it has not seen to it that another followed the files since."""


@dataclass(frozen=True, slots=True)
class StoreRecord:
    """A store as the ledger knew it last.

    `root` is the identity of its folder, `place` the path at which that was configured.
    """

    configuration: str
    root: str | None
    bootstrapped: bool
    place: str | None = None


UNKNOWN = StoreRecord("", None, bootstrapped=False)
"""A store that the ledger does not know."""


class Places:
    """Names and identities: `meta`, `stores` and `files`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._noticed: set[Key] | None = None

    def get(self, name: str) -> str | None:
        """A single remembered value."""
        row = self._connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def put(self, name: str, value: str) -> None:
        """Remember a single value."""
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def stores(self) -> dict[str, StoreRecord]:
        """Every store the ledger knows."""
        rows = self._connection.execute(
            "SELECT store, configuration, root, bootstrapped, place FROM stores"
        )
        return {row[0]: StoreRecord(row[1], row[2], bool(row[3]), row[4]) for row in rows}

    def record_store(self, store: str, record: StoreRecord) -> None:
        """Remember how a store is configured, where it lies, and whether it is bootstrapped."""
        self._connection.execute(
            """INSERT OR REPLACE INTO stores (store, configuration, root, bootstrapped, place)
               VALUES (?, ?, ?, ?, ?)""",
            (store, record.configuration, record.root, record.bootstrapped, record.place),
        )

    def files(self, store: str, most: int = -1) -> Iterator[KnownFile]:
        """Every file of the store as it was last read, or `most` of them.

        One at a time, for who need not keep them: write nothing meanwhile.
        """
        return self._connection.execute(
            """SELECT path, size, mtime_ns, ctime_ns, inode, read_ns FROM files
               WHERE store = ? LIMIT ?""",
            (store, most),
        )

    def digests(self, store: str, paths: Collection[str]) -> dict[str, Digest]:
        """What those of `paths` held that are known, when they were last read."""
        wanted = frozenset(paths)
        if not wanted:
            return {}
        rows = self._connection.execute("SELECT path, digest FROM files WHERE store = ?", (store,))
        return {path: Digest(digest) for path, digest in rows if path in wanted}

    def files_behind(self, store: str, path: str, most: int) -> list[tuple[str, FileState]]:
        """Up to `most` files behind `path`, in the order of their paths."""
        rows = self._connection.execute(
            """SELECT path, size, mtime_ns, ctime_ns, inode, digest, read_ns FROM files
               WHERE store = ? AND path > ? ORDER BY path LIMIT ?""",
            (store, path, most),
        )
        return [(row[0], FileState(_stat(*row[1:5]), Digest(row[5]), row[6])) for row in rows]

    def file(self, store: str, path: str) -> FileState | None:
        """One file as it was last read."""
        row = self._connection.execute(
            """SELECT size, mtime_ns, ctime_ns, inode, digest, read_ns
               FROM files WHERE store = ? AND path = ?""",
            (store, path),
        ).fetchone()
        return FileState(_stat(*row[:4]), Digest(row[4]), row[5]) if row else None

    def like(self, store: str, digest: Digest, inode: int, most: int) -> list[tuple[str, int]]:
        """(path, inode) of files that held these bytes when last read: those of that inode, and
        of the others, if there are no more than `most`, all."""
        # The plus: see `contents`.
        begin = "substr(digest, 1, 8) = substr(:digest, 1, 8)"
        like = f"{begin} AND +digest = :digest AND +store = :store"
        rows = self._connection.execute(
            f"SELECT path, inode FROM files WHERE {like} LIMIT :most",  # noqa: S608
            {"digest": digest, "store": store, "most": most + 1},
        ).fetchall()
        if len(rows) > most:
            rows = self._connection.execute(
                f"SELECT path, inode FROM files WHERE {like} AND inode = :inode",  # noqa: S608
                {"digest": digest, "store": store, "inode": inode_column(inode)},
            ).fetchall()
        return [(path, to_inode(met)) for path, met in rows]

    def known(self, digests: Iterable[Digest]) -> set[Digest]:
        """Those of `digests` that any file held when it was last read."""
        rows = many.read(
            self._connection,
            """SELECT column1 FROM ({rows}) WHERE EXISTS (
                 SELECT 1 FROM files
                 WHERE substr(digest, 1, 8) = substr(column1, 1, 8) AND digest = column1)""",
            [(digest,) for digest in digests],
        )
        return {Digest(row[0]) for row in rows}

    def record_files(self, files: Iterable[tuple[Key, FileState | None]]) -> None:
        """Remember files as they were just read, or that there is none."""
        seen = list(files)
        if self._noticed is not None:
            self._noticed.update(key for key, file in seen if file is not None)
        self._connection.executemany(
            "DELETE FROM files WHERE store = ? AND path = ?",
            [(key.store, key.path) for key, file in seen if file is None],
        )
        many.write(
            self._connection,
            "INSERT OR REPLACE INTO files {rows}",
            [
                (
                    key.store, key.path, file.stat.size, file.stat.mtime_ns, file.stat.ctime_ns,
                    inode_column(file.stat.inode), file.digest, file.read_ns,
                )
                for key, file in seen
                if file is not None
            ],
        )  # fmt: skip

    @contextmanager
    def noticed(self) -> Iterator[Set[Key]]:
        """The keys of files that are seen in the block, which grow while it runs."""
        self._noticed = noticed = set[Key]()
        try:
            yield noticed
        finally:
            self._noticed = None


def _stat(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> Stat:
    return Stat(size, mtime_ns, ctime_ns, to_inode(inode))
