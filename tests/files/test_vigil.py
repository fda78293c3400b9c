"""Events become keys; what no key can name is seen by scanning."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

from syncd.core.model import Key
from syncd.files.vigil import Vigil
from syncd.stores.layout import Layout


class Heard:
    """What a vigil says of the store `s`, and waiting for it."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.scans = 0
        self._news = asyncio.Event()

    def touched(self, key: Key, *, settled: bool) -> None:
        self.keys.append(key)
        self._news.set()

    def rescan(self, store: str) -> None:
        self.scans += 1
        self._news.set()

    async def until_named(self, path: str) -> None:
        async with asyncio.timeout(20):
            while Key("s", path) not in self.keys:
                self._news.clear()
                await self._news.wait()

    async def until_scanned(self) -> None:
        while not self.scans:
            self._news.clear()
            await self._news.wait()


async def test_a_name_that_is_not_utf8_is_no_key_and_is_scanned_for_as_it_comes_and_goes(
    tmp_path: Path,
) -> None:
    heard = Heard()
    vigil = Vigil("s", tmp_path, Layout(("*.json",), ()), heard.touched, heard.rescan,
                  lambda part, state, detail: None)  # fmt: skip
    vigil.start()
    running = asyncio.create_task(vigil.run())
    try:
        folder = tmp_path / os.fsdecode(b"folder\xff")
        folder.mkdir()
        bad = tmp_path / os.fsdecode(b"bad\xff.json")
        bad.write_text("{}")
        (tmp_path / "a.json").write_text("{}")
        await heard.until_named("a.json")
        assert heard.scans == 1
        with bad.open("a") as file:
            file.write(" ")
        (folder / "x.json").write_text("{}")
        (tmp_path / "b.json").write_text("{}")
        await heard.until_named("b.json")
        assert heard.scans == 2
        bad.unlink()
        (tmp_path / "c.json").write_text("{}")
        await heard.until_named("c.json")
        assert heard.scans == 3
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert {key.path for key in heard.keys} == {"a.json", "b.json", "c.json"}


async def test_a_second_spelling_of_a_name_is_scanned_for_as_it_comes_and_goes(
    tmp_path: Path,
) -> None:
    heard = Heard()
    decomposed, composed, alone = "cafe\u0301.json", "caf\u00e9.json", "\u00e9.json"
    (tmp_path / decomposed).write_text("{}")
    vigil = Vigil("s", tmp_path, Layout(("*.json",), ()), heard.touched, heard.rescan,
                  lambda part, state, detail: None)  # fmt: skip
    vigil.start()
    running = asyncio.create_task(vigil.run())
    try:
        (tmp_path / alone).write_text("{}")
        await heard.until_named(alone)
        assert heard.scans == 0
        (tmp_path / composed).write_text("{}")
        await heard.until_named(composed)
        assert heard.scans
        scans = heard.scans
        heard.keys.clear()
        (tmp_path / composed).unlink()
        await heard.until_named(composed)
        assert heard.scans > scans
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_scan_is_asked_for_also_where_nobody_can_be_told_why(tmp_path: Path) -> None:
    heard = Heard()

    def full(part: str, state: str, detail: str) -> None:
        if detail:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    vigil = Vigil("s", tmp_path, Layout(("*.json",), ()), heard.touched, heard.rescan, full)
    (tmp_path / "folder").mkdir()
    vigil.start()
    running = asyncio.create_task(vigil.run())
    try:
        (tmp_path / "folder").rename(tmp_path.with_name("elsewhere"))
        async with asyncio.timeout(5):
            await heard.until_scanned()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
