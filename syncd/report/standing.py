"""How things are as a whole: what is told of them. Pure. What follows from it: see `judging`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel


class State(StrEnum):
    """How things are as a whole, worst first."""

    HALTED = "halted"
    NEEDS_INIT = "needs-init"
    AUTH_FAILED = "auth-failed"
    ROLLBACK_REVIEW = "rollback-review"
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


class HealthReport(BaseModel):
    """Of a daemon that makes progress, whether programs may rely on it: not asked with --live."""

    version: int = 1
    alive: bool = True
    readiness: Readiness | None = None
    state: State | None = None
    detail: str = ""


class Part(BaseModel):
    """How one part of the daemon is; times are seconds since the epoch."""

    state: str
    detail: str
    since: float
    checked: float


class StoreReport(BaseModel):
    """A store in numbers. `files` were here when they were last looked at, of those whose deletion
    waits none is; `payloads` are mirrored whole, without columns of what is in them.
    """

    name: str
    path: str
    files: int
    payloads: int = 0
    held: int
    bootstrapped: bool
    unsent: int = 0
    """Bytes of lines that the deployment did not acknowledge yet."""


class Problem(BaseModel):
    """Something that needs a look, with what to do about it."""

    sort: str
    key: str
    reason: str
    detail: str
    advice: str
    since: float
    waiting: list[str] = []
    """Of a guard: the files whose deletion waits, as many as are listed of `deletions`."""
    deletions: int = 0
    alike: int = 1
    """Of what is held: for how many keys the same holds, listed or not."""


class Spent(BaseModel):
    """What was spent on the deployment, by this machine: see `core.cost.Cost`."""

    calls: int = 0
    sent: int = 0
    received: int = 0
    uploaded: int = 0
    downloaded: int = 0

    @property
    def database(self) -> int:
        """Bytes that functions read or wrote, at least."""
        return self.sent + self.received

    @property
    def payloads(self) -> int:
        """Bytes that went to file storage or came from it."""
        return self.uploaded + self.downloaded


class CostReport(BaseModel):
    """What was spent of what the plan includes a month, in UTC days and months.

    What is included is for all machines together, what was spent is this one's. None: nobody
    counts, or it is too early to tell. `warning` says what the month will not do with.
    """

    plan: str
    today: Spent
    month: Spent
    calls_included: int | None = None
    database_bytes_included: int | None = None
    calls_projected: int | None = None
    database_bytes_projected: int | None = None
    projected_from_days: int = 0
    warning: str = ""


class Rollback(BaseModel):
    """The deployment was restored, or the ledger is an old copy: both were compared anew.

    `open` are the conflicts and held keys that are there since.
    """

    since: float
    why: str
    open: int


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
    rollback: Rollback | None = None
    unheard: float = 0.0
    """Seconds since the daemon that runs last told anything of itself."""
    stopped: bool = False
    """Whether the daemon's process is stopped, as by SIGSTOP: it runs, and does nothing."""
    full: bool = False
    """Whether the daemon waits for room on its state folder's disk: it runs, and does nothing."""
    unread: list[str] = []
    """Stores that were configured otherwise when the daemon that runs began."""
    stores: list[StoreReport] = []
    parts: dict[str, Part] = {}
    problems: list[Problem] = []
    cost: CostReport | None = None

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
