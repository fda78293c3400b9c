"""Faults of the way to the deployment: after each, both sides agree and all was done just once.

The real client on the real functions, through a proxy that spoils the first calls of every
function. All cases run at once, each in a workspace of its own.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from syncd.engine import online
from syncd.engine.exchange import link
from syncd.remote.client import ConvexHttp
from syncd.remote.pool import Timeouts
from syncd.remote.replica import ConvexReplica
from tests.embedded.backend import Backend
from tests.system.deployment import enroll

from .faults import Exchange, Fault, Way, answer_of, body_of, way_to
from .laptop import STORE, Laptop, digest

GIVEN_UP: Final = 0.7
"""Seconds a call may take here."""

HTML: Final = b"<html><body>Please log in</body></html>"


async def cut_before(call: Exchange) -> None:
    call.cut()


async def cut_after(call: Exchange) -> None:
    await call.forward()
    call.cut()


async def closed_without_a_word(call: Exchange) -> None:
    await call.forward()


async def cut_in_the_head(call: Exchange) -> None:
    await call.tell((await call.forward())[:20])
    call.cut()


async def cut_in_the_answer(call: Exchange) -> None:
    answer = await call.forward()
    await call.tell(answer[: len(answer) - len(body_of(answer)) // 2])
    call.cut()


async def closed_in_the_answer(call: Exchange) -> None:
    answer = await call.forward()
    await call.tell(answer[:-3])


async def stalled_before(call: Exchange) -> None:
    await asyncio.sleep(GIVEN_UP * 1.5)


async def stalled_after(call: Exchange) -> None:
    await call.forward()
    await asyncio.sleep(GIVEN_UP * 1.5)


async def stalled_in_the_answer(call: Exchange) -> None:
    answer = await call.forward()
    await call.tell(answer[:-10])
    await asyncio.sleep(GIVEN_UP * 1.5)


async def late(call: Exchange) -> None:
    await asyncio.sleep(GIVEN_UP * 1.2)
    await call.forward()


async def dripping(call: Exchange) -> None:
    answer = await call.forward()
    part = max(1, len(answer) // 10)
    for start in range(0, len(answer), part):
        await call.tell(answer[start : start + part])
        await asyncio.sleep(0.005)


async def dripping_for_ever(call: Exchange) -> None:
    for byte in await call.forward():
        await call.tell(bytes([byte]))
        await asyncio.sleep(0.1)


async def length_too_long(call: Exchange) -> None:
    body = body_of(await call.forward())
    await call.tell(answer_of(body, length=len(body) + 7))


async def length_too_short(call: Exchange) -> None:
    body = body_of(await call.forward())
    await call.tell(answer_of(body, length=len(body) - 7))


async def length_below_zero(call: Exchange) -> None:
    await call.tell(answer_of(body_of(await call.forward()), length=-5))


async def garbage(call: Exchange) -> None:
    await call.tell(secrets.token_bytes(300))


async def another_protocol(call: Exchange) -> None:
    await call.tell(b"SSH-2.0-OpenSSH_9.6\r\n")


async def a_flood_of_headers(call: Exchange) -> None:
    await call.tell(b"HTTP/1.1 200 OK\r\n" + b"X-More: " + b"x" * 100_000 + b"\r\n\r\n")


async def one_answer_twice(call: Exchange) -> None:
    answer = answer_of(body_of(await call.forward()))
    await call.tell(answer + answer)


async def an_earlier_answer(call: Exchange) -> None:
    await call.forward()
    await call.tell(answer_of(body_of(call.way.answers[call.function][0])))


async def an_answer_of_another_function(call: Exchange) -> None:
    await call.forward()
    others = [told for name, told in call.way.answers.items() if name != call.function]
    await call.tell(answer_of(body_of(others[-1][-1] if others else b"")))


async def answers_swapped(call: Exchange) -> None:
    """Two calls that are on their way together get each other's answers."""
    mine = body_of(await call.forward())
    await call.tell(answer_of(await _swapped(call.way, mine)))


