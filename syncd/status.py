"""What `syncd status` tells: read from the ledger alone, so it works with the daemon down.

Does IO: read-only.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel

from syncd.config import Config
from syncd.core.model import Key
from syncd.ledger.connection import read_ledger
from syncd.ledger.state import StateFolder

SHOWN = 20
"""Problems of one sort that a report lists; the rest are counted."""


class State(StrEnum):
    """How things are as a whole, worst first."""

    HALTED = "halted"
    NEEDS_INIT = "needs-init"
    AUTH_FAILED = "auth-failed"
    DEGRADED = "degraded"
    OFFLINE = "offline"
    SYNCING = "syncing"
    PAUSED = "paused"
    IN_SYNC = "in-sync"


class Readiness(StrEnum):
    """Whether a program may rely on the daemon."""

    STARTING = "starting"
    READY = "ready"
    HALTED = "halted"


class Part(BaseModel):
    """How one part of the daemon is; times are seconds since the epoch."""

    state: str
    detail: str
    since: float
    checked: float


class StoreReport(BaseModel):
    """A store in numbers."""

    name: str
    path: str
    files: int
    held: int
    bootstrapped: bool


class Problem(BaseModel):
    """Something that needs a look, with what to do about it."""

    sort: str
    key: str
    reason: str
    detail: str
    advice: str
    since: float


class StatusReport(BaseModel):
    """Version 1 of the report: fields are only ever added."""

    version: int = 1
    state: State
    detail: str
    running: int | None
    url: str | None
    workspace: str
    queued: int = 0
    sent: int = 0
    parked: int = 0
    conflicts: int = 0
    held: int = 0
    guards: int = 0
    paused: bool = False
    paused_until: float | None = None
    stores: list[StoreReport] = []
    parts: dict[str, Part] = {}
    problems: list[Problem] = []

    @property
    def unwell(self) -> int:
        """How many problems there are, listed or not."""
        return self.held + self.parked + self.conflicts + self.guards

    @property
    def exit_code(self) -> int:
        """3 a guard, 4 conflicts or holds, 5 token refused, 6 no daemon, else 0."""
        if self.state is State.AUTH_FAILED:
            return 5
        if self.guards:
            return 3
        if self.conflicts or self.held or self.parked:
            return 4
        return 6 if self.state in (State.HALTED, State.NEEDS_INIT) else 0


def report(config: Config) -> StatusReport:
    """How things are. Raises LedgerError where the ledger cannot be read."""
    state = StateFolder(config.state)
    running = state.owner()
    path = state.ledger_path(config.url, config.workspace)
    if path is None or not path.exists():
        return StatusReport(
            state=State.NEEDS_INIT,
            detail="syncd has not run here yet: start `syncd run`",
            running=running,
            url=config.url,
            workspace=config.workspace,
        )
    connection = read_ledger(path)
    try:
        return _report(config, connection, running)
    finally:
        connection.close()


def readiness(found: StatusReport) -> Readiness:
    """Whether what programs save here is taken care of.

    It is once every store was in touch with the deployment, or while there is none to be in touch
    with: saves wait in the outbox then. What waits for a person stops nothing else.
    """
    if found.state in (State.HALTED, State.NEEDS_INIT, State.AUTH_FAILED):
        return Readiness.HALTED
    known = all(store.bootstrapped for store in found.stores)
    files = found.parts.get("files")
    read = files is not None and files.state == "current"
    if known and read:
        return Readiness.READY
    return Readiness.READY if found.state is State.OFFLINE and read else Readiness.STARTING


def _report(config: Config, connection: sqlite3.Connection, running: int | None) -> StatusReport:
    rows = dict(connection.execute("SELECT state, count(*) FROM outbox GROUP BY state"))
    found = StatusReport(
        state=State.IN_SYNC,
        detail="",
        running=running,
        url=config.url,
        workspace=config.workspace,
        queued=rows.get("queued", 0),
        sent=rows.get("sent", 0),
        parked=rows.get("parked", 0),
        conflicts=_unresolved(connection),
        held=_count(connection, "held"),
        guards=_count(connection, "guards"),
        **_paused(connection),
        stores=[_store(config, connection, store.name) for store in config.stores],
        parts=_parts(connection, running),
        problems=list(_problems(connection)),
    )
    found.state, found.detail = _judge(found)
    return found


def _judge(found: StatusReport) -> tuple[State, str]:
    waiting = found.queued + found.sent
    deployment = found.parts.get("deployment")
    if found.running is None:
        return State.HALTED, f"no daemon runs; {waiting} changes wait. Start `syncd run`"
    if deployment and deployment.state == "auth-failed":
        return State.AUTH_FAILED, deployment.detail
    if degraded := _degraded(found):
        return State.DEGRADED, degraded
    if found.paused:
        return State.PAUSED, f"{_until(found.paused_until)}; {waiting} changes wait"
    if deployment is None or deployment.state != "online":
        return _judge_away(deployment, waiting, begun=bool(found.parts))
    return _judge_online(found, waiting)


def _judge_away(deployment: Part | None, waiting: int, *, begun: bool) -> tuple[State, str]:
    if not begun:
        return State.SYNCING, f"it has just started; {waiting} changes wait"
    reason = deployment.detail if deployment else "not reached yet"
    return State.OFFLINE, f"{reason}; {waiting} changes wait"


def _degraded(found: StatusReport) -> str:
    """Why not everything is mirrored as it should be; empty where it is."""
    if found.guards or found.held or found.parked:
        return "some keys are not mirrored, see below; everything else is"
    for name, part in found.parts.items():
        if name.startswith("watch:") and part.state == "polling":
            return f"{name} is polled: {part.detail}"
    return ""


def _until(end: float | None) -> str:
    if end is None:
        return "until `syncd resume`"
    when = datetime.fromtimestamp(end).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"until {when}, or `syncd resume`"


def _judge_online(found: StatusReport, waiting: int) -> tuple[State, str]:
    files = found.parts.get("files")
    if files is None or files.state != "current":
        return State.SYNCING, f"reading what changed while no daemon ran; {waiting} changes wait"
    feed = found.parts.get("feed")
    if waiting or not all(store.bootstrapped for store in found.stores):
        return State.SYNCING, f"{waiting} changes on their way"
    if feed is None or feed.state != "current":
        return State.SYNCING, "hearing what changed on the deployment"
    listener = found.parts.get("listener")
    means = "live" if listener and listener.state == "live" else "polling"
    means += "".join(
        f"; {name}: {part.detail}" for name, part in found.parts.items()
        if name.startswith("watch:") and part.state == "unproven"
    )  # fmt: skip
    return State.IN_SYNC, f"everything told is here and everything saved is there ({means})"


def _store(config: Config, connection: sqlite3.Connection, name: str) -> StoreReport:
    row = connection.execute("SELECT bootstrapped FROM stores WHERE store = ?", (name,)).fetchone()
    path = next(store.path for store in config.stores if store.name == name)
    return StoreReport(
        name=name,
        path=str(path),
        files=_count(connection, "files", name),
        held=_count(connection, "held", name),
        bootstrapped=bool(row and row[0]),
    )


def _count(connection: sqlite3.Connection, table: str, store: str | None = None) -> int:
    where, values = ("WHERE store = ?", (store,)) if store else ("", ())
    query = f"SELECT count(*) FROM {table} {where}"  # noqa: S608 - table is one of ours
    return int(connection.execute(query, values).fetchone()[0])


def _parts(connection: sqlite3.Connection, running: int | None) -> dict[str, Part]:
    """What the daemon's parts told; of one that runs, nothing that another run told."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'told-by'").fetchone()
    if running is not None and row is not None and row[0] != str(running):
        return {}
    return {
        part: Part(state=state, detail=detail, since=since, checked=checked)
        for part, state, detail, since, checked in connection.execute("SELECT * FROM health")
    }


