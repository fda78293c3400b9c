"""What `syncd status` tells: read from the ledger alone, so it works with the daemon down.

Does IO: read-only.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from syncd.config import EMBEDDED, Config, StoreConfig
from syncd.core.cost import together
from syncd.core.guard import Direction, Guard, RootState
from syncd.core.model import Key
from syncd.errors import LedgerError
from syncd.ledger.attention import Attention
from syncd.ledger.belonging import never_ran_with
from syncd.ledger.connection import read_ledger
from syncd.ledger.costs import CostBook
from syncd.ledger.deletions import Deletions
from syncd.ledger.epochs import Epochs
from syncd.ledger.owner import stopped_owner, waiting_owner
from syncd.ledger.places import Places
from syncd.ledger.state import StateFolder
from syncd.report.cost import cost_report
from syncd.report.judging import judge
from syncd.report.standing import (
    CostReport,
    Part,
    Problem,
    Rollback,
    State,
    StatusReport,
    StoreReport,
)
from syncd.slips import Slips

SHOWN = 20
"""Problems of one sort that a report lists; the rest are counted."""

WAITING = 100
"""Deletions of one guard that a report lists; the rest are counted."""


def report(config: Config, *, counting: bool = True) -> StatusReport:
    """How things are. Raises LedgerError where the ledger cannot be read.

    Not `counting` leaves each store's `files` and `payloads` at 0: nothing is judged by them, and
    to count them is most of the work where there are many.
    """
    state = StateFolder(config.state)
    running = state.owner()
    path = state.ledger_path(config.url, config.workspace)
    if path is None:
        told = never_ran_with(config.url, state.ledger_path(None, config.workspace))
        return StatusReport(
            state=State.NEEDS_INIT,
            detail=told + ("" if running is not None else _first_step(config)),
            running=running,
            url=config.url,
            workspace=config.workspace,
        )
    connection = read_ledger(path)
    try:
        return _report(config, connection, running, counting=counting)
    except sqlite3.Error as error:
        raise LedgerError(
            f"the ledger {path} cannot be read: {error}; nothing was changed",
            "`syncd doctor` looks at it",
        ) from error
    finally:
        connection.close()


def _first_step(config: Config) -> str:
    """What is to be done before anything runs, as the end of a sentence."""
    if not config.stores:
        return f", and {config.source} names no store: `syncd init` finds those that are here"
    if config.token is None and config.url not in (None, EMBEDDED):
        return (f", and for {config.url} there is no token of this device's: "
                "`CONVEX_DEPLOY_KEY=... syncd init` enrolls it")  # fmt: skip
    return ": start `syncd run`"


def _report(
    config: Config, connection: sqlite3.Connection, running: int | None, *, counting: bool
) -> StatusReport:
    parts = _parts(connection, running)
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
        **pause_in(connection),
        rollback=_rollback(connection),
        stores=[_store(connection, store, counting=counting) for store in config.stores],
        parts=parts,
        stopped=stopped_owner(config.state) is not None,
        full=waiting_owner(config.state) is not None,
        unheard=unheard(connection) if running is not None and parts else 0.0,
        unread=_unread(config, connection) if running is not None and parts else [],
        problems=list(_problems(connection)),
        cost=_cost(config, connection),
    )
    found.state, found.detail = judge(found)
    return found


def _unread(config: Config, connection: sqlite3.Connection) -> list[str]:
    """Stores that are not as the daemon made them known to the ledger when it began."""
    began = {name: (each.configuration, each.place or "")
             for name, each in Places(connection).stores().items()}  # fmt: skip
    now = {store.name: (store.told(), str(store.path)) for store in config.stores}
    return sorted(name for name in began.keys() | now.keys() if began.get(name) != now.get(name))


def _cost(config: Config, connection: sqlite3.Connection) -> CostReport:
    costs = together(CostBook(connection).days(), Slips(config).days())
    return cost_report(config, costs, time.time())


def _store(connection: sqlite3.Connection, store: StoreConfig, *, counting: bool) -> StoreReport:
    name = store.name
    row = connection.execute("SELECT bootstrapped FROM stores WHERE store = ?", (name,)).fetchone()
    return StoreReport(
        name=name,
        path=str(store.path),
        files=_files(connection, name) + _count(connection, "logs", name) if counting else 0,
        payloads=_payloads(connection, name) if counting else 0,
        held=_count(connection, "held", name),
        bootstrapped=bool(row and row[0]),
        unsent=_unsent(connection, name),
    )


def _files(connection: sqlite3.Connection, store: str) -> int:
    # Of a file whose deletion waits it is still known what it held.
    row = connection.execute(
        """SELECT count(*) FROM files f WHERE store = ? AND NOT EXISTS (
             SELECT 1 FROM deletions d WHERE d.store = f.store AND d.direction = ?
               AND d.path = f.path AND d.record = '' AND d.state = 'waiting')""",
        (store, Direction.TO_REMOTE),
    ).fetchone()
    return int(row[0])


def _payloads(connection: sqlite3.Connection, store: str) -> int:
    # What both sides agree on is kept here too, unless it is a payload.
    row = connection.execute(
        """SELECT count(*) FROM entries WHERE store = ? AND base_digest IS NOT NULL
           AND NOT EXISTS (SELECT 1 FROM contents c
             WHERE substr(c.digest, 1, 8) = substr(base_digest, 1, 8)
               AND c.digest = base_digest)""",
        (store,),
    ).fetchone()
    return int(row[0])


def _unsent(connection: sqlite3.Connection, store: str) -> int:
    query = "SELECT coalesce(sum(max(whole - length, 0)), 0) FROM logs WHERE store = ?"
    return int(connection.execute(query, (store,)).fetchone()[0])


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


def unheard(connection: sqlite3.Connection) -> float:
    """Seconds since the daemon last told how it watches its stores, which it does every minute; 0
    where it watches none, as `syncd sync --once`. What the machine slept and by what its clock was
    set is no silence.
    """
    row = connection.execute("SELECT value FROM meta WHERE name = 'heard'").fetchone()
    return max(0.0, time.monotonic() - float(row[0])) if row and row[0] else 0.0


def pause_in(connection: sqlite3.Connection) -> dict[str, Any]:
    """Whether a person's pause lasts, and when it ends by itself: see `engine.stops.hiatus`."""
    query = "SELECT name, value FROM meta WHERE name IN ('paused', 'paused_for')"
    told, now = dict(connection.execute(query)), time.time()
    # Later than what was asked for would end it only by a clock that was set back since.
    latest = now + float(told.get("paused_for") or math.inf)
    end = min(float(told.get("paused") or -math.inf), latest)
    return {"paused": end > now, "paused_until": end if now < end < math.inf else None}


