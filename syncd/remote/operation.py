"""What is pushed, as `sync:push` takes it; field for field `operation` in `convex/validators.ts`.

Pure.
"""

from __future__ import annotations

from typing import Any

from syncd.core.model import Content, Intent
from syncd.remote.wire import to_key


def to_operation(intent: Intent) -> dict[str, Any]:
    """An intent as `sync:push` takes it."""
    write: dict[str, Any] | None = None
    if isinstance(intent.version, Content):
        write = {"digest": intent.version.digest, "size": intent.version.size}
        write |= {"stored": True} if intent.body is None else {"text": intent.body.decode()}
    operation = {
        "operation": intent.operation,
        **to_key(intent.key),
        "kind": intent.kind.value,
        "format": intent.format.value,
        "expect": _to_expectation(intent),
        "write": write,
    }
    if intent.started is not None and write is not None:
        operation["carried"] = {"startedAt": intent.started}
    if (target := intent.target) is not None:
        operation["movedTo"] = target.key.path
        operation["target"] = {
            "operation": target.operation, "expect": _to_expectation(target),
        }  # fmt: skip
    return operation


def _to_expectation(intent: Intent) -> dict[str, Any]:
    return {"revision": intent.expect_revision, "digest": intent.expect_digest}
