"""Payloads whose uploads and downloads go wrong: what is wrong is never kept, and all comes right.

The functions are as they are; what stands between them and the machine spoils what passes.
"""

from __future__ import annotations

import asyncio
import errno
import os
import random
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd.core.direction import Way
from syncd.core.model import BYTES_DAMAGED, Content, Digest, Key
from syncd.engine.payloads import downloads, uploads
from syncd.errors import PayloadRefused, Unavailable
from syncd.files.payloads import Arrival, Payloads
from syncd.remote.client import ConvexHttp
from syncd.remote.replica import ConvexReplica
from syncd.remote.storage import ConvexStorage
from tests.embedded.backend import Backend
from tests.system.deployment import enroll

from .laptop import STORE, Laptop, digest

MIB = 1 << 20
BODY = random.Random(1).randbytes(3 * MIB)
OTHER = random.Random(2).randbytes(3 * MIB)
Parts = AsyncIterator[bytes]


def away(*_: object) -> None:
    raise Unavailable("it is away", "wait")


def refuses(*_: object) -> None:
    raise PayloadRefused("it says no", "wait")


@dataclass
class Spoilt:
    """File storage, of which the first `times` uploads or downloads go wrong."""

    storage: ConvexStorage
    times: int = 2
    on_upload: Callable[[Spoilt, Content, Parts, str], Awaitable[None]] | None = None
    on_download: Callable[[Parts], Parts] | None = None
    lies: int = 0
    """How often it says that nothing is missing."""
    told: list[str] = field(default_factory=list)

    async def missing(self, digests: Sequence[Digest]) -> set[Digest]:
        if self.lies:
            self.lies -= 1
            return set()
        return await self.storage.missing(digests)

    async def upload(self, content: Content, parts: Parts, name: str) -> None:
        self.told.append("upload")
        if self.on_upload is not None and self._wrong():
            await self.on_upload(self, content, parts, name)
        else:
            await self.storage.upload(content, parts, name)

    def download(self, url: str) -> Parts:
        self.told.append("download")
        parts = self.storage.download(url)
        return self.on_download(parts) if self.on_download and self._wrong() else parts

    def _wrong(self) -> bool:
        self.times -= 1
        return self.times >= 0


async def _cut(spoilt: Spoilt, content: Content, parts: Parts, name: str) -> None:
    await anext(parts)
    away()


async def _at_once(spoilt: Spoilt, content: Content, parts: Parts, name: str) -> None:
    refuses()


async def _answer_lost(spoilt: Spoilt, content: Content, parts: Parts, name: str) -> None:
    await spoilt.storage.upload(content, parts, name)
    away()


async def _garbled(spoilt: Spoilt, content: Content, parts: Parts, name: str) -> None:
    async def wrong() -> Parts:
        first = await anext(parts)
        yield bytes(len(first))
        async for part in parts:
            yield part

    await spoilt.storage.upload(content, wrong(), name)


async def _first(parts: Parts, most: int) -> Parts:
    async for part in parts:
        yield part[:most]
        most -= len(part[:most])
        if not most:
            return


async def _and_more(parts: Parts) -> Parts:
    async for part in parts:
        yield part
    yield b"more"


async def _zeros(parts: Parts) -> Parts:
    async for part in parts:
        yield bytes(len(part))


async def _cut_off(parts: Parts) -> Parts:
    yield await anext(parts)
    away()


async def _not_there(parts: Parts) -> Parts:
    refuses()
    yield b""


UPLOADS = {
    "cut": _cut, "refused": _at_once, "answer lost": _answer_lost, "garbled": _garbled,
}  # fmt: skip

