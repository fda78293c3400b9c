"""What commands print with --json, as models: `syncd schema` tells their JSON Schemas.

Version 1 of each: fields are only ever added, and readers pass over those they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from syncd.control.messages import Answer
from syncd.engine.looking.verify import Drift, Verdict
from syncd.report.dispute import Dispute
from syncd.report.explain import Explanation
from syncd.report.listing import ConflictList, ConflictReport, EventList
from syncd.report.planning import PlanReport
from syncd.report.standing import HealthReport, Problem, StatusReport, StoreReport


class DriftReport(BaseModel):
    """A key on which both sides differ: the digests there are."""

    path: str
    local: str | None
    remote: str | None


class StoreVerdict(BaseModel):
    """What was found in one store; `held` are paths that were not compared, with the reasons."""

    store: str
    same: int
    held: dict[str, str]
    drifts: list[DriftReport]


class VerifyReport(BaseModel):
    """What `syncd verify` found."""

    version: int = 1
    drift: bool
    stores: list[StoreVerdict]


class InitReport(BaseModel):
    """What `syncd init` found before the first contact: `drifts` are what only one side has, or
    both have with other bytes. `ready`: `syncd run` may begin.
    """

    version: int = 1
    source: str
    ready: bool
    stores: list[StoreVerdict]


class FindingReport(BaseModel):
    """What one check saw, and what to do about it."""

    check: str
    level: str
    evidence: str
    fix: str


class DoctorReport(BaseModel):
    """What `syncd doctor` saw."""

    version: int = 1
    findings: list[FindingReport]


class DeviceReport(BaseModel):
    """A device; `seen_at` is in ms, None before its first hello.

    `waited_since`: when that one of its ledgers was last seen that was away for longest.
    """

    device: str
    name: str
    scopes: list[str]
    revoked: bool
    seen_at: float | None
    waited_since: float | None = None


class DeviceReports(BaseModel):
    """The devices of the workspace."""

    version: int = 1
    devices: list[DeviceReport]


class TokenReport(BaseModel):
    """The token of a device that was just enrolled: it is told this once."""

    version: int = 1
    name: str
    token: str


class RevokeReport(BaseModel):
    """Whether the token of a device is void now: not where none is called so."""

    version: int = 1
    name: str
    revoked: bool


class ServiceReport(BaseModel):
    """A service of systemd. `active` is systemd's word for how it is, such as "active" or "failed";
    None where it was not asked. `files` are its unit files, by path.
    """

    version: int = 1
    unit: str
    installed: bool
    enabled: bool
    active: str | None
    files: dict[str, str]


class SyncReport(BaseModel):
    """What is mirrored after `syncd sync --once`, and what needs a look: `unwell` of it, of which
    some are listed.
    """

    version: int = 1
    files: int
    unwell: int
    stores: list[StoreReport]
    problems: list[Problem]


class ConflictShown(ConflictReport, Dispute):
    """One conflict, whole."""

    version: int = 1


class ConflictDiff(BaseModel):
    """The version that lost, compared with the one that won, as a unified diff's lines."""

    version: int = 1
    number: int
    diff: list[str]


class ConfigReport(BaseModel):
    """The settings in force; `token` is "set" or "none"."""

    version: int = 1
    token: str
    source: str
    state: str
    url: str | None
    workspace: str
    embedded: dict[str, Any]
    http: dict[str, Any]
    notify: dict[str, Any]
    cost: dict[str, Any]
    stores: list[dict[str, Any]]


def verdicts_of(found: Sequence[Verdict]) -> list[StoreVerdict]:
    """What a comparison of both sides came to."""
    return [
        StoreVerdict(
            store=verdict.store,
            same=verdict.same,
            held=verdict.held,
            drifts=[
                DriftReport(path=name_of(drift), local=drift.local, remote=drift.remote)
                for drift in verdict.drifts
            ],
        )
        for verdict in found
    ]


def name_of(drift: Drift) -> str:
    """The path of what differs, and the record in it."""
    return f"{drift.key.path}#{drift.key.record}" if drift.key.record else drift.key.path


REPORTS: Final[Mapping[str, type[BaseModel]]] = {
    "config": ConfigReport,
    "conflicts diff": ConflictDiff,
    "conflicts list": ConflictList,
    "conflicts show": ConflictShown,
    "devices enroll": TokenReport,
    "devices list": DeviceReports,
    "devices revoke": RevokeReport,
    "doctor": DoctorReport,
    "explain": Explanation,
    "health": HealthReport,
    "init": InitReport,
    "log": EventList,
    "plan": PlanReport,
    **dict.fromkeys(("service install", "service status", "service uninstall"), ServiceReport),
    "status": StatusReport,
    "sync": SyncReport,
    "verify": VerifyReport,
    **dict.fromkeys(
        ("approve", "conflicts resolve", "conflicts undo", "pause", "reject", "restore", "resume",
         "retry"),
        Answer,
    ),
}  # fmt: skip
"""By command."""
