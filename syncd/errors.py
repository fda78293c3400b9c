"""Troubles, translated once at the edge where they are met.

Each says what happened and on what, what was not changed, and what to do next. Outcomes that
a caller acts on are values (`syncd.core.model`), not exceptions.
"""

from __future__ import annotations


class SyncdError(Exception):
    """A trouble for a person: `str()` is what happened, `advice` the next thing to do."""

    exit_code = 1

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.advice = advice


class ConfigError(SyncdError):
    """The configuration cannot be used; nothing was started or changed."""

    exit_code = 2


class Unavailable(SyncdError):
    """The deployment cannot be reached or asks to wait; queued work is kept and retried."""


class Unreachable(Unavailable):
    """No connection to the deployment could be made: nothing was sent."""


class CeilingReached(Unavailable):
    """As much was spent as may be: nothing was asked, and queued work is kept until more may be.

    `held` says in short what stops everything, and until when.
    """

    def __init__(self, setting: str, when: str, advice: str) -> None:
        super().__init__(
            f"the ceiling {setting} is reached; what is saved is queued until {when}", advice
        )
        self.held = f"the ceiling {setting} holds it until {when}"


class Unauthorized(SyncdError):
    """The deployment does not accept the device token; queued work is kept."""

    exit_code = 5


class ProtocolError(SyncdError):
    """The deployment's functions and this program do not understand each other."""

    exit_code = 8


class Paused(SyncdError):
    """A person paused mirroring; what is saved is kept and sent when the pause ends."""


class FunctionFailed(SyncdError):
    """A function threw on the deployment; its transaction changed nothing."""


class PayloadRefused(SyncdError):
    """File storage does not take, or does not have, this payload; nothing was changed."""


class RecordError(SyncdError):
    """A record cannot be read or saved by a program; its file is as it was."""


class LedgerError(SyncdError):
    """The ledger cannot be opened or written; files and deployment are untouched."""


class LedgerDamaged(LedgerError):
    """The ledger's file is not one any more; it was not changed."""


class LedgerFull(LedgerError):
    """The ledger's disk has no room; what was to be written is undone, and may be tried again."""


class LedgerUnknown(LedgerError):
    """The ledger was written by another program: a newer one, or one from between two versions."""

    exit_code = 8


class AnotherInstance(SyncdError):
    """Another process owns the state folder; this one changed nothing."""

    exit_code = 9


class NotReachable(SyncdError):
    """A daemon runs and does not answer its control socket."""

    exit_code = 6


def first_of(error: BaseException) -> BaseException:
    """`error` itself, or of a group, which may hold others, the first that is none."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