async def _swapped(way: Way, mine: bytes) -> bytes:
    other = way.waiting.pop("other", None)
    if other is not None and not other.done():
        theirs = way.answers.pop("parked")[0]
        other.set_result(mine)
        return theirs
    way.waiting["other"] = asyncio.get_running_loop().create_future()
    way.answers["parked"] = [mine]
    try:
        return await asyncio.wait_for(way.waiting["other"], 0.2)
    except TimeoutError:
        return mine


async def carried_out_twice(call: Exchange) -> None:
    answer = await call.forward()
    if call.function != "sync:hello":
        answer = await call.forward()
    await call.tell(answer)


async def refused(call: Exchange) -> None:
    """Nobody listens for a while, and the call that is on its way is lost."""
    call.cut()
    await call.way.refuse()
    await asyncio.sleep(0.3)
    await call.way.listen()


def status(line: str, body: bytes = b"", *, done: bool = False) -> Fault:
    """A proxy of somebody's answers; `done`: only after the call was carried out."""

    async def fault(call: Exchange) -> None:
        if done:
            await call.forward()
        await call.tell(answer_of(body, status=line))

    return fault


class Case(NamedTuple):
    """What happens to the first `times` calls of every function."""

    name: str
    fault: Fault
    times: int = 4


CASES: Final = [
    Case("cut before the request", cut_before),
    Case("cut after the request", cut_after),
    Case("closed without a word", closed_without_a_word),
    Case("cut in the head", cut_in_the_head),
    Case("cut in the answer", cut_in_the_answer),
    Case("closed in the answer", closed_in_the_answer),
    Case("stalled before the request", stalled_before, 1),
    Case("stalled after the request", stalled_after, 1),
    Case("stalled in the answer", stalled_in_the_answer, 1),
    Case("carried out after it was given up", late, 1),
    Case("dripping", dripping),
    Case("dripping for ever", dripping_for_ever, 1),
    Case("length too long", length_too_long),
    Case("length too short", length_too_short),
    Case("length below zero", length_below_zero),
    Case("garbage", garbage),
    Case("another protocol", another_protocol),
    Case("a flood of headers", a_flood_of_headers),
    Case("one answer twice", one_answer_twice),
    Case("an earlier answer", an_earlier_answer),
    Case("an answer of another function", an_answer_of_another_function),
    Case("answers swapped between connections", answers_swapped),
    Case("carried out twice", carried_out_twice),
    Case("refused for a while", refused, 2),
    Case("500", status("500 Internal Server Error")),
    Case("502 of HTML", status("502 Bad Gateway", HTML)),
    Case("502 after it was done", status("502 Bad Gateway", HTML, done=True)),
    Case("503 after it was done", status("503 Service Unavailable", done=True)),
    Case("504 after it was done", status("504 Gateway Timeout", done=True)),
    Case("429", status("429 Too Many Requests")),
    Case("408", status("408 Request Timeout")),
    Case("407 of a proxy", status("407 Proxy Authentication Required", HTML)),
    Case("401 for a while", status("401 Unauthorized")),
    Case("403 of a firewall", status("403 Forbidden", HTML)),
    Case("404 while it is deployed", status("404 Not Found", HTML)),
    Case("413", status("413 Content Too Large")),
    Case("413 after it was done", status("413 Content Too Large", done=True)),
    Case("200 of HTML", status("200 OK", HTML)),
    Case("200 of HTML after it was done", status("200 OK", HTML, done=True)),
    Case("200 of nothing after it was done", status("200 OK", done=True)),
    Case("204", status("204 No Content")),
    Case("302 to elsewhere", status("302 Found\r\nLocation: http://127.0.0.1:9/")),
]  # fmt: skip


@dataclass
class Ended:
    """What a case came to, once its faults were over."""

    mine: dict[str, bytes]
    revisions: dict[str, tuple[int, str | None]]
    held: list[str]
    struck: int


