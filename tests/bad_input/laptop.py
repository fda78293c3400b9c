"""One machine in process: real files, a real ledger and the whole engine, on any deployment."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

from structlog.testing import capture_logs

from syncd.config import Config, EmbeddedConfig, StoreConfig
from syncd.core.model import Content, Digest, Hold, Kind
from syncd.engine.freight import FileStorage
from syncd.engine.ports import RemoteReplica
from syncd.engine.registry import Registration, register
from syncd.engine.session import Session
from syncd.files.history import History
from syncd.ledger.state import StateFolder
from syncd.opening import SystemClock, replicas

STORE: Final = "flows"
SECRET: Final = b'{"id": "secret"}'

PATIENTLY: Final = 15.0
"""Seconds after which an engine that is not done is taken to be spinning or stuck."""


class Laptop:
    """A machine whose one store is `folder`. Each `sync` is a start that ends by itself."""

    def __init__(
        self,
        home: Path,
        remote: RemoteReplica,
        include: Sequence[str] = ("*.json", "*.yaml", "*.txt"),
        kind: Kind = Kind.WORKFLOW,
        storage: FileStorage | None = None,
    ) -> None:
        self.folder = home / STORE
        self.folder.mkdir(parents=True)
        self.outside = home / "outside"
        self.outside.mkdir()
        (self.outside / "secret.json").write_bytes(SECRET)
        self.remote = remote
        self.storage = storage
        self.told: list[MutableMapping[str, Any]] = []
        store = StoreConfig(name=STORE, kind=kind, path=self.folder, include=tuple(include))
        self.config = Config(
            source=home / "config.toml", state=home / "state", url=None, token=None,
            workspace="default", embedded=EmbeddedConfig(), stores=(store,),
        )  # fmt: skip
        self.layout = store.patterns()
        self.state = StateFolder(self.config.state)
        self.state.open()
        self.history = History(self.state.history)
        self.replica = replicas(self.config)[STORE]
        self.ledger = self.state.open_ledger(None, "default")
        register(self.ledger, {STORE: Registration("", self.layout.matches)}, 0.0)

    def session(self, *, approved: bool = False) -> Session:
        """The engine as a start of the program makes it. `approved`: no guard holds deletions."""
        stores = frozenset({STORE} if approved else ())
        return Session(
            self.ledger, self.remote, {STORE: self.replica}, SystemClock(), stores,
            storage=self.storage,
        )  # fmt: skip

    async def sync(self, *, approved: bool = False) -> None:
        """Start, bring both sides to agreement, end. Fails when it does not come to an end."""
        with self.listening():
            async with asyncio.timeout(PATIENTLY):
                await self.session(approved=approved).once(lambda _what, _done, _total: None)

    @contextmanager
    def listening(self) -> Any:
        """Collects what is logged in `told`."""
        with capture_logs() as told:
            try:
                yield
            finally:
                self.told += told

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.ledger.close()
        self.state.close()

    def held(self) -> dict[str, Hold]:
        """What `syncd status` lists as held, by path."""
        return self.ledger.attention.held(STORE)

    def tellings(self, path: str) -> int:
        """How often the log said that `path` is held."""
        return self.told_holds().count(path)

    def save(self, path: str, body: bytes) -> None:
        """Save as careful programs do."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(".saving~")
        temporary.write_bytes(body)
        temporary.rename(target)

    def tree(self) -> dict[str, bytes]:
        """Every regular file below the folder, links not followed, by path."""
        found: dict[str, bytes] = {}
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK):
                    with suppress(FileNotFoundError):  # A write under way has just ended.
                        found[path.relative_to(self.folder).as_posix()] = path.read_bytes()
        return found

    def untouched_outside(self) -> bool:
        """Whether nothing beside the store's folder was made, changed or removed."""
        secret = self.outside / "secret.json"
        beside = {path.name for path in self.folder.parent.iterdir()}
        return (
            beside <= {STORE, "outside", "state"}
            and [path.name for path in self.outside.iterdir()] == ["secret.json"]
            and secret.read_bytes() == SECRET
        )

    def told_holds(self) -> list[str]:
        """The paths that the log said are held, in that order."""
        held = [line["key"] for line in self.told if line["event"] == "held"]
        return [key.removeprefix(f"{STORE}:") for key in held]

    def leftovers(self) -> list[str]:
        """Files under temporary names of ours."""
        return [path for path in self.tree() if Path(path).name.startswith(".syncd-")]


def digest(body: bytes) -> Digest:
    return Digest(hashlib.sha256(body).hexdigest())


def content(body: bytes) -> Content:
    return Content(digest(body), len(body))


def assert_visible(hold: Hold, reason: str) -> None:
    """A hold says what, why and what to do, in words a terminal can show."""
    assert hold.reason == reason
    assert hold.detail.strip()
    assert hold.advice.strip()


def assert_agree(mine: Mapping[str, bytes], theirs: Mapping[str, Digest | None]) -> None:
    """The files of `mine` are what the deployment holds, byte for byte."""
    assert {path: digest(body) for path, body in mine.items()} == dict(theirs)
