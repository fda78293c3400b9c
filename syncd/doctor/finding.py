"""What a check found. Pure: values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding is to be taken, worst last."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` is a stable word; `evidence` what was seen; `fix` what to do, empty where all is
    well.
    """

    check: str
    level: Level
    evidence: str
    fix: str = ""


def ok(check: str, evidence: str) -> Finding:
    """All is well."""
    return Finding(check, Level.OK, evidence)


def warn(check: str, evidence: str, fix: str) -> Finding:
    """It works, and not as well as it could."""
    return Finding(check, Level.WARN, evidence, fix)


def fail(check: str, evidence: str, fix: str) -> Finding:
    """It does not work."""
    return Finding(check, Level.FAIL, evidence, fix)
