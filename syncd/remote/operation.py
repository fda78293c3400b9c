"""What is pushed, as `sync:push` takes it; field for field `operation` in `convex/validators.ts`.

Pure.
"""

from __future__ import annotations

from typing import Any

from syncd.core.delta import delta
from syncd.core.model import Content, Intent
from syncd.remote.wire import to_key


def to_operation(intent: Intent, *, whole: bool = True) -> dict[str, Any]:
    """An intent as `sync:push` takes it; unless `whole`, by what it changes where that is less."""
    write: dict[str, Any] | None = None
    if isinstance(intent.version, Content):
        write = {"digest": intent.version.digest, "size": intent.version.size}
        write |= {"stored": True} if intent.body is None else _to_text(intent, whole=whole)
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


def to_halves(operation: dict[str, Any]) -> list[dict[str, Any]]:
    """What `sync:push` answers an operation by: itself and, of a move, its target."""
    return [operation, operation["target"]] if "target" in operation else [operation]


def _to_text(intent: Intent, *, whole: bool) -> dict[str, Any]:
    if intent.body is None or intent.former is None or whole:
        return {"text": (intent.body or b"").decode()}
    splices = delta(intent.former, intent.body)
    if splices is None:
        return {"text": intent.body.decode()}
    return {"splices": [{"at": each.at, "drop": each.drop, "text": each.text} for each in splices]}


def _to_expectation(intent: Intent) -> dict[str, Any]:
    return {"revision": intent.expect_revision, "digest": intent.expect_digest}
