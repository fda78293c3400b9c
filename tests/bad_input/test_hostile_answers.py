"""What a deployment may answer that it should not: taken, held, or refused whole; then all is well.

Every case starts from a machine in sync, with an edit here and two there, and ends with the
deployment honest again.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pytest
from aiohttp import web

from syncd.errors import FunctionFailed, ProtocolError, SyncdError, Unauthorized, Unavailable

from .laptop import Laptop, assert_visible, digest
from .played import Json, Played, Spoil, int64, reached

TAKEN: Final = ""
OLD, MINE, THEIRS = b'{"is": "old"}', b'{"is": "mine"}', b'{"is": "theirs"}'
NEW: Final = b'{"is": "new"}'
HUGE: Final = 2**63 - 1
BOMB: Final = gzip.compress(b" " * (64 << 20), 1)


def told(path: str = "new.json", /, **fields: Any) -> Spoil:
    """The entry at `path` has other fields; those whose value is `...` are left out."""

    def spoil(answer: Json) -> None:
        value = answer["value"]
        for entry in value.get("changes", value.get("entries", [])):
            if entry and entry["path"] == path:
                entry.update(fields)
                for name in [name for name, field in fields.items() if field is ...]:
                    del entry[name]

    return spoil


def value(**fields: Any) -> Spoil:
    """The answer has other fields; those whose value is `...` are left out."""

    def spoil(answer: Json) -> None:
        answer["value"].update(fields)
        for name in [name for name, field in fields.items() if field is ...]:
            del answer["value"][name]

    return spoil


def rows(field: str, change: Callable[[list[Any]], list[Any]]) -> Spoil:
    """A list of the answer is another one."""

    def spoil(answer: Json) -> None:
        answer["value"][field] = change(answer["value"][field])

    return spoil


def instead(body: bytes, **headers: str) -> Spoil:
    return lambda _: web.Response(body=body, headers=headers)


def thrown(message: str, data: object = None) -> Spoil:
    told = {"status": "error", "errorMessage": message, "errorData": data}
    return lambda _: orjson.dumps(told)


def unsaid(_: Json) -> web.Response:
    """Where nobody may be led: it answers as the deployment would, if it is asked."""
    return web.Response(status=307, headers={"Location": "http://127.0.0.1:9/api/query"})


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * (1 << 20)


class Case(NamedTuple):
    """`outcome`: the trouble that ends the call, the reason new.json is held for, or TAKEN."""

    name: str
    function: str
    spoil: Spoil
    outcome: type[SyncdError] | str


CASES: Final = [
    Case("digest of other bytes", "changes", told(digest=digest(b"x")), TAKEN),
    Case("bytes left out", "changes", told(text=None), TAKEN),
    Case("size that lies", "changes", told(size=10**18), TAKEN),
    Case("size below zero", "changes", told(size=-1), TAKEN),
    Case("size with a fraction", "changes", told(size=1.5), ProtocolError),
    Case("kind nobody knows", "changes", told(kind="hologram"), TAKEN),
    Case("format nobody knows", "changes", told(format="toml"), TAKEN),
    Case("fields nobody knows", "changes", told(future={"a": [1]}, __proto__=1), TAKEN),
    Case("another device", "changes", told(device="\x1b[31mforged"), TAKEN),
    Case("revision below zero", "changes", told(revision=-1), TAKEN),
    Case("revision of 2^53", "changes", told(revision=2**53), TAKEN),
    Case("revision as text", "changes", told(revision="many"), ProtocolError),
    Case("revision null", "changes", told(revision=None), ProtocolError),
    Case("at that is no int64", "changes", told(at={"$integer": "AAAA"}), ProtocolError),
    Case("at that is text", "changes", told(at="now"), ProtocolError),
    Case("at that is bytes", "changes", told(at={"$bytes": "AAAAAAAAAAA="}), ProtocolError),
    Case("digest that is none", "changes", told(digest="../../x"), ProtocolError),
    Case("digest in capitals", "changes", told(digest=digest(b"").upper()), ProtocolError),
    Case("digest with a line end", "changes", told(digest=digest(b"") + "\n"), ProtocolError),
    Case("digest null and live", "changes", told("kept.json", digest=None), ProtocolError),
    Case("tombstone with a digest", "changes", told("kept.json", deleted=True), ProtocolError),
    Case("deleted as text", "changes", told("kept.json", deleted="perhaps"), ProtocolError),
    Case("path null", "changes", told(path=None), ProtocolError),
    Case("path that is a number", "changes", told(path=7), ProtocolError),
    Case("text that is a list", "changes", told(text=["{", "}"]), ProtocolError),
    Case("no path", "changes", told(path=...), ProtocolError),
    Case("no digest", "changes", told(digest=...), ProtocolError),
    Case("no at", "changes", told(at=...), ProtocolError),
    Case("no cursor", "changes", value(cursor=...), ProtocolError),
    Case("cursor null", "changes", value(cursor=None), ProtocolError),
    Case("no changes", "changes", value(changes=...), ProtocolError),
    Case("changes null", "changes", value(changes=None), ProtocolError),
    Case("every change twice", "changes", rows("changes", lambda all: all + all), TAKEN),
    Case("changes backwards", "changes", rows("changes", lambda all: all[::-1]), TAKEN),
    Case("a change of a store that is not here", "changes", told(store="other"), TAKEN),
    Case("a change of a store named like a path", "changes", told(store="../flows"), TAKEN),
    Case("a change of a record", "changes", told(record="inside"), TAKEN),
    Case("a cursor that does not move", "changes", value(cursor="7", done=False), ProtocolError),
    Case("fields nobody knows, around", "changes", value(future=1), TAKEN),
    Case("done as text", "changes", value(done="soon"), ProtocolError),
    Case("fetch of nothing", "fetch", rows("entries", lambda _: []), ProtocolError),
    Case("fetch of more than was asked", "fetch", rows("entries", lambda all: all * 3),
         ProtocolError),
    Case("fetch of other keys", "fetch", told(path="../x.json"), ProtocolError),
    Case("fetch of null", "fetch", rows("entries", lambda all: [None] * len(all)), "bytes-damaged"),
    Case("fetch without bytes", "fetch", told(text=None), "bytes-damaged"),
    Case("fetch of other bytes", "fetch", told(text='{"is": "damaged"}'), "bytes-damaged"),
    Case("10,000 results for one operation", "push",
         rows("results", lambda all: all * 10_000), ProtocolError),
    Case("no result", "push", rows("results", lambda _: []), ProtocolError),
    Case("results null", "push", value(results=None), ProtocolError),
    Case("results of another operation", "push",
         rows("results", lambda all: [each | {"operation": "f" * 32} for each in all]),
         ProtocolError),
    Case("an outcome nobody knows", "push",
         rows("results", lambda all: [each | {"outcome": "perhaps"} for each in all]),
         ProtocolError),
    Case("an outcome without revision", "push",
         rows("results", lambda all: [each | {"revision": None} for each in all]), ProtocolError),
    Case("another protocol", "hello", value(protocol=2), ProtocolError),
    Case("no protocol", "hello", value(protocol=...), ProtocolError),
    Case("no deployment", "hello", value(deployment=None), ProtocolError),
    Case("hello without value", "hello", lambda answer: answer.update(value=None), ProtocolError),
    Case("value of another shape", "changes", lambda answer: answer.update(value=[1]),
         ProtocolError),
    Case("no status", "changes", lambda answer: answer.pop("status"), ProtocolError),
    Case("a status nobody knows", "changes", lambda answer: answer.update(status="maybe"),
         ProtocolError),
    Case("a captive portal", "changes", instead(b"<html>log in</html>"), ProtocolError),
    Case("nothing at all", "changes", instead(b""), ProtocolError),
    Case("null", "changes", instead(b"null"), ProtocolError),
    Case("half an answer", "changes", instead(b'{"status": "success", "val'), ProtocolError),
    Case("not UTF-8", "changes", instead(b'{"status": "\xff"}'), ProtocolError),
    Case("a lone surrogate", "changes",
         lambda answer: orjson.dumps(answer).replace(b"new.json", b"\\ud800.json"),
         ProtocolError),
    Case("100,000 levels", "changes", instead(b"[" * 100_000), ProtocolError),
    Case("gzip that is none", "changes", instead(b"plain", **{"Content-Encoding": "gzip"}),
         Unavailable),
    Case("no end", "changes", lambda _: web.Response(body=endless()), ProtocolError),
    Case("a gzip bomb", "changes", instead(BOMB, **{"Content-Encoding": "gzip"}), ProtocolError),
    Case("led elsewhere", "changes", unsaid, ProtocolError),
    Case("led elsewhere with a token", "push", unsaid, ProtocolError),
    Case("unauthorized", "changes", thrown("no", {"code": "unauthorized"}), Unauthorized),
    Case("forbidden", "push", thrown("no", {"code": "forbidden"}), Unauthorized),
    Case("an error with escapes", "changes", thrown("\x1b[2Jboom\nAt line 1"), FunctionFailed),
    Case("an error without words", "changes", thrown(""), FunctionFailed),
    Case("error data of another shape", "changes", thrown("x", {"code": ["a"]}), FunctionFailed),
    Case("functions that are not there", "changes",
         thrown("Could not find public function for 'sync:changes'."), ProtocolError),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_an_answer(tmp_path: Path, case: Case) -> None:
    played = Played()
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            await begin(laptop, played, bytes_come_later=case.function == "fetch")
            played.spoils[f"sync:{case.function}"] = case.spoil
            await meet(laptop, case)
            assert not played.tombstones()
            assert laptop.untouched_outside()
            assert laptop.tree().items() >= {"mine.json": MINE, "stays.json": OLD}.items()
            assert laptop.tree()["kept.json"] in (OLD, THEIRS)
            played.spoils.clear()
            played.plant("new.json", NEW)
            await laptop.sync()
            agree(laptop, played)


async def begin(laptop: Laptop, played: Played, *, bytes_come_later: bool) -> None:
    for path in ("mine.json", "kept.json", "stays.json"):
        laptop.save(path, OLD)
    await laptop.sync()
    laptop.save("mine.json", MINE)
    played.plant("kept.json", THEIRS)
    played.plant("new.json", NEW)
    if bytes_come_later:
        played.spoils["sync:changes"] = told(text=None)


async def meet(laptop: Laptop, case: Case) -> None:
    """A run against the spoilt answers, and what it comes to."""
    if not isinstance(case.outcome, str):
        with pytest.raises(case.outcome) as raised:
            await laptop.sync()
        assert raised.value.advice
        assert laptop.held() == {}
        return
    await laptop.sync()
    if case.outcome == TAKEN:
        assert laptop.held() == {}
        return
    assert laptop.told_holds() == list(laptop.held()) == ["new.json"]
    assert_visible(laptop.held()["new.json"], case.outcome)


def agree(laptop: Laptop, played: Played) -> None:
    """Both sides hold the same, and everything was done once."""
    expected = {"mine.json": MINE, "kept.json": THEIRS, "stays.json": OLD, "new.json": NEW}
    assert laptop.tree() == expected
    assert laptop.held() == {}
    assert played.live() == {path: digest(body) for path, body in expected.items()}
    assert played.revision("mine.json") == 2
    assert played.revision("stays.json") == 1


async def test_a_manifest_with_every_entry_twice(tmp_path: Path) -> None:
    played = Played()
    played.plant("new.json", NEW)
    played.spoils["sync:manifest"] = rows("entries", lambda all: all + all)
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            await laptop.sync()
            assert laptop.tree() == {"new.json": NEW}
            assert played.revision("new.json") == 1


async def test_a_manifest_that_does_not_move(tmp_path: Path) -> None:
    played = Played()
    played.plant("new.json", NEW)
    played.spoils["sync:manifest"] = value(next={"path": "new.json", "record": ""})
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            with pytest.raises(ProtocolError):
                await laptop.sync()
            played.spoils.clear()
            await laptop.sync()
            assert laptop.tree() == {"new.json": NEW}


TOMBSTONES: Final[Mapping[str, tuple[bytes | None, dict[str, Any], str]]] = {
    "of a file never seen": (None, {}, ""),
    "of a file that was something else": (MINE, {"lastDigest": digest(OLD)}, ""),
    "of this very file": (MINE, {"lastDigest": digest(MINE)}, "deleted-elsewhere"),
    "that does not say of what": (MINE, {"lastDigest": None}, ""),
}


@pytest.mark.parametrize("name", TOMBSTONES)
async def test_a_tombstone_met_first(tmp_path: Path, name: str) -> None:
    body, fields, reason = TOMBSTONES[name]
    played = Played()
    played.plant("new.json", None, **fields)
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            laptop.save("mine.json", MINE)
            if body is not None:
                laptop.save("new.json", body)
            before = laptop.tree()
            await laptop.sync()
            assert laptop.tree() == before, "nothing is deleted on first contact"
            assert [hold.reason for hold in laptop.held().values()] == [reason] * bool(reason)


NEWS: Final[Mapping[str, tuple[dict[str, Any], bytes]]] = {
    "revision going back": ({"revision": 1}, THEIRS),
    "the same revision again": ({"revision": 3}, THEIRS),
    "at going back": ({"at": int64(1)}, OLD),
    "a huge at": ({"at": int64(HUGE)}, THEIRS),
    "a huge revision": ({"revision": 2**53}, THEIRS),
}


@pytest.mark.parametrize("name", NEWS)
async def test_news_out_of_order(tmp_path: Path, name: str) -> None:
    fields, expected = NEWS[name]
    played = Played()
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            laptop.save("kept.json", b"{}")
            await laptop.sync()
            for body in (MINE, OLD):
                played.plant("kept.json", body)
                await laptop.sync()
            played.plant("kept.json", THEIRS, **fields)
            await laptop.sync()
            assert laptop.tree() == {"kept.json": expected}
            laptop.save("mine.json", MINE)
            await laptop.sync()
            assert played.live()["mine.json"] == digest(MINE)
            assert laptop.history.has(digest(MINE)), "what news replaced is kept"
            assert not played.tombstones()


async def test_a_save_over_bytes_that_are_damaged(tmp_path: Path) -> None:
    played = Played()
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            laptop.save("kept.json", OLD)
            await laptop.sync()
            played.plant("kept.json", THEIRS, text='{"is": "damaged"}')
            await laptop.sync()
            assert laptop.tree() == {"kept.json": OLD}
            assert [hold.reason for hold in laptop.held().values()] == ["bytes-damaged"]
            laptop.save("kept.json", MINE)
            played.calls.clear()
            async with asyncio.timeout(8):
                await laptop.sync()
            assert played.live() == {"kept.json": digest(MINE)}, "saved once more, as advised"
            assert laptop.held() == {}
            assert len(played.calls) < 20


DAMAGED: Final[Mapping[str, Spoil]] = {
    "without bytes": told(text=None),
    "of other bytes": told(text='{"is": "damaged"}'),
    "of null": rows("entries", lambda all: [None] * len(all)),
}


@pytest.mark.parametrize("name", DAMAGED)
async def test_bytes_that_are_damaged_are_held_by_every_start(tmp_path: Path, name: str) -> None:
    played = Played()
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            await begin(laptop, played, bytes_come_later=True)
            played.spoils["sync:fetch"] = DAMAGED[name]
            for _ in range(3):
                await laptop.sync()
                assert list(laptop.held()) == ["new.json"]
                assert laptop.tree().keys() == {"mine.json", "kept.json", "stays.json"}
            assert played.live()["new.json"] == digest(NEW)
