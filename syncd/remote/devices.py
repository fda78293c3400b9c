"""Messages about devices, field for field `convex/devices.ts`. Pure."""

from __future__ import annotations

from pydantic import Field

from syncd.remote.message import Message


class EnrollAnswer(Message):
    """`devices:enroll`: a device and its token, told once."""

    device: str
    name: str
    workspace: str
    token: str


class WireDevice(Message):
    """A device as `devices:list` shows it; in ms, None before its first hello.

    `waited_since`: when that one of its ledgers was heard of last that was away for longest.
    Tombstones are kept for each.
    """

    device: str
    name: str
    scopes: list[str]
    revoked: bool
    seen_at: float | None = Field(alias="seenAt")
    waited_since: float | None = Field(alias="waitedSince", default=None)


class DeviceList(Message):
    """`devices:list`: every device of a workspace."""

    devices: list[WireDevice]


class RevokeAnswer(Message):
    """`devices:revoke`: whether there was such a device."""

    revoked: bool
