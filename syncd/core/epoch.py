"""When the ledger and the deployment stop belonging together, and what still counts then. Pure.

Within an epoch revisions only grow and nothing heard goes back. A deployment restored from a
backup, or a ledger that is an old copy, ends it: then revisions mean nothing any more, and only
the digests of what was once agreed tell who is ahead. Nothing is deleted on their word.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from syncd.core.model import Content, Digest, Snapshot
from syncd.core.news import Welcome


class End(StrEnum):
    """Why an epoch ended."""

    OLD_COPY = "the ledger is an old copy or a clone"
    RESTORED = "the deployment was restored from a backup, or this device was revoked"


def ended(welcome: Welcome, start: int, answered: int) -> End | None:
    """Whether the answer to the hello numbered `start` ends the epoch.

    `answered` is the last start number the deployment acknowledged to this ledger. A start number
    it has seen already was used by another copy of the ledger, and so was one behind whose cursor
    tombstones were reaped, for they are kept for those that are not revoked. A start number lower
    than what it acknowledged, a denied witness, or a head behind our cursor: it forgot.
    """
    if welcome.seen >= start or (welcome.missed and welcome.seen >= answered):
        return End.OLD_COPY
    if welcome.seen < answered or welcome.broken or welcome.behind:
        return End.RESTORED
    return None


def rebase(
    agreed: Digest | None, remote: Snapshot, former: Collection[Digest], *, present: bool
) -> Snapshot | None:
    """The base with which a key goes on in the new epoch; None: it is met for the first time.

    `agreed` is the digest of the former base, `former` those of the bases before it, `present`
    whether there is a file. What the deployment holds is the base where it is what was agreed, or
    something that was agreed before and written over since: then the file goes over it again.
    A file that is not there is no reason to delete: first contact brings it back.
    """
    if not present or not isinstance(remote.version, Content):
        return None
    digest = remote.version.digest
    return remote if digest == agreed or digest in former else None
