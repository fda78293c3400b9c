"""Paths that a deployment tells: written below the root, held, or nobody's business; no way out."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from .laptop import Laptop, assert_visible, digest
from .played import Played, reached

WRITTEN: Final = ""
IGNORED: Final = "ignored"
BODY: Final = b'{"id": "theirs"}'

Prepare = Callable[[Laptop], object]


def file(path: str) -> Prepare:
    return lambda laptop: laptop.save(path, b'{"id": "mine"}')


def folder(path: str) -> Prepare:
    return lambda laptop: (laptop.folder / path).mkdir(parents=True)


def link(path: str, to: str) -> Prepare:
    """A symlink in the store; `to` is relative to the folder that the store lies in."""
    return lambda laptop: (laptop.folder / path).symlink_to(laptop.folder.parent / to)


def nothing(_: Laptop) -> None:
    """The store is empty."""


class Case(NamedTuple):
    """What another device is said to have written at `path`, and what was here before it."""

    name: str
    path: str
    reason: str = WRITTEN
    before: Prepare = nothing


CASES: Final = [
    Case("absolute", "/etc/cron.d/x.json", "bad-path"),
    Case("absolute, doubled", "//etc/x.json", "bad-path"),
    Case("up", "../x.json", "bad-path"),
    Case("up, later", "a/../../outside/x.json", "bad-path"),
    Case("up and down again", "a/../x.json", "bad-path"),
    Case("up, over a file", "../outside/secret.json", "bad-path"),
    Case("here", "./x.json", "bad-path"),
    Case("an empty segment", "a//x.json", "bad-path"),
    Case("a folder", "a.json/", "bad-path"),
    Case("NUL", "x\0.json", "bad-path"),
    Case("NUL before another name", "x.json\0.txt", "bad-path"),
    Case("not NFC", unicodedata.normalize("NFD", "é.json"), "bad-path"),
    Case("not NFC in a folder", unicodedata.normalize("NFD", "é") + "/x.json", "bad-path"),
    Case("2,000 bytes", "a/" * 998 + "x.json", "bad-path"),
    Case("1,025 bytes of Chinese", "长/" * 255 + "x.json", "bad-path"),
    Case("a name of 256 bytes", "x" * 251 + ".json", "bad-path"),
    Case("empty", "", IGNORED),
    Case("only up", "..", IGNORED),
    Case("backslashes", "..\\..\\x.json"),
    Case("a drive", "C:\\x.json"),
    Case("a share", "\\\\host\\share\\x.json"),
    Case("percent-encoded", "%2e%2e/%2e%2e%2fx.json"),
    Case("division slashes", "..\u2215..\uff0fx.json"),
    Case("overlong dots", ".../x.json"),
    Case("reserved on Windows", "con.json"),
    Case("a terminal escape", "\x1b[2J.json"),
    Case("right-to-left override", "x\u202enosj.json"),
    Case("a newline", "x\ny.json"),
    Case("an option", "--help.json"),
    Case("our temporary", ".syncd-0123456789abcdef", IGNORED),
    Case("our temporary with an extension", ".syncd-x.json", IGNORED),
    Case("our state folder", ".syncd/bindings.json", IGNORED),
    Case("a git hook", ".git/hooks/post-checkout", IGNORED),
    Case("git, in its folder", ".git/x.json", IGNORED),
    Case("git, below", "a/.git/x.json", IGNORED),
    Case("a package", "node_modules/a/package.json", IGNORED),
    Case("a program", "Makefile", IGNORED),
    Case("a shell's file", ".envrc", IGNORED),
    Case("Python that runs by itself", "x.pth", IGNORED),
    Case("through a file", "a.json/x.json", "not-a-folder", file("a.json")),
    Case("through two files", "d/a.json/b/x.json", "not-a-folder", file("d/a.json")),
    Case("through a symlink out of the store", "l/x.json", "symlink", link("l", "outside")),
    Case("through a symlink to its parent", "l/x.json", "symlink", link("l", ".")),
    Case("through a symlink to itself", "l/x.json", "symlink", link("l", "flows/l")),
    Case("through a dangling symlink", "l/x.json", "symlink", link("l", "nowhere")),
    Case("at a symlink to a file", "l.json", "symlink", link("l.json", "outside/secret.json")),
    Case("at a symlink to a folder", "l.json", "symlink", link("l.json", "outside")),
    Case("at a dangling symlink", "l.json", "symlink", link("l.json", "outside/new.json")),
    Case("at an empty folder", "d.json", WRITTEN, folder("d.json")),
    Case("at a full folder", "d.json", "not-a-file", file("d.json/x.txt")),
    Case("at a pipe", "p.json", "not-a-file", lambda at: os.mkfifo(at.folder / "p.json")),
    Case("a case twin of a file", "README.json", WRITTEN, file("readme.json")),
    Case("a case twin of a folder", "Docs/x.json", WRITTEN, file("docs/x.json")),
    Case("into a folder that is here", "docs/x.json", WRITTEN, folder("docs")),
    Case("deep", "d/" * 100 + "x.json"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
async def test_a_path_from_the_deployment(tmp_path: Path, case: Case) -> None:
    played = Played()
    async with reached(played) as remote:
        with Laptop(tmp_path / "home", remote) as laptop:
            case.before(laptop)
            laptop.save("mine.json", b'{"id": "neighbour"}')
            before = laptop.tree()
            for path in ("a-before.json", case.path, "zz/behind.json"):
                played.plant(path, BODY)
            await laptop.sync()
            await laptop.sync()
            look(laptop, played, case, before)


def look(laptop: Laptop, played: Played, case: Case, before: dict[str, bytes]) -> None:
    neighbours = {"a-before.json": BODY, "zz/behind.json": BODY}
    written = {case.path: BODY} if case.reason == WRITTEN else {}
    assert laptop.tree() == {**before, **neighbours, **written}
    assert laptop.untouched_outside()
    assert not played.tombstones()
    mirrored = {path for path in laptop.tree() if laptop.layout.matches(path)}
    assert played.live().keys() == mirrored | {case.path}
    assert played.live()[case.path] == digest(BODY)
    held = [] if case.reason in (WRITTEN, IGNORED) else [case.path]
    assert list(laptop.held()) == held
    assert laptop.told_holds() == held
    for path in held:
        assert_visible(laptop.held()[path], case.reason)
