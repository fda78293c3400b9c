"""A conflict as it is listed until a person decides. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.model import Digest, Key


@dataclass(frozen=True, slots=True)
class ListedConflict:
    """Both sides changed `key`, and the file won. Times are seconds since the epoch.

    `device` wrote the remote version; `name` is that device's, once the deployment told it.
    `resolution` is how a person decided at `resolved`; `former` is what the file held before,
    None where nothing was written.
    """

    number: int
    key: Key
    base: Digest | None
    local: Digest | None
    remote: Digest | None
    revision: int
    device: str | None
    name: str | None
    since: float
    resolved: float | None
    resolution: str | None
    former: Digest | None
