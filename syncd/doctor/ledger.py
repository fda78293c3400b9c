"""The ledger and its owner: whole, of this version, and how much there is of it. Does IO."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator

from syncd.config import Config
from syncd.core.cost import together
from syncd.core.wording import counted
from syncd.doctor.finding import Finding, fail, ok, warn
from syncd.errors import LedgerError
from syncd.ledger.connection import read_ledger
from syncd.ledger.costs import CostBook
from syncd.ledger.owner import is_closed, stopped_owner, waiting_owner
from syncd.ledger.state import StateFolder
from syncd.report.cost import cost_report
from syncd.report.judging import paused
from syncd.report.status import pause_in
from syncd.slips import Slips


def examine(config: Config) -> Iterator[Finding]:
    """Everything that concerns the state folder."""
    state = StateFolder(config.state)
    owner = state.owner()
    if is_closed(config.state):
        yield warn("daemon", f"whether one runs cannot be told: {config.state} is another user's",
                   "run this as the user whose daemon it is")  # fmt: skip
    elif owner is None:
        yield warn("daemon", "no daemon runs: what is saved is not sent", "syncd run")
    elif stopped_owner(config.state) is not None:
        yield fail("daemon", f"process {owner} is stopped: what is saved is not sent",
                   f"kill -CONT {owner}")  # fmt: skip
    elif waiting_owner(config.state) is not None:
        yield fail("daemon", f"process {owner} waits for room on the disk of {config.state}: "
                   "what is saved is not sent",
                   "free some space: then it goes on by itself")  # fmt: skip
    else:
        yield ok("daemon", f"process {owner} owns {config.state}")
    try:
        path = state.ledger_path(config.url, config.workspace)
        if path is None:
            yield ok("ledger", "there is none yet: the first run makes it")
            return
        connection = read_ledger(path)
    except LedgerError as error:
        yield fail("ledger", str(error), error.advice)
        return
    name = f"{path}, {path.stat().st_size / 1e6:.1f} MB"
    try:
        yield _whole(connection, name)
        yield from _pause(connection)
        yield _cost(config, connection)
    except sqlite3.Error as error:
        yield _damaged(str(error), name)
    finally:
        connection.close()


def _pause(connection: sqlite3.Connection) -> Iterator[Finding]:
    told = pause_in(connection)
    if told["paused"]:
        yield warn("pause", f"{paused(told['paused_until'])}: what is saved is not sent",
                   "syncd resume")  # fmt: skip


def _cost(config: Config, connection: sqlite3.Connection) -> Finding:
    costs = together(CostBook(connection).days(), Slips(config).days())
    found = cost_report(config, costs, time.time())
    if found.warning:
        return warn("cost", f"plan {found.plan}: {found.warning}",
                    "set most_calls_a_day or most_bytes_a_day under [cost] in config.toml, leave "
                    "hot files out with `exclude`, or say there what is included")  # fmt: skip
    month = found.month
    return ok("cost", f"plan {found.plan}: this month {counted(month.calls, 'function call')} and "
              f"at least {counted(month.database, 'byte')} of database traffic")  # fmt: skip


def _whole(connection: sqlite3.Connection, name: str) -> Finding:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found == "ok":
        return ok("ledger", f"whole: {name}")
    return _damaged(found, name)


def _damaged(why: str, name: str) -> Finding:
    return fail("ledger", f"damaged ({why}): {name}",
                "start `syncd run` anew: it puts a damaged ledger aside, compares files and "
                "deployment, and deletes nothing")  # fmt: skip
