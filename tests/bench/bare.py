"""Programs that know every version themselves and send it to the very functions syncd calls."""

from __future__ import annotations

import base64
import hashlib
import http.client
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from tests.system.mirror import Mirror

from .stage import Target

Operation = dict[str, Any]

JSON = {"Content-Type": "application/json"}


@dataclass
class Bare:
    """A folder of a workspace of its own; `known` has the revision and digest of each path."""

    target: Target
    root: Path
    known: dict[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"{self.target.url}/api/mutation"

    def learn(self) -> None:
        """Ask what the deployment holds: another program wrote it."""
        entries = Mirror(self.target.url, self.target.token, self.target.workspace).entries()
        self.known = {path: (int(e["revision"]), e["digest"]) for path, e in entries.items()}

    def operation(self, path: Path) -> Operation:
        """What sends the file as it is."""
        body = path.read_bytes()
        name = path.relative_to(self.root).as_posix()
        revision, digest = self.known.get(name, (0, None))
        return {
            "operation": secrets.token_hex(16),
            "store": "flows",
            "path": name,
            "record": "",
            "kind": "workflow",
            "format": "json",
            "expect": {"revision": revision, "digest": digest},
            "write": {
                "digest": hashlib.sha256(body).hexdigest(),
                "size": len(body),
                "text": body.decode(),
            },
        }

    def body(self, operations: Sequence[Operation]) -> bytes:
        """The call that sends `operations`."""
        who = {"token": self.target.token, "workspace": self.target.workspace}
        args = {**who, "operations": operations}
        call = {"path": "sync:push", "args": args, "format": "convex_encoded_json"}
        return orjson.dumps(call)

    def applied(self, operations: Sequence[Operation], answer: bytes) -> int:
        """Remember what was answered, every operation applied; when they were committed, in ns."""
        results = orjson.loads(answer)["value"]["results"]
        for operation, result in zip(operations, results, strict=True):
            assert result["outcome"] == "applied", result
            written = int(result["revision"]), operation["write"]["digest"]
            self.known[operation["path"]] = written
        return int.from_bytes(base64.b64decode(results[0]["at"]["$integer"]), "little")


class Connection:
    """A kept-alive connection that sends one file a call."""

    def __init__(self, bare: Bare) -> None:
        place = urlsplit(bare.url)
        assert place.hostname is not None
        self._bare = bare
        self._place = place.path
        self._kept = http.client.HTTPConnection(place.hostname, place.port)

    def send(self, path: Path) -> int:
        """Send the file as it is; when it was committed, in ns."""
        made = [self._bare.operation(path)]
        self._kept.request("POST", self._place, self._bare.body(made), JSON)
        return self._bare.applied(made, self._kept.getresponse().read())

    def close(self) -> None:
        self._kept.close()
