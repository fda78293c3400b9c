"""What the deployment holds, asked with the official client."""

from __future__ import annotations

import hashlib
from typing import Any

from convex.http_client import ConvexHttpClient


class Mirror:
    """A workspace as one of its devices sees it."""

    def __init__(self, url: str, token: str, workspace: str) -> None:
        self._client: Any = ConvexHttpClient(url)
        self._who = {"token": token, "workspace": workspace}

    def query(self, path: str, **args: object) -> Any:
        return self._client.query(path, {**self._who, **args})

    def entries(self, store: str = "flows") -> dict[str, dict[str, Any]]:
        """Every entry of a store by path, tombstones too."""
        found: dict[str, dict[str, Any]] = {}
        after: Any = None
        while True:
            page = self.query("sync:manifest", store=store, after=after)
            found |= {entry["path"]: entry for entry in page["entries"]}
            after = page["next"]
            if after is None:
                return found

    def live(self, store: str = "flows") -> dict[str, str]:
        """path -> digest of what is not deleted."""
        return {p: e["digest"] for p, e in self.entries(store).items() if not e["deleted"]}

    def revisions(self, store: str = "flows") -> dict[str, float]:
        return {path: entry["revision"] for path, entry in self.entries(store).items()}

    def holds(self, path: str, body: str | bytes, store: str = "flows") -> bool:
        """Whether the entry at `path` is exactly these bytes."""
        raw = body.encode() if isinstance(body, str) else body
        return self.live(store).get(path) == hashlib.sha256(raw).hexdigest()

    def text(self, path: str, store: str = "flows") -> str:
        keys = [{"store": store, "path": path, "record": ""}]
        text = self.query("sync:fetch", keys=keys)["entries"][0]["text"]
        assert isinstance(text, str)
        return text