def _paused(connection: sqlite3.Connection) -> dict[str, Any]:
    """Whether a person's pause lasts, and when it ends by itself: see `engine.hiatus`."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'paused'").fetchone()
    end = float(row[0]) if row and row[0] else 0.0
    until = end if time.time() < end < math.inf else None
    return {"paused": end > time.time(), "paused_until": until}


def _unresolved(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM conflicts WHERE resolved IS NULL"
    return int(connection.execute(query).fetchone()[0])


def _problems(connection: sqlite3.Connection) -> Iterable[Problem]:
    for store, direction, reason, missing, since in connection.execute(
        "SELECT store, direction, reason, missing, since FROM guards"
    ):
        back = "pushes the files again" if direction == "to_local" else "brings the files back"
        yield Problem(
            sort="guard", key=store, reason=reason, since=since,
            detail=f"{missing} deletions wait; edits go on",
            advice=f"put the files back; or `syncd approve {store}` lets the deletions go, and "
            f"`syncd reject {store}` {back}",
        )  # fmt: skip
    for *key, reason, detail, advice, since in connection.execute(
        "SELECT * FROM held ORDER BY since DESC LIMIT ?", (SHOWN,)
    ):
        yield Problem(sort="held", key=str(Key(*key)), reason=reason, detail=detail,
                      advice=advice, since=since)  # fmt: skip
    for *key, reason, detail, since in connection.execute(
        """SELECT store, path, record, reason, detail, since FROM outbox
           WHERE state = 'parked' LIMIT ?""",
        (SHOWN,),
    ):
        yield Problem(sort="parked", key=str(Key(*key)), reason=reason or "",
                      detail=detail or "", since=since,
                      advice="mend the file: its next save is sent")  # fmt: skip
    for number, *key, device, revision, since in connection.execute(
        """SELECT number, store, path, record, coalesce(remote_name, remote_device),
                  remote_revision, since
           FROM conflicts WHERE resolved IS NULL ORDER BY number DESC LIMIT ?""",
        (SHOWN,),
    ):
        yield Problem(sort="conflict", key=str(Key(*key)), reason="both sides changed it",
                      detail=f"the file won over revision {revision} of device {device}; "
                      "both versions are kept in the ledger", since=since,
                      advice="compare, and save the file as it should be; "
                      f"`syncd conflicts show {number}` helps")  # fmt: skip