DOWNLOADS: dict[str, Callable[[Parts], Parts]] = {
    "truncated": lambda parts: _first(parts, MIB + 1),
    "empty": lambda parts: _first(parts, 0),
    "too long": _and_more,
    "other bytes": _zeros,
    "cut": _cut_off,
    "not there": _not_there,
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (uploads, downloads):
        monkeypatch.setattr(module, "FIRST_PAUSE", 0.02)
        monkeypatch.setattr(module, "LONGEST_PAUSE", 0.1)


class Pair:
    """Two machines; `mine` and `theirs` are told what spoils their file storage."""

    def __init__(self, home: Path, http: ConvexHttp, backend: Backend) -> None:
        workspace = f"w-{secrets.token_hex(8)}"
        self.laptops: list[Laptop] = []
        self.storages: list[Spoilt] = []
        for name in ("mine", "theirs"):
            who = (http, enroll(backend, workspace, name), workspace)
            self.storages.append(Spoilt(ConvexStorage(*who)))
            self.laptops.append(
                Laptop(home / name, ConvexReplica(*who), ("*",), storage=self.storages[-1])
            )

    @property
    def mine(self) -> Laptop:
        return self.laptops[0]

    @property
    def theirs(self) -> Laptop:
        return self.laptops[1]

    async def live(self, condition: Callable[[], bool]) -> None:
        """Both daemons run until `condition` holds."""
        running = [asyncio.create_task(each.session().run(lambda _: None)) for each in self.laptops]
        # In this process nobody hears of the other's pushes: asked for often instead.
        try:
            async with asyncio.timeout(40):
                while not condition():
                    for task in running:
                        if task.done():
                            task.result()
                    await asyncio.sleep(0.02)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def close(self) -> None:
        for each in self.laptops:
            each.close()


@pytest.fixture
async def pair(tmp_path: Path, backend: Backend) -> AsyncIterator[Pair]:
    async with ConvexHttp(backend.url) as http:
        made = Pair(tmp_path, http, backend)
        yield made
        made.close()


def agreed_on(laptop: Laptop, body: bytes) -> bool:
    """Whether the deployment took `body` from the machine."""
    base, _ = laptop.ledger.entries.get(Key(STORE, "a.bin"))
    return base is not None and base.digest == digest(body)


def nothing_left(laptop: Laptop) -> bool:
    """No part of a payload lies anywhere but in its file."""
    spool = laptop.config.state / "payloads"
    left = [*spool.glob("*")] if spool.exists() else []
    return not left and not [*laptop.folder.rglob(".syncd*")]


@pytest.mark.parametrize("way", UPLOADS)
async def test_an_upload_that_goes_wrong_is_done_again(pair: Pair, way: str) -> None:
    pair.storages[0].on_upload = UPLOADS[way]
    pair.mine.save("a.bin", BODY)
    await pair.live(lambda: agreed_on(pair.mine, BODY))
    assert pair.storages[0].told
    await pair.theirs.sync()
    assert pair.theirs.tree() == {"a.bin": BODY}
    assert nothing_left(pair.theirs)


@pytest.mark.parametrize("way", DOWNLOADS)
async def test_a_download_that_goes_wrong_is_done_again(pair: Pair, way: str) -> None:
    pair.mine.save("a.bin", BODY)
    await pair.mine.sync()
    pair.storages[1].on_download = DOWNLOADS[way]
    await pair.live(lambda: "a.bin" in pair.theirs.tree() and nothing_left(pair.theirs))
    assert pair.theirs.tree() == {"a.bin": BODY}
    assert pair.storages[1].told.count("download") == 3
    assert pair.theirs.held() == {}


async def test_bytes_that_stay_wrong_are_held_and_a_save_goes_over_them(pair: Pair) -> None:
    pair.mine.save("a.bin", BODY)
    await pair.mine.sync()
    pair.storages[1].on_download, pair.storages[1].times = _zeros, 1000
    await pair.live(lambda: bool(pair.theirs.held()))
    assert pair.theirs.held()["a.bin"].reason == BYTES_DAMAGED
    assert "a.bin" not in pair.theirs.tree()
    pair.theirs.save("a.bin", OTHER)
    await pair.live(lambda: agreed_on(pair.theirs, OTHER))
    await pair.mine.sync()
    assert pair.mine.tree() == {"a.bin": OTHER}


async def test_content_that_is_not_there_after_all_is_uploaded(pair: Pair) -> None:
    pair.storages[0].lies = 1
    pair.mine.save("a.bin", BODY)
    await pair.mine.sync()
    assert pair.storages[0].told == ["upload"]
    await pair.theirs.sync()
    assert pair.theirs.tree() == {"a.bin": BODY}


async def test_a_file_that_changes_while_it_is_sent_travels_as_it_ends(pair: Pair) -> None:
    async def changes_in_place(spoilt: Spoilt, content: Content, parts: Parts, name: str) -> None:
        await anext(parts)
        with (pair.mine.folder / "a.bin").open("r+b") as program:
            program.seek(-4, os.SEEK_END)
            program.write(b"late")
        await spoilt.storage.upload(content, parts, name)

    pair.storages[0].on_upload, pair.storages[0].times = changes_in_place, 1
    pair.mine.save("a.bin", BODY)
    await pair.live(lambda: agreed_on(pair.mine, BODY[:-4] + b"late"))
    await pair.theirs.sync()
    assert pair.theirs.tree() == pair.mine.tree()


async def test_a_full_disk_stops_payloads_only_and_ends_by_itself(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive, full = Payloads.receive, [True]

    def on_full_disk(self: Payloads, content: Content) -> Arrival:
        if full[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return receive(self, content)

    monkeypatch.setattr(Payloads, "receive", on_full_disk)
    pair.mine.save("a.bin", BODY)
    await pair.mine.sync()
    pair.theirs.save("edit.txt", b"one")
    await pair.live(
        lambda: pair.theirs.ledger.outbox.count() == {} and _waits(pair.theirs, "No space left")
    )
    assert "a.bin" not in pair.theirs.tree()
    await pair.mine.sync()
    assert pair.mine.tree()["edit.txt"] == b"one"
    full[0] = False
    await pair.live(lambda: pair.theirs.tree().get("a.bin") == BODY)


def _waits(laptop: Laptop, why: str) -> bool:
    rows = laptop.ledger._connection.execute("SELECT state, detail FROM health").fetchall()
    return any(state == "waiting" and why in detail for state, detail in rows)


async def test_the_disk_keeps_room_for_small_files(
    tmp_path: Path, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Disk:
        f_frsize: int = 4096
        f_bavail: int = (66 * MIB) // 4096

    monkeypatch.setattr(os, "statvfs", lambda _: Disk())
    payloads = pair.theirs.replica.transit.payloads
    with payloads.receive(Content(Digest("0" * 64), MIB)):
        pass
    with pytest.raises(OSError, match="No space left"):
        payloads.receive(Content(Digest("0" * 64), 3 * MIB))


@pytest.mark.parametrize("way", [Way.BOTH, Way.PUSH])
async def test_what_loses_is_in_history_before_it_is_overwritten(pair: Pair, way: Way) -> None:
    pair.mine.replica.way = way
    pair.mine.save("a.bin", BODY)
    await pair.mine.sync()
    await pair.theirs.sync()
    pair.theirs.save("a.bin", OTHER)
    await pair.theirs.sync()
    pair.mine.save("a.bin", b"\xff" + BODY)
    await pair.mine.sync()
    await pair.theirs.sync()
    assert pair.theirs.tree() == pair.mine.tree() == {"a.bin": b"\xff" + BODY}
    (listed,) = pair.mine.ledger.conflicts.unresolved()
    assert listed.remote == digest(OTHER)
    assert pair.mine.history.get(digest(OTHER)) == OTHER
