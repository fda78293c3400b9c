"""What every act works with: the ledger, the stores' files, and history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from syncd.control.messages import Failure
from syncd.control.saving import KeptBytes, OpaqueFiles, Saved, save
from syncd.core.model import Digest, Hold, Key
from syncd.engine.ports import Clock
from syncd.ledger.events import Event
from syncd.ledger.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Desk:
    """`name` has keys looked at soon; while no daemon runs the next start looks at everything."""

    ledger: Ledger
    files: Mapping[str, OpaqueFiles]
    history: KeptBytes
    clock: Clock
    name: Callable[[Iterable[Key]], None]

    async def find(self, digest: Digest) -> bytes | None:
        """The bytes of `digest`, from the ledger or from history; None where nobody has them."""
        body = self.ledger.contents.get(digest)
        if body is not None:
            return body
        try:
            return await asyncio.to_thread(self.history.get, digest)
        except KeyError:
            return None

    def tell(self, key: Key, what: str, detail: str) -> None:
        """Add to the log what changed no file. Runs inside the caller's transaction."""
        self.ledger.events.add(Event(key, what, self.clock.now(), detail=detail))

    async def save(self, key: Key, body: bytes | None, what: str) -> Saved | Failure:
        """Write a file, and say so in the log as the event `what`."""
        files = self.files.get(key.store)
        if files is None or key.record or not files.includes(key.path):
            return Failure(
                key=str(key), what="this path is of no store that is configured now; "
                "nothing was changed", advice="compare with the stores in config.toml", exit_code=2,
            )  # fmt: skip
        saved = await save(files, self.history, key.path, body)
        if isinstance(saved, Hold):
            return Failure(key=str(key), what=f"nothing was changed: {saved.detail}",
                           advice=saved.advice)  # fmt: skip
        digest = None if body is None else Digest(sha256(body).hexdigest())
        now = self.clock.now()
        with self.ledger.transaction():
            if saved.changed and saved.former is not None:
                self.ledger.past.replaced(key, saved.former, what, now)
            self.ledger.events.add(Event(key, what, now, digest))
        self.name([key])
        return saved
