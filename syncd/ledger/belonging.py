"""Which ledgers of a state folder are for whom, told by what they say themselves. Does IO."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from syncd.errors import LedgerError
from syncd.ledger.connection import read_ledger
from syncd.ledger.places import Places


def of_deployment(folder: Path, deployment: str, workspace: str, home: str) -> Path | None:
    """The ledger of `deployment` and `workspace` in the state folder `folder`, named `home`."""
    kept = sorted((folder / "ledger").glob("*.db"))
    return next((path for path in kept if _is_of(path, workspace, home, deployment)), None)


def never_ran_with(url: str | None, elsewhere: Path | None) -> str:
    """That no ledger is bound to `url`; `elsewhere` is the one that was bound last, if any."""
    if elsewhere is None:
        return "syncd has not run here yet"
    return (
        f"syncd has not run here with {url} yet, but with another deployment or none "
        "(CONVEX_URL, also in .env.local, wins over config.toml: unset it where it is not meant)"
    )


def last_written(folder: Path, workspace: str, home: str) -> Path | None:
    """The ledger of `workspace` that was written last, of whichever deployment."""
    # Where that is another one than answers, hello tells: see StateFolder.rebind.
    kept = sorted((folder / "ledger").glob("*.db"), key=_written, reverse=True)
    return next((path for path in kept if _is_of(path, workspace, home)), None)


def _is_of(path: Path, workspace: str, home: str, deployment: str | None = None) -> bool:
    try:
        connection = read_ledger(path)
    except LedgerError:
        return False
    try:
        places = Places(connection)
        found = places.get("workspace"), places.get("home") or home
        return found == (workspace, home) and deployment in (None, places.get("deployment"))
    finally:
        connection.close()


def _written(path: Path) -> int:
    return max(_times(path), default=0)


def _times(path: Path) -> Iterator[int]:
    # What is committed lies in the log, and the mark is told of it.
    mark = path.parent.parent / "tidemarks" / path.name
    for each in (path, path.with_name(path.name + "-wal"), mark):
        with suppress(OSError):
            yield each.stat().st_mtime_ns
