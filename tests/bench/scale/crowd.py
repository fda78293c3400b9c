"""Workspaces with many entries, devices and tombstones, made through the functions themselves."""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .metered import Metered, Spent

STORE = "flows"
SIZE = 2000
"""Bytes of a file, where nothing is said."""

BATCH = 100
"""Operations a push: what the daemon sends."""

Operation = dict[str, Any]


@dataclass
class Device:
    """A device's credentials."""

    name: str
    id: str
    who: dict[str, str]


@dataclass
class Crowd:
    """One workspace. Every call that changes it goes through here, so that revisions are known."""

    meter: Metered
    workspace: str = "team"
    size: int = SIZE
    """Bytes of a file."""
    devices: list[Device] = field(default_factory=list)
    held: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    """Revision and digest of each path."""
    _texts: itertools.count[int] = field(default_factory=itertools.count)

    def enroll(self, count: int) -> list[Device]:
        """Enroll so many devices more; each says hello."""
        made = [self._enroll(f"device-{len(self.devices) + n}") for n in range(count)]
        self.devices += made
        for device in made:
            self.hello(device, None, 1)
        return made

    def _enroll(self, name: str) -> Device:
        told, _ = self.meter.mutation("devices:enroll", workspace=self.workspace, name=name)
        who = {"token": told["token"], "workspace": self.workspace}
        return Device(name, told["device"], who)

    def operation(self, path: str, *, delete: bool = False) -> Operation:
        """The next revision of `path`, or its deletion, as the daemon would send it."""
        revision, digest = self.held.get(path, (0, None))
        text = _flow(next(self._texts), self.size)
        write = {"text": text, "digest": digest_of(text), "size": len(text)}
        return {
            "operation": uuid.uuid4().hex, "store": STORE, "path": path, "record": "",
            "kind": "workflow", "format": "json",
            "expect": {"revision": revision, "digest": digest},
            "write": None if delete else write,
        }  # fmt: skip

    def push(self, device: Device, operations: Sequence[Operation]) -> Spent:
        """Push, and remember what is held now. All of them must be applied."""
        told, spent = self.meter.mutation("sync:push", **device.who, operations=list(operations))
        for operation, result in zip(operations, told["results"], strict=True):
            assert result["outcome"] == "applied", result
            digest = operation["write"] and operation["write"]["digest"]
            self.held[operation["path"]] = (int(result["revision"]), digest)
        return spent

    def fill(self, device: Device, paths: Iterable[str], *, delete: bool = False) -> None:
        """Push `paths`, in the daemon's batches."""
        for batch in _cut(paths):
            self.push(device, [self.operation(path, delete=delete) for path in batch])

    def head(self, device: Device) -> tuple[str, Spent]:
        """What the device's subscription is."""
        told, spent = self.meter.query("sync:head", **device.who)
        return told["head"], spent

    def hello(self, device: Device, cursor: str | None, start: int) -> Spent:
        """Say hello, showing the last sixteen live files as witnesses."""
        return self.meter.mutation("sync:hello", **self.greeting(device, cursor, start))[1]

    def greeting(self, device: Device, cursor: str | None, start: int) -> dict[str, Any]:
        """The arguments of a hello."""
        return {
            **device.who, "protocol": 1, "ledger": device.name, "start": start, "cursor": cursor,
            "witnesses": self.witnesses(16),
        }  # fmt: skip

    def registration(self, device: Device) -> dict[str, Any]:
        """The arguments of a registration: three stores, the same on every machine."""
        stores = [
            {"name": name, "kind": kind, "layout": "file", "direction": "both", "create": create}
            for name, kind, create in (
                (STORE, "workflow", "{id}.json"),
                ("assets", "asset", "{category}/{id}.json"),
                ("runs", "execution", "{id}.json"),
            )
        ]
        return {**device.who, "stores": stores}

    def register(self, device: Device) -> Spent:
        """Register the stores."""
        return self.meter.mutation("sync:register", **self.registration(device))[1]

    def changes(self, device: Device, cursor: str | None, witnesses: int = 16) -> tuple[Any, Spent]:
        """A page of the feed."""
        return self.meter.query(
            "sync:changes", **device.who, stores=[STORE], own=[], cursor=cursor,
            witnesses=self.witnesses(witnesses),
        )  # fmt: skip

    def witnesses(self, count: int) -> list[dict[str, Any]]:
        """The newest live snapshots."""
        newest = [(path, *held) for path, held in reversed(self.held.items()) if held[1]][:count]
        return [
            {"store": STORE, "path": path, "record": "", "revision": revision, "digest": digest}
            for path, revision, digest in newest
        ]


def digest_of(text: str) -> str:
    """As a version is identified."""
    return hashlib.sha256(text.encode()).hexdigest()


def paths(count: int, folder: str = "f") -> list[str]:
    """So many paths in a folder, with names (and so ids) of their own."""
    return [f"{folder}/{folder}-{number:06}.json" for number in range(count)]


def _flow(number: int, size: int) -> str:
    """A workflow of `size` bytes, unlike every other; its id is its file's name."""
    steps = [{"id": f"step-{n}", "agent": "worker", "dependsOn": []} for n in range(3)]
    told = {"name": f"Flow {number:09}", "steps": steps, "description": ""}
    told["description"] = "x" * (size - len(json.dumps(told, indent=2)))
    return json.dumps(told, indent=2)


def _cut(every: Iterable[str]) -> Iterable[Sequence[str]]:
    rest = iter(every)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch
