"""A deployment that a test plays over real HTTP, telling whatever the test wants it to tell.

Entries are kept as the wire tells them; what is answered can be spoilt on the way out.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web

from syncd.remote.client import ConvexHttp
from syncd.remote.replica import ConvexReplica

from .laptop import STORE, digest

Json = dict[str, Any]
Spoil = Callable[[Json], object]
"""Changes an answer in place, or gives another one: bytes are sent as they are."""

ANOTHER = "another device"


class Played:
    """What `convex/sync.ts` does, in a dictionary, and what happens to the answers of a function.

    `spoils` names functions (`sync:push`); `applied` counts the writes of each operation.
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Json] = {}
        self.spoils: dict[str, Spoil] = {}
        self.calls: list[str] = []
        self.applied: dict[str, int] = {}
        self.name = "the deployment"
        self._receipts: dict[tuple[str, str, str], tuple[str, int]] = {}
        self._starts: dict[str, int] = {}
        self._at = 1000

    def plant(self, path: str, body: bytes | None, store: str = STORE, **told: Any) -> Json:
        """Another device wrote `body` (None: deleted it); `told` are fields to tell otherwise."""
        return self._write(ANOTHER, {"store": store, "path": path, "record": ""}, body, **told)

    def live(self) -> dict[str, str]:
        """path -> digest of everything that is not deleted."""
        return {path: e["digest"] for (store, path), e in self.entries.items()
                if store == STORE and not e["deleted"]}  # fmt: skip

    def tombstones(self) -> list[str]:
        return [path for (_, path), entry in self.entries.items() if entry["deleted"]]

    def revision(self, path: str) -> int:
        return int(self.entries[STORE, path]["revision"])

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One function call over HTTP."""
        call = orjson.loads(await request.read())
        function = str(call["path"])
        self.calls.append(function)
        play: Callable[[Json], Json] = getattr(self, "_" + function.partition(":")[2])
        answer: Json = {"status": "success", "value": play(call["args"])}
        given = self.spoils.get(function, _honest)(answer)
        if isinstance(given, web.StreamResponse):
            return given
        body = given if isinstance(given, bytes) else orjson.dumps(answer)
        return web.Response(body=body, content_type="application/json")

    def _hello(self, args: Json) -> Json:
        seen = self._starts.get(args["ledger"], 0)
        self._starts[args["ledger"]] = max(seen, int(args["start"]))
        device = args["token"]
        return {"protocol": 1, "deployment": self.name, "device": device, "name": device,
                "behind": False, "seen": seen, "broken": []}  # fmt: skip

    def _head(self, _: Json) -> Json:
        return {"head": str(max((at_of(entry) for entry in self.entries.values()), default=0))}

    def _push(self, args: Json) -> Json:
        results: list[Json] = []
        for each in args["operations"]:
            results += self._push_one(args["token"], each)
        return {"results": results}

    def _push_one(self, device: str, operation: Json) -> list[Json]:
        """One result, and one more for the target of a move, with which it goes or not."""
        halves, write = [operation], operation["write"]
        bodies = [write["text"].encode() if write else None]
        if "target" in operation:
            halves += [{**operation, "path": operation["movedTo"], **operation["target"]}]
            source = self.entries.get((operation["store"], operation["path"]))
            bodies += [source["text"].encode() if source and source["text"] is not None else None]
        unmet = [self._unmet(device, half) for half in halves]
        if any(unmet):
            return [{"operation": half["operation"], **(known or self._stale(half))}
                    for half, known in zip(halves, unmet, strict=True)]  # fmt: skip
        return [self._apply(device, half, body) for half, body in zip(halves, bodies, strict=True)]

    def _unmet(self, device: str, operation: Json) -> Json | None:
        """The answer where the operation is not applied, be it that it was before."""
        key = (operation["store"], operation["path"])
        entry, expect = self.entries.get(key), operation["expect"]
        receipt = self._receipts.get((device, *key))
        if receipt and receipt[0] == operation["operation"]:
            return {"outcome": "replayed", "revision": receipt[1], "current": entry}
        known = (entry["revision"], entry["digest"]) if entry else (0, None)
        return self._stale(operation) if known != (expect["revision"], expect["digest"]) else None

    def _stale(self, operation: Json) -> Json:
        current = self.entries.get((operation["store"], operation["path"]))
        return {"outcome": "stale", "current": current}

    def _apply(self, device: str, operation: Json, body: bytes | None) -> Json:
        moved_to = None if body is not None else operation.get("movedTo")
        entry = self._write(device, operation, body, movedTo=moved_to)
        name, revision = operation["operation"], entry["revision"]
        self._receipts[device, operation["store"], operation["path"]] = (name, revision)
        self.applied[name] = self.applied.get(name, 0) + 1
        return {"operation": name, "outcome": "applied", "revision": revision, "at": entry["at"]}

    def _write(self, device: str, key: Mapping[str, Any], body: bytes | None, **told: Any) -> Json:
        before = self.entries.get((key["store"], key["path"]))
        self._at += 10
        entry: Json = {
            "store": key["store"], "path": key["path"], "record": "", "kind": "workflow",
            "format": "json", "revision": before["revision"] + 1 if before else 1,
            "digest": None if body is None else digest(body), "deleted": body is None,
            "lastDigest": before["digest"] if before and body is None else None, "movedTo": None,
            "size": len(body or b""), "device": device, "origin": None, "at": int64(self._at),
            "text": None if body is None else body.decode(), **told,
        }  # fmt: skip
        self.entries[key["store"], key["path"]] = entry
        return entry

    def _changes(self, args: Json) -> Json:
        news = sorted(self.entries.values(), key=at_of)
        told = [
            entry
            for entry in news
            if at_of(entry) > int(args["cursor"] or 0) and entry["store"] in args["stores"]
        ]
        return {"changes": [dict(each) for each in told], "cursor": self._head(args)["head"],
                "done": True, "broken": []}  # fmt: skip

    def _fetch(self, args: Json) -> Json:
        found = [self.entries.get((key["store"], key["path"])) for key in args["keys"]]
        return {"entries": [entry and dict(entry) for entry in found]}

    def _manifest(self, args: Json) -> Json:
        of_store = [entry for entry in self.entries.values() if entry["store"] == args["store"]]
        return {"entries": [dict(each) for each in of_store], "next": None}

    def _conflict(self, args: Json) -> Json:
        return {"authors": [None for _ in args["conflicts"]]}


def int64(value: int) -> Json:
    """An int64 as the wire has it."""
    return {"$integer": base64.b64encode(struct.pack("<q", value)).decode()}


def at_of(entry: Json) -> int:
    """The entry's place in the feed."""
    return int(struct.unpack("<q", base64.b64decode(entry["at"]["$integer"]))[0])


def _honest(_: Json) -> None:
    return None


@asynccontextmanager
async def reached(played: Played, device: str = "mine") -> AsyncIterator[ConvexReplica]:
    """The deployment behind a port, and a device's way to it."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("POST", "/api/{kind}", played.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with ConvexHttp(f"http://{host}:{port}") as http:
            yield ConvexReplica(http, device, "default")
    finally:
        await runner.cleanup()
