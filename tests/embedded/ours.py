"""Our own functions as a client calls them: a device and the operations it pushes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from .backend import Backend


@dataclass(frozen=True)
class Device:
    """An enrolled device; `scope` goes into the arguments of every call."""

    scope: dict[str, str]

    @classmethod
    def enroll(cls, backend: Backend, name: str = "laptop") -> Device:
        args = {"workspace": "w", "name": name}
        enrolled = backend.call("mutation", "devices:enroll", args, admin=True).value
        device = cls({"token": enrolled["token"], "workspace": "w"})
        hello = {"protocol": 1, "ledger": "l", "start": 1, "cursor": None, "witnesses": []}
        backend.mutate("sync:hello", **device.scope, **hello)
        return device


def creation(path: str, text: str) -> dict[str, Any]:
    """The operation that creates a workflow file."""
    return {
        "operation": hashlib.sha256(f"{path}\n{text}".encode()).hexdigest()[:32],
        "store": "flows",
        "path": path,
        "record": "",
        "kind": "workflow",
        "format": "json",
        "expect": {"revision": 0, "digest": None},
        "write": {
            "digest": hashlib.sha256(text.encode()).hexdigest(),
            "size": len(text.encode()),
            "text": text,
        },
    }


def workflow(number: int, nodes: int = 3) -> str:
    listed = [
        {"id": str(n), "name": f"step {n}", "type": "http", "parameters": {"url": "http://a"}}
        for n in range(nodes)
    ]
    return json.dumps({"id": f"flow-{number}", "name": f"Flow {number}", "nodes": listed})
