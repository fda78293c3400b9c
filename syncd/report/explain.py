"""Everything there is to know about one path: what `syncd explain` tells. Does IO: read-only."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from syncd.config import Config, StoreConfig
from syncd.core.decision import View
from syncd.core.guard import Direction, Guard, RootState
from syncd.core.log import NOTHING, Extent
from syncd.core.model import (
    NEVER,
    TOMBSTONE,
    Content,
    Hold,
    Key,
    Kind,
    Plan,
    Reason,
    Snapshot,
    Tombstone,
    Version,
)
from syncd.core.move import EMPTY
from syncd.core.reading import Found, Missing, Obstructed
from syncd.core.wording import counted
from syncd.engine.turns.parts import Parts
from syncd.engine.turns.plan import Planner
from syncd.files.replica import FileReplica
from syncd.ledger.connection import read_ledger
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import StateFolder
from syncd.opening import lines_folders, replicas
from syncd.report.judging import out_of_touch
from syncd.report.listing import ConflictReport, EventReport, open_listing
from syncd.report.status import report
from syncd.stores.layout import unsafe
from syncd.stores.records import split

EVENTS = 5
"""The newest events that are told."""

_PUT_BACK = "is put back into the file: a save that leaves a deployment out deletes nothing"


class Side(BaseModel):
    """What one side holds; `digest` None: it is known to be absent."""

    digest: str | None
    size: int | None = None
    revision: int | None = None


class Explanation(BaseModel):
    """Version 1: fields are only ever added.

    `base` is what both sides last agreed on, None for never; `next` what a turn would decide now.
    `record` is one of many in the file, empty for the file itself; of a file of records that is
    what is around their list, and `records` is how many the list has. `conflicts` are the open
    ones. `unread` is the reason for which the file is not taken as it is, `out_of_touch` why
    `remote` is only what was last heard; empty while the deployment is heard.
    """

    version: int = 1
    store: str
    path: str
    record: str = ""
    file: str
    mirrored: bool
    why: str
    base: Side | None = None
    local: Side | None = None
    remote: Side | None = None
    unread: str | None = None
    out_of_touch: str = ""
    records: int | None = None
    next: str
    held: str | None = None
    advice: str | None = None
    pending: str | None = None
    conflicts: list[ConflictReport] = []
    events: list[EventReport] = []


def explain(config: Config, key: Key) -> Explanation:
    """What is known of `key`. Raises ConfigError where syncd never ran, LedgerError."""
    store = next(each for each in config.stores if each.name == key.store)
    told = Explanation(
        store=key.store,
        path=key.path,
        record=key.record,
        file=str(store.path / key.path),
        mirrored=store.patterns().matches(key.path),
        why=_why(store, key.path),
        next="nothing: it is not mirrored",
    )
    if not told.mirrored and _is_folder(store.path / key.path):
        told.why = "it is a folder, and only files are"
        told.next = f"nothing: name one of its files, or `syncd log {key}`"
        return told
    with open_listing(config) as listing:
        told.conflicts = listing.conflicts_of(key)
        told.events = listing.log(key, EVENTS).events
    if told.mirrored and store.layout == "lines":
        _compare_lines(config, key, told)
    elif told.mirrored:
        _compare(config, store, key, told)
        told.out_of_touch = out_of_touch(report(config, counting=False))
    return told


def _is_folder(place: Path) -> bool:
    try:
        return place.is_dir()
    except OSError:  # Its name is too long, or it is not for this user.
        return False


def _why(store: StoreConfig, path: str) -> str:
    if hold := unsafe(path):
        return hold.detail
    layout = store.patterns()
    if layout.matches(path):
        return f"one of {', '.join(layout.include)} matches"
    if any(layout.prunes(folder) for folder in _folders(path)):
        return "a folder above it is left out"
    return "no include matches, or an exclude does; editors' temporary names are left out"


def _folders(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _compare(config: Config, store: StoreConfig, key: Key, told: Explanation) -> None:
    path = StateFolder(config.state).ledger_path(config.url, config.workspace)
    assert path is not None  # the listing was opened
    ledger = Ledger(read_ledger(path))
    try:
        view = ledger.view(key)
        told.base, told.remote = _side(view.base), _side(view.remote)
        held = ledger.attention.held(key.store).get(key.path)
        told.pending = ledger.outbox.pending(key)
        stores = replicas(config)
        planner = Planner(ledger, stores)
        parts, file = Parts(ledger, stores, planner), Key(key.store, key.path)
        whole = stores[key.store].pointer is None
        unwanted = planner.wants_no_file(key, view) if whole else parts.wants_no_file(file)
        local = _local(stores[key.store], key, told, unwanted=unwanted)
        guard = _guard(ledger, key)
        if isinstance(local, Hold):
            held, told.next = held or local, "nothing, while it is held"
            told.unread = local.reason
        else:
            told.local = Side(digest=_digest(local), size=_size(local))
            plan = planner.plan(key, view, local)
            held = held or plan.hold
            told.next = _next(view, local, plan, told.pending)
            if key.record and store.kind is Kind.DEPLOYMENT and local == TOMBSTONE:
                there = key.record in ledger.records.locals(Key(key.store, key.path))
                told.next = _PUT_BACK if there else Reason.NOTHING.value
    finally:
        ledger.close()
    if guard is not None:
        told.next = "waits for a person"
        held = Hold("guard", f"{guard.reason}; {guard.meanwhile}", guard.advice)
    if held is not None:
        told.held, told.advice = f"{held.reason}: {held.detail}", held.advice


def _compare_lines(config: Config, key: Key, told: Explanation) -> None:
    """Of a file of lines: how far it goes here, and how far its log was acknowledged."""
    path = StateFolder(config.state).ledger_path(config.url, config.workspace)
    assert path is not None  # the listing was opened
    ledger = Ledger(read_ledger(path))
    try:
        logs = ledger.logs.of(key.store)
        held = ledger.attention.held(key.store).get(key.path)
    finally:
        ledger.close()
    folder = lines_folders(config)[key.store]
    met = folder.look([key.path]).get(key.path)
    if met is None:
        told.next = "nothing: no file is there"
        return
    here, log = folder.end(met.inode) or NOTHING, logs.get(met.inode)
    told.local = _so_far(here)
    if log is not None:
        told.base = told.remote = _so_far(log.extent)
    waiting = here.length - (log.extent.length if log is not None else 0)
    told.next = f"{counted(waiting, 'byte')} of lines to be sent" if waiting > 0 else "nothing"
    if held is not None:
        told.held, told.advice = f"{held.reason}: {held.detail}", held.advice


def _so_far(extent: Extent) -> Side:
    return Side(digest=extent.tail or EMPTY, size=extent.length)


def _guard(ledger: Ledger, key: Key) -> Guard | None:
    """The guard that `key` waits for: its deletion, or all of its store's folder."""
    for guard in ledger.attention.guards().values():
        if guard.store != key.store:
            continue
        waiting = (ledger.deletions.listed("waiting", key.store, way) for way in Direction)
        if guard.folder is not RootState.PRESENT or any(key in keys for keys in waiting):
            return guard
    return None


