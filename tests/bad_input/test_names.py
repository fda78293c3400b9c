"""Names: mirrored under their NFC spelling, held, or nobody's business; all in one store."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from syncd.core.model import Change, Hold, Key, Kind
from syncd.remote.client import ConvexHttp
from syncd.remote.replica import ConvexReplica
from tests.embedded.backend import Backend
from tests.system.deployment import enroll

from .laptop import STORE, Laptop, assert_visible, digest
from .name_cases import CASES, IGNORED, MIRRORED, key_of


@dataclass
class Seen:
    """What came of all names, on both machines and on the deployment, and after edits."""

    held: dict[str, Hold]
    tellings: dict[str, int]
    remote: dict[str, Change]
    theirs: dict[str, bytes]
    edited: dict[str, bytes]
    removed: set[str]
    spelt: set[bytes]
    kept: set[bytes]


def body_of(number: int) -> bytes:
    return b"the file of case %d" % number


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, backend: Backend) -> Seen:
    home = tmp_path_factory.mktemp("names")
    return asyncio.run(_live(home, backend))


async def _live(home: Path, backend: Backend) -> Seen:
    workspace = f"w-{secrets.token_hex(8)}"
    async with ConvexHttp(backend.url) as http:
        mine, theirs = (
            Laptop(home / name, ConvexReplica(http, enroll(backend, workspace, name), workspace),
                   include=["*"], kind=Kind.FILE)
            for name in ("mine", "theirs")
        )  # fmt: skip
        try:
            return await _tell(mine, theirs)
        finally:
            mine.close()
            theirs.close()


async def _tell(mine: Laptop, theirs: Laptop) -> Seen:
    for number, case in enumerate(CASES):
        place = os.path.join(os.fsencode(mine.folder), os.fsencode(case.spelling))  # noqa: PTH118
        write_deep(place, body_of(number))
    await mine.sync()
    await mine.sync()
    await theirs.sync()
    held, pulled, remote = mine.held(), theirs.tree(), await everything(mine)
    for path in pulled:
        theirs.save(path, b"edited")
    await theirs.sync()
    await mine.sync()
    edited, spelt = mine.tree(), spellings(mine.folder)
    for path in pulled:
        (theirs.folder / path).unlink()
    await theirs.sync(approved=True)
    await mine.sync(approved=True)
    return Seen(held, {path: mine.tellings(path) for path in held}, remote, pulled, edited,
                edited.keys() - mine.tree().keys(), spelt, kept_by(mine))  # fmt: skip


def write_deep(place: bytes, body: bytes) -> None:
    """Writes a file however long its path is: by its folders, one at a time."""
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    *folders, name = place.strip(b"/").split(b"/")
    for folder in folders:
        if not _has(here, folder):
            os.mkdir(folder, dir_fd=here)
        below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = below
    file = os.open(name, os.O_WRONLY | os.O_CREAT, 0o644, dir_fd=here)
    os.write(file, body)
    os.close(file)
    os.close(here)


def _has(folder: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def kept_by(laptop: Laptop) -> set[bytes]:
    """Which bodies of ours are in history."""
    bodies = map(body_of, range(len(CASES)))
    return {body for body in bodies if laptop.history.has(digest(body))}


def spellings(folder: Path) -> set[bytes]:
    return {
        os.path.relpath(os.path.join(where, name), os.fsencode(folder))  # noqa: PTH118
        for where, _, names in os.walk(os.fsencode(folder))
        for name in names
    }


async def everything(laptop: Laptop) -> dict[str, Change]:
    found: dict[str, Change] = {}
    after: Key | None = None
    while True:
        page, after = await laptop.remote.manifest(STORE, after)
        found |= {change.key.path: change for change in page}
        if after is None:
            return found


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_it_is_mirrored_or_held_or_ignored(seen: Seen, number: int) -> None:
    case, key = CASES[number], key_of(CASES[number])
    match case.reason:
        case "":
            assert key not in seen.held
            assert seen.remote[key].snapshot.digest == digest(body_of(number))
            assert seen.theirs[key] == body_of(number)
        case "ignored":
            assert key not in seen.held
            assert key not in seen.remote
        case reason:
            assert_visible(seen.held[key], reason)
            assert seen.tellings[key] == 1
            assert key not in seen.remote


@pytest.mark.parametrize(
    "number", [n for n, case in enumerate(CASES) if case.reason == MIRRORED],
    ids=[case.name for case in CASES if case.reason == MIRRORED],
)  # fmt: skip
def test_an_edit_comes_back_under_the_spelling_that_is_on_disk(seen: Seen, number: int) -> None:
    spelling = CASES[number].spelling
    assert isinstance(spelling, str)
    assert seen.edited[spelling] == b"edited"
    assert os.fsencode(spelling) in seen.spelt
    assert spelling in seen.removed, "and so does a deletion"


def test_nothing_else_came_of_it(seen: Seen) -> None:
    assert seen.held.keys() == {key_of(c) for c in CASES if c.reason not in (MIRRORED, IGNORED)}
    assert seen.remote.keys() == {key_of(c) for c in CASES if c.reason == MIRRORED}
    assert seen.removed == {str(c.spelling) for c in CASES if c.reason == MIRRORED}
    ours = [n for n, case in enumerate(CASES) if case.name.startswith("our temporary")]
    assert seen.spelt == {os.fsencode(c.spelling) for n, c in enumerate(CASES) if n not in ours}
    assert seen.kept >= {body_of(number) for number in ours}, "what has our temporaries' names"
