"""Content: mirrored byte for byte, or held; and what is held is neither sent nor written over.

All cases lie in one store at once and live through one story, on the functions as they are.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from syncd.core.model import Change, Content, Hold, Key
from syncd.remote.client import ConvexHttp
from syncd.remote.replica import ConvexReplica
from syncd.remote.storage import ConvexStorage
from tests.embedded.backend import Backend
from tests.system.deployment import enroll

from .content_cases import CASES, MIRRORED
from .laptop import STORE, Laptop, assert_visible, digest

# aiohttp's advice for bodies above 1 MiB; ours end at 2 MiB, which no loop notices.
pytestmark = pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")

GOOD = {"json": b'{"id": "good"}', "yaml": b"id: good\n", "txt": b"good\n"}
THEIRS = {"json": b'{"id": "theirs"}', "yaml": b"id: theirs\n", "txt": b"theirs\n"}
MENDED = {"json": b'{"id": "mended"}', "yaml": b"id: mended\n", "txt": b"mended\n"}


def path_of(number: int, born: bool = False) -> str:
    return f"{'born' if born else 'case'}-{number}.{CASES[number].kind}"


@dataclass
class Chapter:
    """What one moment of the story looked like."""

    held: dict[str, Hold]
    mine: dict[str, bytes]
    theirs: dict[str, bytes]
    remote: dict[str, Change]


@dataclass
class Story:
    """`spoilt`: good files became the cases, and others were born so. `edited`: another machine
    edited every key since. `mended`: the files are whole again.
    """

    chapters: dict[str, Chapter] = field(default_factory=dict)
    tellings: dict[str, int] = field(default_factory=dict)
    rows: int = 0


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Story:
    return asyncio.run(_live(tmp_path_factory.mktemp("content"), backend))


async def _live(home: Path, backend: Backend) -> Story:
    workspace = f"w-{secrets.token_hex(8)}"
    story = Story()
    async with ConvexHttp(backend.url) as http:

        def laptop(name: str) -> Laptop:
            who = (http, enroll(backend, workspace, name), workspace)
            return Laptop(home / name, ConvexReplica(*who), storage=ConvexStorage(*who))

        mine, theirs = laptop("mine"), laptop("theirs")
        try:
            await _spoil(mine, theirs, story)
            await _edit(mine, theirs, story)
            await _mend(mine, theirs, story)
        finally:
            mine.close()
            theirs.close()
    return story


async def _spoil(mine: Laptop, theirs: Laptop, story: Story) -> None:
    for number, case in enumerate(CASES):
        mine.save(path_of(number), GOOD[case.kind])
    await mine.sync()
    await theirs.sync()
    for number, case in enumerate(CASES):
        mine.save(path_of(number), case.body)
        mine.save(path_of(number, born=True), case.body)
    await mine.sync()
    await mine.sync()
    await theirs.sync()
    story.tellings = {path: mine.tellings(path) for path in mine.tree()}
    story.chapters["spoilt"] = await _chapter(mine, theirs)


async def _edit(mine: Laptop, theirs: Laptop, story: Story) -> None:
    for number, case in enumerate(CASES):
        if case.reason:
            theirs.save(path_of(number), THEIRS[case.kind])
            theirs.save(path_of(number, born=True), THEIRS[case.kind])
    await theirs.sync()
    await mine.sync()
    story.chapters["edited"] = await _chapter(mine, theirs)


async def _mend(mine: Laptop, theirs: Laptop, story: Story) -> None:
    for number, case in enumerate(CASES):
        mine.save(path_of(number), MENDED[case.kind])
    await mine.sync()
    await theirs.sync()
    story.chapters["mended"] = await _chapter(mine, theirs)


async def _chapter(mine: Laptop, theirs: Laptop) -> Chapter:
    remote: dict[str, Change] = {}
    after: Key | None = None
    while True:
        page, after = await mine.remote.manifest(STORE, after)
        remote |= {change.key.path: change for change in page}
        if after is None:
            return Chapter(mine.held(), mine.tree(), theirs.tree(), remote)


NUMBERS = range(len(CASES))
IDS = [case.name for case in CASES]


@pytest.mark.parametrize("number", NUMBERS, ids=IDS)
@pytest.mark.parametrize("born", [False, True], ids=["was good", "born so"])
def test_it_is_mirrored_byte_for_byte_or_held(story: Story, number: int, born: bool) -> None:
    case, path, at = CASES[number], path_of(number, born), story.chapters["spoilt"]
    assert at.mine[path] == case.body, "the file is as its program left it"
    if case.reason == MIRRORED:
        assert path not in at.held
        assert at.remote[path].snapshot.digest == digest(case.body)
        assert at.theirs[path] == case.body
        return
    assert_visible(at.held[path], case.reason)
    assert story.tellings[path] == 1, "one line in the log, however often it is looked at"
    if born:
        assert path not in at.remote
        assert path not in at.theirs
    else:
        assert at.remote[path].snapshot.digest == digest(GOOD[case.kind])
        assert at.theirs[path] == GOOD[case.kind]


@pytest.mark.parametrize("number", [n for n in NUMBERS if CASES[n].reason])
def test_what_is_held_is_not_written_over_and_goes_on_when_mended(
    story: Story, number: int
) -> None:
    case, path = CASES[number], path_of(number)
    at = story.chapters["edited"]
    assert at.mine[path] == case.body
    assert at.mine[path_of(number, born=True)] == case.body
    assert at.remote[path].snapshot.digest == digest(THEIRS[case.kind])
    at = story.chapters["mended"]
    assert path not in at.held
    assert at.mine[path] == at.theirs[path] == MENDED[case.kind], "the file wins"


def test_nothing_was_deleted_and_nothing_else_is_held(story: Story) -> None:
    every = {path_of(n, born) for n in NUMBERS for born in (False, True)}
    for at in story.chapters.values():
        assert at.mine.keys() == every
        assert all(isinstance(c.snapshot.version, Content) for c in at.remote.values())
    bad = {path_of(n, born) for n in NUMBERS if CASES[n].reason for born in (False, True)}
    assert story.chapters["spoilt"].held.keys() == bad
