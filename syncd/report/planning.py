"""What the next turns would do, as `syncd plan` tells it. Does IO: reads files and the ledger."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from syncd.config import Config
from syncd.core.decision import Decision, Heard
from syncd.core.guard import Direction
from syncd.core.model import Content, Cursor, Hold, Key, Reason, Tombstone
from syncd.core.news import Page
from syncd.engine.looking.preview import Preview, preview
from syncd.engine.registry import register
from syncd.files.lines import LinesFolder
from syncd.files.replica import FileReplica
from syncd.files.trouble import refused
from syncd.ledger.connection import copied, read_ledger
from syncd.ledger.ledger import Ledger
from syncd.ledger.state import StateFolder
from syncd.opening import SystemClock, lines_folders, never_ran, registration, replicas


class Act(StrEnum):
    """What would become of a key."""

    SEND = "send"
    DELETE_THERE = "delete-there"
    MOVE_THERE = "move-there"
    WRITE = "write"
    REMOVE_HERE = "remove-here"
    MERGE = "merge"
    CONFLICT = "conflict"
    ADOPT = "adopt"
    HOLD = "hold"
    GUARD = "guard"
    FETCH = "fetch"


class Step(BaseModel):
    """What would be done to one key; `why` says more where there is more to say."""

    store: str
    path: str
    record: str
    act: Act
    why: str = ""


class PlanReport(BaseModel):
    """Version 1: fields are only ever added. `heard`: the deployment was asked for news; else it
    is what was heard last.
    """

    version: int = 1
    heard: bool
    counts: dict[str, int]
    steps: list[Step]
    waiting: int = 0
    """Changes in the outbox that no step tells: decided before, not sent or not answered yet."""
    parked: int = 0
    """Changes that the deployment refused: they wait for their next save, or `syncd retry`."""
    unknown: list[str]
    """Stores that were not in touch with the deployment yet: `syncd init` compares those."""


class News(Protocol):
    """Where news comes from: see `engine.ports.RemoteReplica`."""

    async def changes(self, stores: Sequence[str], cursor: Cursor | None) -> Page:
        """What happened behind `cursor`."""


async def plan(config: Config, news: News | None) -> PlanReport:
    """Decide about everything, carry nothing out. Raises LedgerError, remote troubles, and
    ConfigError where syncd never ran.
    """
    ledger = _copied(config)
    try:
        stores = replicas(config)
        folders: dict[str, FileReplica | LinesFolder] = {**stores, **lines_folders(config)}
        told = {each.name: registration(each, folders[each.name].identity())
                for each in config.stores}  # fmt: skip
        register(ledger, told, SystemClock().now())
        asks = news is not None and ledger.passing.cursor is not None
        heard = await _hear(ledger, list(stores), news) if news is not None else []
        found = await preview(ledger, stores, SystemClock(), heard)
        roots = {each.name: each.path for each in config.stores}
        return _report(ledger, found, list(stores), roots, heard=asks)
    finally:
        ledger.close()


def require_ledger(config: Config) -> Path:
    """Where the ledger is. Raises ConfigError where syncd never ran, LedgerError."""
    path = StateFolder(config.state).ledger_path(config.url, config.workspace)
    if path is None:
        raise never_ran(config)
    return path


def _copied(config: Config) -> Ledger:
    with closing(read_ledger(require_ledger(config))) as source:
        return Ledger(copied(source))


async def _hear(ledger: Ledger, stores: Sequence[str], news: News) -> list[Key]:
    keys: list[Key] = []
    done = False
    while not done and ledger.passing.cursor is not None:
        page = await news.changes(stores, ledger.passing.cursor)
        told = [Heard(c.key, c.snapshot, c.device, c.body, c.origin) for c in page.changes]
        keys += ledger.hear(told, page.cursor)
        done = page.done
    return keys


def _report(
    ledger: Ledger, found: Preview, stores: list[str], roots: Mapping[str, Path], *, heard: bool
) -> PlanReport:
    known = ledger.places.stores()
    moved = {each.target: each.key for each in found.decisions.values() if each.target}
    steps = [
        _told(each, roots[each.key.store])
        for each in found.decisions.values()
        if each.operation not in moved
    ]
    steps += [
        _step(key, Act.HOLD, f"{hold.reason}: {hold.detail}")
        for key, hold in sorted(found.held.items())
        if key not in found.decisions
    ]
    steps += [_step(key, Act.FETCH, "its bytes are not here yet") for key in sorted(found.lacking)]
    for store in stores:
        for way in (Direction.TO_REMOTE, Direction.TO_LOCAL):
            waiting = sorted(ledger.deletions.listed("waiting", store, way))
            steps += [_step(key, Act.GUARD, "its deletion waits for a person") for key in waiting]
    outbox = ledger.outbox.count()
    # What is queued and decided anew is one change: a step tells of it.
    told = sum(
        each.plan.to_remote is not None and ledger.outbox.pending(each.key) == "queued"
        for each in found.decisions.values()
    )
    return PlanReport(
        heard=heard,
        waiting=outbox.get("queued", 0) + outbox.get("sent", 0) - told,
        parked=outbox.get("parked", 0),
        counts=dict(Counter(step.act.value for step in steps)),
        steps=steps,
        unknown=[name for name in stores if not known[name].bootstrapped],
    )


def _told(decision: Decision, root: Path) -> Step:
    """One step; what would be written where nothing can be is held, as the write would be."""
    act, hold = _act(decision), None
    if act in (Act.WRITE, Act.REMOVE_HERE, Act.MERGE) and decision.plan.to_local is not None:
        hold = unwritable(root, decision.key.path)
    if hold is not None:
        return _step(decision.key, Act.HOLD, f"{hold.reason}: {hold.detail}")
    return _step(decision.key, act, _why(decision))


def unwritable(root: Path, path: str) -> Hold | None:
    """Why nothing can be written at `path` below `root`, or None; a missing folder is made."""
    folder = (root / path).parent
    # Not Path.exists: that raises where a folder above may not be looked into.
    while folder != root and not os.access(folder, os.F_OK):
        folder = folder.parent
    if not folder.is_dir() or os.access(folder, os.W_OK | os.X_OK):
        return None
    read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
    error = errno.EROFS if read_only else errno.EACCES
    return refused(OSError(error, os.strerror(error)))


def _step(key: Key, act: Act, why: str) -> Step:
    return Step(store=key.store, path=key.path, record=key.record, act=act, why=why)


def _act(decision: Decision) -> Act:
    plan = decision.plan
    if plan.hold is not None:
        return Act.HOLD
    if plan.conflict is not None:
        return Act.CONFLICT
    if plan.reason is Reason.MERGED:
        return Act.MERGE
    if plan.to_local is not None:
        return Act.WRITE if isinstance(plan.to_local, Content) else Act.REMOVE_HERE
    return _sent(decision)


def _sent(decision: Decision) -> Act:
    match decision.plan.to_remote:
        case Content():
            return Act.SEND
        case Tombstone():
            return Act.MOVE_THERE if decision.target else Act.DELETE_THERE
        case None:
            return Act.ADOPT


def _why(decision: Decision) -> str:
    hold = decision.plan.hold
    return f"{hold.reason}: {hold.detail}" if hold is not None else ""
