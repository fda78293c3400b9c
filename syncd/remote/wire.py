"""Messages between the daemon and the functions, field for field `convex/validators.ts`.

Everything the deployment says is validated here and turned into core values; nothing else of
the program reads its JSON. Pure.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from syncd.core.delta import Delta, Splice
from syncd.core.model import (
    NEVER,
    Applied,
    Change,
    Content,
    Digest,
    Key,
    Outcome,
    Refused,
    Replayed,
    Snapshot,
    Stale,
    Tombstone,
    Version,
    Witness,
)
from syncd.core.news import StoreSettings
from syncd.remote.message import HexDigest, Message

PROTOCOL = 1
"""Number of this wire format; `sync:hello` refuses a number it does not know."""


Place = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}$")]
"""A commit time: decimal, of 64 bits with a sign."""


def _int64(value: object) -> object:
    # As `convex.values` reads it, which would bring the package's client into the daemon: 3 MiB.
    match value:
        case {"$integer": str(text), **others} if not others:
            body = base64.b64decode(text, validate=True)
            if len(body) != 8:
                raise ValueError("not a value of Convex")
            return int.from_bytes(body, "little", signed=True)
    return value


Int64 = Annotated[int, BeforeValidator(_int64)]


class WireSnapshot(Message):
    """A version at a revision, without its bytes."""

    revision: int
    digest: HexDigest | None
    deleted: bool
    at: Int64

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        # A deletion is believed only where it is said twice.
        if self.deleted != (self.digest is None):
            raise ValueError("digest must be null exactly where deleted is true")
        return self

    def to_core(
        self, size: int = 0, last: str | None = None, moved_to: str | None = None
    ) -> Snapshot:
        """The snapshot as a core value."""
        version: Version = Tombstone(Digest(last) if last else None, moved_to)
        if not self.deleted and self.digest is not None:
            version = Content(Digest(self.digest), size)
        return Snapshot(self.revision, version, self.at)


class WireEntry(WireSnapshot):
    """An entry as manifests list it."""

    store: str
    path: str
    record: str
    last_digest: HexDigest | None = Field(alias="lastDigest")
    moved_to: str | None = Field(alias="movedTo")
    size: int
    stored: bool = False
    device: str
    origin: str | None = None

    @property
    def key(self) -> Key:
        """Whose snapshot this is."""
        return Key(self.store, self.path, self.record)

    def to_change(self) -> Change:
        """The entry as news, without bytes."""
        snapshot = self.to_core(self.size, self.last_digest, self.moved_to)
        return Change(self.key, snapshot, self.device, stored=self.stored, origin=self.origin or "")


class WireSplice(Message):
    """A part of a text that makes way for another."""

    at: int = Field(ge=0)
    drop: int = Field(ge=0)
    text: str


class WireDelta(Message):
    """What a text changes in the one with the digest `base`."""

    base: HexDigest
    splices: list[WireSplice]

    def to_core(self) -> Delta:
        """The change of a text as a core value."""
        return Delta(self.base, tuple(Splice(s.at, s.drop, s.text) for s in self.splices))


class WireChange(WireEntry):
    """An entry as the feed and `sync:fetch` tell it."""

    text: str | None
    url: str | None = None
    delta: WireDelta | None = None

    def to_change(self) -> Change:
        """The entry as news, with its bytes where they were sent along."""
        body = None if self.text is None else self.text.encode()
        told = self.delta.to_core() if self.delta is not None else None
        return replace(WireEntry.to_change(self), body=body, url=self.url, delta=told)


class WireWitness(Message):
    """A snapshot that the deployment denies."""

    store: str
    path: str
    record: str
    revision: int
    digest: HexDigest | None
    receipt: int | None = None

    def to_core(self) -> Witness:
        """The witness as a core value."""
        key = Key(self.store, self.path, self.record)
        digest = Digest(self.digest) if self.digest is not None else None
        return Witness(key, self.revision, digest, self.receipt)


class _Applied(Message):
    outcome: Literal["applied"]
    operation: str
    revision: int
    at: Int64

    def to_core(self) -> Outcome:
        return Applied(self.revision, self.at)


class _Replayed(Message):
    outcome: Literal["replayed"]
    operation: str
    revision: int
    current: WireSnapshot

    def to_core(self) -> Outcome:
        return Replayed(self.revision, self.current.to_core())


class _Stale(Message):
    outcome: Literal["stale"]
    operation: str
    current: WireSnapshot | None

    def to_core(self) -> Outcome:
        return Stale(self.current.to_core() if self.current else NEVER)


class _Refused(Message):
    outcome: Literal["refused"]
    operation: str
    reason: str
    detail: str

    def to_core(self) -> Outcome:
        return Refused(self.reason, self.detail)


WireResult = Annotated[_Applied | _Replayed | _Stale | _Refused, Field(discriminator="outcome")]


class HelloAnswer(Message):
    """`sync:hello`: who the deployment is, and whether it still knows what we know."""

    protocol: int = Field(ge=PROTOCOL, le=PROTOCOL)
    deployment: str
    device: str
    name: str
    behind: bool
    missed: bool = False
    reaped: Place | None = None
    seen: int
    broken: list[WireWitness]


class PassedAnswer(Message):
    """`sync:passed`: whether it was noted; not where the ledger said hello again since."""

    noted: bool
    reaped: Place | None = None


class RegisterAnswer(Message):
    """`sync:register`: how many stores it took note of."""

    registered: int


class PushAnswer(Message):
    """`sync:push`: a result for each of `halves`, in the order sent."""

    results: list[WireResult]


class ChangesAnswer(Message):
    """`sync:changes`: whole groups of the feed, and the place behind them."""

    changes: list[WireChange]
    cursor: Place
    done: bool
    missed: bool = False
    broken: list[WireWitness] = Field(default=[])


class FetchAnswer(Message):
    """`sync:fetch`: the first of the asked keys, None for one never held."""

    entries: list[WireChange | None]


class ManifestPlace(Message):
    """Where a page of the manifest ended."""

    path: str
    record: str


class ManifestAnswer(Message):
    """`sync:manifest`: a page of a store's entries, tombstones too."""

    entries: list[WireEntry]
    next: ManifestPlace | None


class HeadAnswer(Message):
    """`sync:head`: the newest place in the feed and, by functions that know it, the one before."""

    head: Place
    before: Place | None = None


class ConflictAnswer(Message):
    """`sync:conflict`: the names of those whose versions lost, None for nobody known."""

    authors: list[str | None]


def to_registration(store: StoreSettings) -> dict[str, Any]:
    """A store's settings as `sync:register` takes them."""
    told = {
        "name": store.name,
        "kind": store.kind.value,
        "layout": store.layout,
        "direction": store.direction,
        "create": store.create,
    }
    return told if store.pointer is None else {**told, "pointer": store.pointer}


def to_key(key: Key) -> dict[str, str]:
    """A key as functions take it."""
    return {"store": key.store, "path": key.path, "record": key.record}


def to_witness(witness: Witness) -> dict[str, Any]:
    """A witness as functions take it."""
    told = {**to_key(witness.key), "revision": witness.revision, "digest": witness.digest}
    return told if witness.receipt is None else {**told, "receipt": witness.receipt}
