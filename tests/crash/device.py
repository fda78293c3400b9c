"""A machine whose saves are remembered, brought to agreement without the price of a process."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.attach import open_remote
from syncd.config import Config, load
from syncd.core.model import Change, Content
from syncd.daemon import open_daemon
from syncd.engine.looking.verify import Verdict
from syncd.engine.looking.verify import verify as compare
from syncd.engine.session import Session
from syncd.ledger.connection import read_ledger
from syncd.opening import replicas
from tests.system.machine import Machine, Ran

from . import nursery


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


@dataclass
class Device:
    """Keys are "store/path". `saves` has every version of a key that was saved here, in order;
    None is a deletion."""

    machine: Machine
    saves: dict[str, list[bytes | None]] = field(default_factory=dict)

    def save(self, key: str, body: str | bytes, *, in_place: bool = False) -> None:
        """As careful programs save; `in_place` as plain ones do."""
        raw = body.encode() if isinstance(body, str) else body
        target = self.place(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        if in_place:
            target.write_bytes(raw)
        else:
            temporary = target.with_name(f".#{target.name}")
            temporary.write_bytes(raw)
            temporary.rename(target)
        self.saves.setdefault(key, []).append(raw)

    def delete(self, key: str) -> None:
        self.place(key).unlink()
        self.saves.setdefault(key, []).append(None)

    def rename(self, key: str, other: str) -> None:
        """Give a file another name, which none has."""
        body = self.place(key).read_bytes()
        self.place(other).parent.mkdir(parents=True, exist_ok=True)
        self.place(key).rename(self.place(other))
        self.saves.setdefault(key, []).append(None)
        self.saves.setdefault(other, []).append(body)

    def place(self, key: str) -> Path:
        return self.machine.home / key

    def reads(self, key: str) -> bytes | None:
        try:
            return self.place(key).read_bytes()
        except FileNotFoundError:
            return None

    def config(self) -> Config:
        return load(self.machine.config, self.machine.environment)

    def once(self) -> None:
        """`syncd sync --once`, in this process."""
        asyncio.run(_once(self.config()))

    def victim(self, point: str, options: Sequence[str] = ()) -> Ran:
        """`syncd sync --once` in a process that dies at `point`."""
        words = [point, *options, "--", "sync", "--once", "--config", str(self.machine.config)]
        return nursery.victim(words, self.machine.home, self.machine.environment)

    def verify(self) -> list[Verdict]:
        return asyncio.run(_verify(self.config()))

    def entries(self) -> dict[str, tuple[int, str | None]]:
        """What the deployment holds: key -> (revision, digest; None for a tombstone)."""
        return {
            f"{change.key.store}/{change.key.path}": (change.snapshot.revision, _digest(change))
            for change in asyncio.run(_entries(self.config()))
        }

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Asks the ledger that is bound now."""
        bindings = json.loads((self.machine.state / "bindings.json").read_text())
        name = bindings[f"{self.config().url} {self.machine.workspace}"]
        with closing(read_ledger(self.machine.state / "ledger" / name)) as ledger:
            return ledger.execute(statement).fetchall()

    def ledgers(self) -> Iterator[Path]:
        """Every ledger that there ever was, those that a crash left half made too."""
        return (self.machine.state / "ledger").glob("*.db")


def _digest(change: Change) -> str | None:
    version = change.snapshot.version
    return version.digest if isinstance(version, Content) else None


def _silent(_what: str, _done: int, _total: int | None) -> None: ...


def _unseen(_: Session) -> Callable[[str, int, int | None], None]:
    return _silent


async def _once(config: Config) -> None:
    async with open_daemon(config) as daemon:
        await daemon.once(_unseen)


async def _verify(config: Config) -> list[Verdict]:
    async with open_remote(config) as remote:
        return await compare(remote, replicas(config), _silent)


async def _entries(config: Config) -> list[Change]:
    found: list[Change] = []
    async with open_remote(config) as remote:
        for store in config.stores:
            after = None
            while True:
                page, after = await remote.manifest(store.name, after)
                found += page
                if after is None:
                    break
    return found
