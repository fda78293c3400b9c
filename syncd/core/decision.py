"""What a turn knows of a key before it decides, and what it commits after. Pure: values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.core.model import (
    Conflict,
    Digest,
    Format,
    Key,
    Kind,
    OperationId,
    Plan,
    Snapshot,
    Version,
)
from syncd.core.reading import Stat


@dataclass(frozen=True, slots=True)
class View:
    """What the ledger knows of a key.

    `sent` is the version of the row that waits for its answer, None where none does: until
    then only newer saves are captured, and nothing is written or agreed. `taken`: another file was
    renamed here over the one that was agreed on.
    """

    base: Snapshot | None
    remote: Snapshot
    sent: Version | None = None
    taken: bool = False

    @property
    def agreed(self) -> bool:
        """Whether what was heard last is what both sides agreed on: there is no news of the key."""
        return self.base == self.remote


RACY_NS = 20_000_000
"""A file read within 20 ms of its last change may have changed again under the same stat: file
systems stamp with the kernel's coarse clock, whose ticks are up to 10 ms apart (git's racy rule).
"""


_SECOND_NS = 1_000_000_000
COARSE_NS = 2 * _SECOND_NS + RACY_NS
"""The same where a file system stamps with whole seconds, or with every other (FAT, HFS+, some of
those behind a network). Others stamp with one in a million.
"""


AHEAD_NS = 86_400 * _SECOND_NS
"""A stamp so far ahead of the clock was set by hand, or by a clock that was wrong then: what is
saved now does not get it, so it tells nothing of when. A file server's clock is not so far ahead.
"""

UNREAD = 0
"""When a file was read that was only ever written: its stat is not to be trusted yet."""


def racy(mtime_ns: int, ctime_ns: int, read_ns: int) -> bool:
    """Whether a file that was read then may have changed since without a change of its stat."""
    if read_ns == UNREAD:
        return True
    changed = mtime_ns if mtime_ns > ctime_ns else ctime_ns  # Of 100,000 files: no call for it.
    if changed - read_ns >= AHEAD_NS:
        changed = min(mtime_ns, ctime_ns)
        if changed - read_ns >= AHEAD_NS:
            return False
    return read_ns - changed <= (RACY_NS if changed % _SECOND_NS else COARSE_NS)


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as it was last read: `stat` and the digest of the bytes. `read_ns` is when that began,
    so that no save while it was read is passed over.
    """

    stat: Stat
    digest: Digest
    read_ns: int

    @property
    def racy(self) -> bool:
        """Whether the file may have changed since without a change of its stat."""
        return racy(self.stat.mtime_ns, self.stat.ctime_ns, self.read_ns)


@dataclass(frozen=True, slots=True)
class Decision:
    """One key's plan, carried out on the file where it asked for it, ready to be committed.

    `capture` decisions only queue, and list what a save did not know: their key has a sent row, so
    base and holds stay as they are.
    `body` are the bytes to bring to either side, None for a payload's: those stay in the file, or
    are prepared beside it. `file` is None where there is no file.
    `replaced` is the digest that went into history when the file was written or removed.
    `part`: the key is a part of a records file, whose state and writing are not in here; then
    `plan.to_local` is what the file is to hold of it.
    `target`: this deletion is half of a move, and that is the operation of the other half.
    `started`: when the execution says that it began, in ms since the epoch; see `stores.carried`.
    `seen`: the file is as it was last read or written, so this is no save.
    `taken`: the file is another one than the one agreed on, over which it was renamed.
    """

    key: Key
    kind: Kind
    format: Format
    plan: Plan
    operation: OperationId
    file: FileState | None
    body: bytes | None = None
    capture: bool = False
    replaced: Digest | None = None
    part: bool = False
    target: OperationId | None = None
    started: int | None = None
    seen: bool = False
    taken: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger knows of a key of a records file.

    `local` is what the file is to hold of it, `authored` what the last save that was not syncd's
    held, `queued` what waits in the outbox and is not sent. `unseen`: what programs hold of it in
    memory may be older than the ledger, which has seen no save of it.
    """

    view: View
    local: Version
    authored: Version
    queued: Version | None = None
    unseen: bool = False

    def settled(self, local: Version) -> bool:
        """Whether nothing is left to decide for the key while the file is to hold `local`."""
        if self.queued is not None and self.view.sent is not None:
            return self.queued == local
        if self.view.sent is not None:
            return self.view.sent == local
        return self.view.agreed and local == (self.queued or self.view.remote.version)


@dataclass(frozen=True, slots=True)
class Taken:
    """A records file as a turn read it, and what that changed: `parts` are (local, authored).

    `bodies` are the bytes of new versions, `conflicts` versions that lost against the save.
    """

    key: Key
    file: FileState | None
    parts: Mapping[Key, tuple[Version, Version]]
    bodies: Mapping[Digest, bytes]
    conflicts: Sequence[tuple[Key, Conflict]] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """One key's news with its bytes at hand, `body` None for a tombstone or bytes kept already.

    The bytes of a payload are fetched when a turn asks for them. `origin`: see `Change`.
    """

    key: Key
    snapshot: Snapshot
    device: str
    body: bytes | None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Write:
    """Make the file at `path` hold `body`, if it still holds `expected` (None: no file is there).

    Without a body: hold the prepared `payload`, or be gone.
    """

    path: str
    expected: Digest | None
    body: bytes | None
    payload: Digest | None = None

    @property
    def removes(self) -> bool:
        """Whether the file is to be gone."""
        return self.body is None and self.payload is None
