"""The nouns of syncd as values: keys, versions, snapshots, changes, intents, plans.

Everything here is frozen and compares by value. Pure: stdlib only, no IO, no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, NewType, Self

from syncd.core.delta import Delta

Digest = NewType("Digest", str)
"""SHA-256 of an entry's exact bytes, 64 lower-case hex digits."""

Cursor = NewType("Cursor", str)
"""A place in the deployment's feed. Opaque: only the deployment orders cursors."""

OperationId = NewType("OperationId", str)
"""128 random bits as 32 hex digits, made with the outbox row and never reused."""


INLINE_LIMIT: Final = 2 * 1024 * 1024
"""Longest text that travels inside a function call, in bytes."""


class Kind(StrEnum):
    """What the records of a store are; decides which typed row an entry is projected to."""

    WORKFLOW = "workflow"
    EXECUTION = "execution"
    ASSET = "asset"
    DEPLOYMENT = "deployment"
    METRIC = "metric"
    DOCUMENT = "document"
    FILE = "file"


class Format(StrEnum):
    """How a payload is written; decides what counts as evidence of a whole file."""

    JSON = "json"
    YAML = "yaml"
    TEXT = "text"
    BYTES = "bytes"


class Key(NamedTuple):
    """Identity of an entry inside a workspace.

    `path` is relative to the store's root, POSIX, NFC. `record` is empty for a whole file.
    A tuple: every step of a first mirror looks thousands of keys up, and puts them in order.
    """

    store: str
    path: str
    record: str = ""

    def __str__(self) -> str:
        place = f"{self.store}:{self.path}"
        return f"{place}#{self.record}" if self.record else place


@dataclass(frozen=True, slots=True)
class Content:
    """A version that holds bytes. Two contents are equal when their digests are."""

    digest: Digest
    size: int = field(compare=False)

    @classmethod
    def of(cls, body: bytes) -> Self:
        """The version that holds these bytes."""
        return cls(Digest(hashlib.sha256(body).hexdigest()), len(body))


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A version that is known to be absent. Not knowing is `None`, never a tombstone."""

    last: Digest | None = field(default=None, compare=False)
    """Digest of the last content before the deletion, where the deployment still knows it."""

    moved_to: str | None = field(default=None, compare=False)
    """The path under which that content lived on, where it was moved."""


Version = Content | Tombstone
TOMBSTONE: Final = Tombstone()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A version at a revision. Equal when both are; `at` only orders news."""

    revision: int
    version: Version
    at: int = field(default=0, compare=False)

    @property
    def digest(self) -> Digest | None:
        """Digest of the content, or None for a tombstone: what an expectation compares."""
        return self.version.digest if isinstance(self.version, Content) else None


NEVER: Final = Snapshot(0, TOMBSTONE)
"""What the deployment holds for a key that it has never seen."""


@dataclass(frozen=True, slots=True)
class Witness:
    """A snapshot this ledger was told of; a deployment that denies it was restored.

    `digest` is None for a tombstone.

    `receipt` is the revision of our own last operation on the key, None where there is none.
    """

    key: Key
    revision: int
    digest: Digest | None
    receipt: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The deployment's statement "this key is now this snapshot".

    `body` is None for a tombstone, and for content whose bytes were left out of the message. The
    bytes of `stored` content lie in file storage, served at `url` where that was asked for.
    `origin` is the device that made the key, empty where none did, None where that is not told.
    `delta`: the bytes that were left out, as what they change in others.
    """

    key: Key
    snapshot: Snapshot
    device: str
    body: bytes | None = None
    stored: bool = False
    url: str | None = None
    origin: str | None = None
    delta: Delta | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """An outbox row: make the remote this version, if it still is what was expected.

    `body` is the exact text to send, None for a deletion and for content that file storage holds.
    Once sent, an intent never changes.

    A deletion with a `target` is a move: both are applied or neither, and the target has no
    `body`, for it takes over what its `source`, the key of the deletion, held. `started` is when
    an earlier version said that the execution began, in ms: the row keeps it. `former` is the text
    of what is expected, where that is known: `body` may be told as what it changes in it.
    """

    operation: OperationId
    key: Key
    kind: Kind
    format: Format
    version: Version
    expect_revision: int
    expect_digest: Digest | None
    body: bytes | None
    target: Intent | None = None
    source: Key | None = None
    started: int | None = None
    former: bytes | None = field(default=None, compare=False, repr=False)


def halves(intents: Iterable[Intent]) -> list[Intent]:
    """`intents`, each move followed by its target: as the deployment answers them."""
    return [half for each in intents for half in (each, each.target) if half is not None]


@dataclass(frozen=True, slots=True)
class Applied:
    """The deployment accepted the operation."""

    revision: int
    at: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The deployment had accepted the operation before; others may have written since."""

    revision: int
    current: Snapshot


@dataclass(frozen=True, slots=True)
class Stale:
    """The key was not what the operation expected; nothing was changed."""

    current: Snapshot


@dataclass(frozen=True, slots=True)
class Refused:
    """The deployment will never take this operation as it is; nothing was changed."""

    reason: str
    detail: str


Outcome = Applied | Replayed | Stale | Refused


class Reason(StrEnum):
    """Why reconcile decided what it decided; shown to people by `status` and the log."""

    NOTHING = "nothing"
    CONVERGED = "converged"
    PULL = "pull"
    PUSH = "push"
    MERGED = "merged"
    CONFLICT = "conflict"
    HELD = "held"
    REWRITE = "rewrite"
    """Not of reconcile: a records file is made to hold what its keys are, or a write that was noted
    before an epoch ended is found done. Nothing is agreed on by it."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Both sides changed one key. The file keeps `local`; `remote` is kept in the ledger."""

    base: Snapshot | None
    local: Version
    remote: Snapshot


@dataclass(frozen=True, slots=True)
class Hold:
    """A key that cannot be mirrored now. It blocks nobody else.

    `reason` is a short stable word, `detail` says what was met, `advice` what to do about it.
    """

    reason: str
    detail: str
    advice: str


SEND_WHOLE: Final = "send-whole"
"""Why an operation is refused whose text was told as changes that do not lead to it."""

MISSING_BLOB: Final = "missing-blob"
"""Why an operation is refused whose content file storage does not hold: it is uploaded again."""

BYTES_DAMAGED: Final = "bytes-damaged"
"""The hold of a key whose bytes the deployment does not have as it tells them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Reconcile's answer for one key.

    `base` is the snapshot to agree on once `to_local`, if any, is in the file. `to_remote` is
    queued in the outbox. A plan with a hold changes nothing.
    """

    reason: Reason
    base: Snapshot | None
    to_local: Version | None = None
    to_remote: Version | None = None
    conflict: Conflict | None = None
    hold: Hold | None = None