def _next(view: View, local: Version, plan: Plan, pending: str | None) -> str:
    if view.sent is not None:
        return "waits for the answer to what was sent"
    if pending == "parked" and plan.reason is Reason.PUSH:
        return "nothing, until it is saved anew or `syncd retry`: `syncd status` says why"
    if view.base is None and view.remote == NEVER and local == TOMBSTONE:
        return Reason.NOTHING.value  # Nobody ever had it.
    return plan.reason.value


def _local(store: FileReplica, key: Key, told: Explanation, *, unwanted: bool) -> Version | Hold:
    match store.read(key.path):
        case Found(content, body):
            return content if store.pointer is None else _part(store.pointer, body, key, told)
        case Missing():
            return TOMBSTONE
        case Obstructed() if unwanted:
            return TOMBSTONE
        case unread:
            return unread.hold


def _part(pointer: str, body: bytes | None, key: Key, told: Explanation) -> Version | Hold:
    found = split(body or b"", pointer)
    if isinstance(found, Hold):
        return found
    told.records = len(found.names)
    part = found.parts.get(key.record)
    return TOMBSTONE if part is None else part.content


def _side(snapshot: Snapshot | None) -> Side | None:
    if snapshot is None:
        return None
    size = _size(snapshot.version)
    return Side(digest=snapshot.digest, size=size, revision=snapshot.revision)


def _digest(version: Version) -> str | None:
    return version.digest if isinstance(version, Content) else None


def _size(version: Version) -> int | None:
    return None if isinstance(version, Tombstone) else version.size