MINE, THEIRS, EDITED = b'{"is": "mine"}', b'{"is": "theirs"}', b'{"is": "edited"}'
FILES: Final = {**{f"mine-{n}.json": MINE for n in range(3)}, "both.json": MINE}
THERE: Final = {**{f"theirs-{n}.json": THEIRS for n in range(3)}, "both.json": MINE}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Iterator[list[object]]:
    """What every case came to, or the exception that ended it."""
    home = tmp_path_factory.mktemp("transport")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(online, "AFTER_LOSS", 0.02)
        patch.setattr(link, "FIRST_PAUSE", 0.02)
        patch.setattr(link, "LONGEST_PAUSE", 0.1)
        yield asyncio.run(_all(home, backend))


async def _all(home: Path, backend: Backend) -> list[object]:
    few = asyncio.Semaphore(16)

    async def one(number: int) -> Ended:
        async with few:
            return await _live(home / str(number), backend, CASES[number])

    cases = (one(number) for number in range(len(CASES)))
    return list(await asyncio.gather(*cases, return_exceptions=True))


async def _live(home: Path, backend: Backend, case: Case) -> Ended:
    home.mkdir()
    workspace = f"w-{secrets.token_hex(8)}"
    mine, theirs = (enroll(backend, workspace, name) for name in ("mine", "theirs"))
    async with ConvexHttp(backend.url) as direct, way_to(backend.port) as way:
        with Laptop(home / "theirs", ConvexReplica(direct, theirs, workspace)) as other:
            for path, body in THERE.items():
                other.save(path, body)
            await other.sync()
            way.spoil(case.fault, case.times)
            async with hurried(way.url) as http:
                with Laptop(home / "mine", ConvexReplica(http, mine, workspace)) as laptop:
                    return await _under_fault(laptop, other, way, case)


def hurried(url: str) -> ConvexHttp:
    """A client that gives calls up soon."""
    return ConvexHttp(url, timeouts=Timeouts(silence=GIVEN_UP, longest=GIVEN_UP))


async def _under_fault(laptop: Laptop, other: Laptop, way: Way, case: Case) -> Ended:
    for path, body in FILES.items():
        laptop.save(path, body)
    await _run(laptop, other, {**THERE, **FILES})
    struck = sum(way.struck.values())
    way.spoil(case.fault, case.times)
    laptop.save("mine-0.json", EDITED)
    await _run(laptop, other, {**THERE, **FILES, "mine-0.json": EDITED})
    return Ended(laptop.tree(), await _revisions(other), list(laptop.held()), struck)


async def _run(laptop: Laptop, other: Laptop, expected: dict[str, bytes]) -> None:
    """A daemon's life, until both sides hold what is expected."""
    running = asyncio.create_task(laptop.session().run(lambda _trouble: None))
    parked: set[str] = set()
    try:
        async with asyncio.timeout(20):
            while not parked and not await _agree(laptop, other, expected):
                assert not running.done(), f"the engine ended by itself: {running}"
                await asyncio.sleep(0.05)
                parked = laptop.ledger.outbox.count().keys() & {"parked"}
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    if parked:
        # Refused for good, as far as anybody can tell: sent again by the next start.
        await _run(laptop, other, expected)


async def _agree(laptop: Laptop, other: Laptop, expected: dict[str, bytes]) -> bool:
    told = {path: found for path, (_, found) in (await _revisions(other)).items()}
    return laptop.tree() == expected and told == {p: digest(b) for p, b in expected.items()}


async def _revisions(laptop: Laptop) -> dict[str, tuple[int, str | None]]:
    page, _ = await laptop.remote.manifest(STORE, None)
    return {c.key.path: (c.snapshot.revision, c.snapshot.digest) for c in page}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_both_sides_agree_and_all_was_done_once(ended: list[object], number: int) -> None:
    found = ended[number]
    if isinstance(found, BaseException):
        raise found
    assert isinstance(found, Ended)
    assert found.held == []
    assert found.mine == {**THERE, **FILES, "mine-0.json": EDITED}
    revisions = {path: revision for path, (revision, _) in found.revisions.items()}
    assert revisions == dict.fromkeys(found.mine, 1) | {"mine-0.json": 2}
    assert found.struck > CASES[number].times, "the fault was met"
