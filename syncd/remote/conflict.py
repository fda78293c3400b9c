"""How a conflict is told. Pure; field for field `conflict` of `convex/validators.ts`."""

from __future__ import annotations

from typing import Any

from syncd.core.conflict import ListedConflict
from syncd.remote.wire import to_key


def to_conflict(conflict: ListedConflict, lost: bytes | None) -> dict[str, Any]:
    """A conflict as `sync:conflict` takes it; `lost` are the bytes of the remote version."""
    return {
        **to_key(conflict.key),
        "base": conflict.base,
        "local": conflict.local,
        "revision": conflict.revision,
        "digest": conflict.remote or "",
        "author": conflict.device,
        "text": None if lost is None else lost.decode(),
        "since": conflict.since * 1000,
        "resolution": conflict.resolution,
    }
