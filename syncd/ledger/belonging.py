"""Which ledgers of a state folder are for whom, told by what they say themselves. Does IO."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from syncd.errors import LedgerError
from syncd.ledger.connection import read_ledger
from syncd.ledger.places import Places


def of_deployment(folder: Path, deployment: str, workspace: str, home: str) -> Path | None:
    """The ledger of `deployment` and `workspace` in the state folder `folder`, named `home`; of
    several that which was written last.
    """
    kept = _kept(folder, workspace, home)
    return next((path for path, found in kept if found == deployment), None)


def deployments(folder: Path, workspace: str, home: str) -> set[str]:
    """Those of which there is such a ledger."""
    return {found for _, found in _kept(folder, workspace, home) if found is not None}


def never_ran_with(url: str | None, elsewhere: Path | None) -> str:
    """That no ledger is bound to `url`; `elsewhere` is the one that was bound last, if any."""
    if elsewhere is None:
        return "syncd has not run here yet"
    return (
        f"syncd has not run here with {url} yet, but with another deployment or none "
        "(CONVEX_URL, also in .env.local, wins over config.toml: unset it where it is not meant)"
    )


def named(folder: Path, name: str | None) -> Path | None:
    """The ledger of this name, or None. Raises OSError where that cannot be told."""
    if name is None:
        return None
    path = folder / "ledger" / name
    try:
        path.stat()  # Not Path.exists: from Python 3.14 on that takes every trouble for missing.
    except (FileNotFoundError, NotADirectoryError):
        return None
    return path


def last_written(folder: Path, workspace: str, home: str) -> Path | None:
    """The ledger of `workspace` that was written last, of whichever deployment."""
    # Where that is another one than answers, hello tells: see StateFolder.rebind.
    return next((path for path, _ in _kept(folder, workspace, home)), None)


def _kept(folder: Path, workspace: str, home: str) -> Iterator[tuple[Path, str | None]]:
    """The ledgers of `workspace`, each with its deployment if it met one, the newest first."""
    for path in sorted((folder / "ledger").glob("*.db"), key=_written, reverse=True):
        try:
            connection = read_ledger(path)
        except LedgerError:
            continue
        with closing(connection):
            places = Places(connection)
            found = places.get("workspace"), places.get("home") or home
            deployment = places.get("deployment")
        if found == (workspace, home):
            yield path, deployment


def _written(path: Path) -> int:
    return max(_times(path), default=0)


def _times(path: Path) -> Iterator[int]:
    # What is committed lies in the log, and the mark is told of it.
    mark = path.parent.parent / "tidemarks" / path.name
    for each in (path, path.with_name(path.name + "-wal"), mark):
        with suppress(OSError):
            yield each.stat().st_mtime_ns