def _rollback(connection: sqlite3.Connection) -> Rollback | None:
    review = Epochs(connection).review()
    if review is None:
        return None
    conflicts = "SELECT count(*) FROM conflicts WHERE resolved IS NULL AND since >= ?"
    held = "SELECT count(*) FROM held WHERE since >= ?"
    counts = (connection.execute(each, (review.since,)).fetchone()[0] for each in (conflicts, held))
    return Rollback(since=review.since, why=review.why, open=sum(counts))


def _unresolved(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM conflicts WHERE resolved IS NULL"
    return int(connection.execute(query).fetchone()[0])


def _problems(connection: sqlite3.Connection) -> Iterable[Problem]:
    for found in Attention(connection).guards().values():
        yield _guard(connection, found)
    # A few of each reason come first: thousands for one must not hide what is held for another.
    for *key, reason, detail, advice, since, alike in connection.execute(
        """SELECT store, path, record, reason, detail, advice, since, alike FROM
             (SELECT *, count(*) OVER one AS alike,
                row_number() OVER (one ORDER BY since DESC, store, path, record) AS place
              FROM held WINDOW one AS (PARTITION BY reason, detail, advice))
           ORDER BY place > 5, since DESC, place LIMIT ?""",
        (SHOWN,),
    ):
        yield Problem(sort="held", key=str(Key(*key)), reason=reason, detail=detail,
                      advice=advice, since=since, alike=alike)  # fmt: skip
    for *key, reason, detail, since in connection.execute(
        """SELECT store, path, record, reason, detail, since FROM outbox
           WHERE state = 'parked' LIMIT ?""",
        (SHOWN,),
    ):
        yield Problem(sort="parked", key=str(Key(*key)), reason=reason or "",
                      detail=detail or "", since=since,
                      advice="mend the file: its next save is sent; or `syncd retry`")  # fmt: skip
    for number, *key, device, revision, since in connection.execute(
        """SELECT number, store, path, record, coalesce(remote_name, remote_device),
                  remote_revision, since
           FROM conflicts WHERE resolved IS NULL ORDER BY number DESC LIMIT ?""",
        (SHOWN,),
    ):
        yield Problem(sort="conflict", key=str(Key(*key)), reason="both sides changed it",
                      detail=f"the file won over revision {revision} of device {device}; "
                      "both versions are kept in the ledger", since=since,
                      advice=f"`syncd conflicts diff {number}` compares; `syncd conflicts resolve "
                      f"{number} --mine`, or --theirs, decides")  # fmt: skip


def _guard(connection: sqlite3.Connection, found: Guard) -> Problem:
    directions = [*Direction] if found.direction is Direction.BOTH else [found.direction]
    deletions = Deletions(connection)
    waiting = [
        str(key) for way in directions for key in deletions.listed("waiting", found.store, way)
    ]
    if waiting and found.folder in (RootState.PRESENT, RootState.REPLACED):
        # It counts those of the moment at which they stopped; of a folder that is away, its files.
        found = replace(found, missing=len(waiting))
    return Problem(
        sort="guard", key=found.store, reason=found.reason, since=found.since,
        detail=found.meanwhile, advice=found.advice,
        waiting=sorted(waiting)[:WAITING], deletions=len(waiting),
    )  # fmt: skip
