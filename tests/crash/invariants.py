"""What must hold once everything is quiet, told as sentences about what does not.

An empty list is a pass.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from .device import Device, digest

STORES = "flows", "texts"
ROUNDS = 6
"""Rounds of `sync --once` on every device within which nothing more must happen."""


def quiescent(devices: Sequence[Device]) -> int | None:
    """Bring the devices to where a whole round changes nothing; the rounds it took, or None."""
    before: object = None
    for round_ in range(ROUNDS):
        for device in devices:
            device.once()
        now = [_observed(device) for device in devices]
        if now == before:
            return round_
        before = now
    return None


def problems(devices: Sequence[Device]) -> Iterator[str]:
    """What is wrong now, with everything quiet."""
    for device in devices:
        name = device.machine.home.name
        for trouble in (
            *_temporaries(device), *_ledger(device), *_drift(device), *_lost(device, devices),
        ):  # fmt: skip
            yield f"{name}: {trouble}"
    trees = [tree(device) for device in devices]
    for key in sorted({key for each in trees for key in each}):
        if any(each.get(key) != trees[0].get(key) for each in trees):
            yield f"{key} differs between the devices"


def torn(device: Device, plausible: dict[str, set[bytes]]) -> Iterator[str]:
    """Files that are neither an old nor a new version: asked right after a death."""
    for key, body in tree(device).items():
        if body not in plausible.get(key, set()):
            yield f"{key} is neither old nor new: {body[:80]!r}"


def tree(device: Device) -> dict[str, bytes]:
    """Every file of every store, but for temporary names of syncd's."""
    files = (path for store in STORES for path in (device.machine.home / store).rglob("*"))
    return {
        path.relative_to(device.machine.home).as_posix(): path.read_bytes()
        for path in files
        if path.is_file() and not path.name.startswith(".syncd-")
    }


def _observed(device: Device) -> object:
    """All that a round might change: files and their stats, ledger, deployment."""
    files = {
        key: (place.st_ino, place.st_mtime_ns)
        for key in tree(device)
        if (place := device.place(key).stat())
    }
    rows = [device.query(f"SELECT * FROM {table}") for table in
            ("entries", "outbox", "notes", "conflicts", "history", "stores")]  # fmt: skip
    return files, rows, device.entries()


def _temporaries(device: Device) -> Iterator[str]:
    for store in STORES:
        for path in (device.machine.home / store).rglob(".syncd-*"):
            yield f"{path.name} is left in {store}"


def _ledger(device: Device) -> Iterator[str]:
    there = device.entries()
    for table in ("outbox", "notes", "held", "guards"):
        for row in device.query(f"SELECT * FROM {table}"):
            yield f"{table} is not empty: {row}"
    files = {f"{s}/{p}": d for s, p, d in device.query("SELECT store, path, digest FROM files")}
    bases = device.query("""SELECT store, path, base_revision, base_digest,
                                   remote_revision, remote_digest FROM entries""")
    for store, path, *snapshots in bases:
        key = f"{store}/{path}"
        base, remote = tuple(snapshots[:2]), tuple(snapshots[2:])
        if not base == remote == there.get(key):
            yield f"{key}: base {base}, heard {remote}, the deployment has {there.get(key)}"
        if files.get(key) != base[1]:
            yield f"{key}: base {base}, the file was read as {files.get(key)}"
    for key in there.keys() - {f"{row[0]}/{row[1]}" for row in bases}:
        yield f"{key} is on the deployment and not in the ledger"


def _drift(device: Device) -> Iterator[str]:
    for verdict in device.verify():
        for drift in verdict.drifts:
            yield f"verify finds drift: {drift}"
        for path, reason in verdict.held.items():
            yield f"verify finds {path} held: {reason}"


def _lost(device: Device, devices: Sequence[Device]) -> Iterator[str]:
    """Saves that are nowhere. One that a later save here took the place of is its ancestor."""
    kept = {found for each in devices for found in _kept(each)} | {
        found for _, found in device.entries().values() if found
    }
    for key, versions in device.saves.items():
        last = versions[-1]
        if last is not None and digest(last) not in kept:
            yield f"{key}: the last save is lost: {last[:80]!r}"


def _kept(device: Device) -> Iterator[str]:
    """Digests of all bytes that a device has anywhere: files, history, what is aside, ledgers."""
    yield from map(digest, tree(device).values())
    for folder in ("history", "swapped"):
        for path in (device.machine.state / folder).rglob("*"):
            if path.is_file():
                yield digest(path.read_bytes())
    for ledger in device.ledgers():
        yield from _kept_in(ledger)


def _kept_in(ledger: Path) -> Iterator[str]:
    # Bytes that nothing names are not kept: the next start drops them.
    with (
        closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as connection,
        suppress(sqlite3.OperationalError),  # A death before the schema leaves no tables.
    ):
        for (packed,) in connection.execute(
            """SELECT packed FROM contents WHERE digest IN (
                 SELECT digest FROM outbox UNION SELECT base_digest FROM conflicts
                 UNION SELECT local_digest FROM conflicts
                 UNION SELECT remote_digest FROM conflicts)"""
        ):
            yield digest(zlib.decompress(packed))
