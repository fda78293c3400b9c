"""How keys, versions and snapshots lie in SQLite columns. Pure."""

from __future__ import annotations

from typing import Any, Final

from syncd.core.model import Content, Digest, Key, Snapshot, Tombstone, Version

Columns = tuple[Any, ...]

KEY: Final = "store = ? AND path = ? AND record = ?"
"""What holds of the row of a key, of which `key_columns` are the values."""

_UNSIGNED: Final = 2**64


def key_columns(key: Key) -> Columns:
    """(store, path, record)"""
    return key.store, key.path, key.record


def inode_column(inode: int) -> int:
    """Numbers of inodes have 64 bits, all of which some file systems use; SQLite's are signed."""
    return inode - _UNSIGNED if inode >= _UNSIGNED // 2 else inode


def to_inode(column: int) -> int:
    """The number that lies in `inode_column`."""
    return column % _UNSIGNED


def version_columns(version: Version) -> Columns:
    """(digest, size); both None for a tombstone."""
    match version:
        case Content(digest, size):
            return digest, size
        case Tombstone():
            return None, None


def snapshot_columns(snapshot: Snapshot | None) -> Columns:
    """(revision, digest, size); all None for no snapshot."""
    if snapshot is None:
        return None, None, None
    return snapshot.revision, *version_columns(snapshot.version)


def to_version(
    digest: str | None,
    size: int | None,
    last: str | None = None,
    moved_to: str | None = None,
) -> Version:
    """The version that lies in (digest, size)."""
    if digest is None:
        return Tombstone(Digest(last) if last else None, moved_to)
    return Content(Digest(digest), size or 0)


def to_snapshot(
    revision: int | None,
    digest: str | None,
    size: int | None,
    last: str | None = None,
    at: int | None = None,
    moved_to: str | None = None,
) -> Snapshot | None:
    """The snapshot that lies in (revision, digest, size), or None."""
    if revision is None:
        return None
    return Snapshot(revision, to_version(digest, size, last, moved_to), at or 0)
