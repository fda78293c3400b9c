"""Names that are no files: held, or nobody's business; and never taken for deletions.

Each case makes something of a name that was free, and of one that a mirrored file had. Of folders
see `test_clashes`.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import socket
import stat
import struct
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from .laptop import SECRET, Laptop, assert_visible, digest
from .played import Played, reached

MIRRORED: Final = ""
GOOD, LINKED, THEIRS = b'{"id": "good"}', b'{"id": "linked"}', b'{"id": "theirs"}'
NOBODY: Final = 65534

Make = Callable[[Path], object]


def link(to: str) -> Make:
    """A symlink; `to` is relative to the folder that the store lies in."""
    return lambda path: path.symlink_to(path.parents[1] / to)


def relative_link(to: str) -> Make:
    return lambda path: path.symlink_to(to)


def bound(path: Path) -> None:
    """A socket that somebody listens on. Its path may be longer than a socket's may be."""
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(path.parent):
        listening.bind(path.name)


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices, and not in every container")


def hard_link(path: Path) -> None:
    os.link(path.parent / "linked.json", path)


def sparse(size: int) -> Make:
    def make(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make


def old_save(path: Path) -> None:
    path.write_bytes(THEIRS)
    os.utime(path, ns=(0, 0))


def far_future(path: Path) -> None:
    path.write_bytes(THEIRS)
    os.utime(path, (2**33, 2**33))


def odd_modes(path: Path) -> None:
    path.write_bytes(THEIRS)
    path.chmod(0o7777)


class Case(NamedTuple):
    """`make` makes something at a path of the store; `reason` it is held for, or MIRRORED."""

    name: str
    make: Make
    reason: str = MIRRORED


CASES: Final = [
    Case("symlink to a file of the store", relative_link("linked.json"), "symlink"),
    Case("symlink to a file outside", link("outside/secret.json"), "symlink"),
    Case("symlink to a file outside, absolute", relative_link("/etc/hostname"), "symlink"),
    Case("symlink to a folder of the store", relative_link("folder"), "symlink"),
    Case("symlink to a folder outside", link("outside"), "symlink"),
    Case("symlink to the store itself", relative_link("."), "symlink"),
    Case("symlink to the root of all", relative_link("/"), "symlink"),
    Case("dangling symlink", relative_link("nowhere.json"), "symlink"),
    Case("Emacs' lock, by another name", relative_link("me@host.1234:567"), "symlink"),
    Case("symlink to itself", relative_link("node.json"), "symlink"),
    Case("symlink to a device", relative_link("/dev/zero"), "symlink"),
    Case("symlink to a process", relative_link("/proc/self/mem"), "symlink"),
    Case("symlink of 4,000 bytes", relative_link("a/" * 1999), "symlink"),
    Case("pipe", os.mkfifo, "not-a-file"),
    Case("socket", bound, "not-a-file"),
    Case("device", device, "not-a-file"),
    Case("hard link", hard_link),
    Case("sparse file of 1 TB", sparse(1 << 40), "too-large"),
    Case("sparse file of 8 EB", sparse((1 << 43) - 1), "too-large"),
    Case("sparse file of 1 MB", sparse(1 << 20), "not-json"),
    Case("saved in 1970", old_save),
    Case("saved in 2242", far_future),
    Case("every mode bit", odd_modes),
]  # fmt: skip


@pytest.fixture(params=CASES, ids=[case.name for case in CASES])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


@contextlib.asynccontextmanager
async def desk(home: Path) -> AsyncIterator[tuple[Laptop, Played]]:
    played = Played()
    async with reached(played) as remote:
        with Laptop(home / "home", remote) as laptop:
            laptop.save("linked.json", LINKED)
            laptop.save("folder/x.json", GOOD)
            laptop.save("neighbour.json", GOOD)
            yield laptop, played


async def test_where_nothing_was(tmp_path: Path, case: Case) -> None:
    async with desk(tmp_path) as (laptop, played):
        case.make(laptop.folder / "node.json")
        await laptop.sync()
        await laptop.sync()
        expect(laptop, case)
        assert ("node.json" in played.live()) == (case.reason == MIRRORED)
        neighbours_go_on(laptop, played)


async def test_where_a_file_was(tmp_path: Path, case: Case) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save("node.json", GOOD)
        await laptop.sync()
        (laptop.folder / "node.json").unlink()
        case.make(laptop.folder / "node.json")
        before = os.lstat(laptop.folder / "node.json")
        await laptop.sync()
        await laptop.sync()
        expect(laptop, case)
        if case.reason != MIRRORED:
            assert played.live()["node.json"] == digest(GOOD)
            played.plant("node.json", THEIRS)
            await laptop.sync()
            after = os.lstat(laptop.folder / "node.json")
            assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
            assert laptop.told_holds() == ["node.json"]
        neighbours_go_on(laptop, played)


async def test_it_goes_on_when_a_file_is_there_again(tmp_path: Path, case: Case) -> None:
    if case.reason == MIRRORED:
        pytest.skip("it went on all the time")
    async with desk(tmp_path) as (laptop, played):
        path = laptop.folder / "node.json"
        case.make(path)
        await laptop.sync()
        played.plant("node.json", THEIRS)
        await laptop.sync()
        path.unlink()
        await laptop.sync(approved=True)
        assert path.read_bytes() == THEIRS
        assert laptop.held() == {}
        assert laptop.untouched_outside()


def expect(laptop: Laptop, case: Case) -> None:
    if case.reason == MIRRORED:
        assert laptop.told_holds() == []
        return
    assert laptop.told_holds() == list(laptop.held()) == ["node.json"]
    assert_visible(laptop.held()["node.json"], case.reason)


def neighbours_go_on(laptop: Laptop, played: Played) -> None:
    assert not played.tombstones()
    assert laptop.untouched_outside()
    assert played.live()["linked.json"] == digest(LINKED)
    assert played.live()["neighbour.json"] == digest(GOOD)
    assert digest(SECRET) not in played.live().values()


FOLDERS: Final[dict[str, tuple[Make, str]]] = {
    "a symlink to where it went": (relative_link("moved"), "symlink"),
    "a symlink out of the store": (link("outside"), "symlink"),
    "a dangling symlink": (relative_link("nowhere"), "symlink"),
    "a symlink to itself": (relative_link("folder"), "symlink"),
    "a file": (lambda path: path.write_bytes(b"x"), "not-a-folder"),
    "a pipe": (os.mkfifo, "not-a-folder"),
}


@pytest.mark.parametrize("name", FOLDERS)
async def test_where_a_folder_was(tmp_path: Path, name: str) -> None:
    make, reason = FOLDERS[name]
    async with desk(tmp_path) as (laptop, played):
        await laptop.sync()
        (laptop.folder / "folder").rename(laptop.folder / "moved")
        make(laptop.folder / "folder")
        played.plant("folder/x.json", THEIRS)
        await laptop.sync()
        await laptop.sync()
        assert_visible(laptop.held()["folder/x.json"], reason)
        assert laptop.told_holds() == ["folder/x.json"]
        assert played.live()["moved/x.json"] == digest(GOOD)
        assert played.live()["folder/x.json"] == digest(THEIRS)
        assert laptop.tree()["moved/x.json"] == GOOD
        neighbours_go_on(laptop, played)


def unreadable(path: Path) -> None:
    path.chmod(0)


def unreadable_folder(path: Path) -> None:
    path.parent.chmod(0)


def unlistable_folder(path: Path) -> None:
    path.parent.chmod(0o300)


def unsearchable_folder(path: Path) -> None:
    path.parent.chmod(0o600)


def unwritable_folder(path: Path) -> None:
    path.parent.chmod(0o500)


def unwritable(path: Path) -> None:
    path.chmod(0o400)


def immutable(path: Path) -> None:
    """As `chattr +i`: the file can neither be changed nor renamed, by root either."""
    with path.open("rb") as file:
        try:
            fcntl.ioctl(file, _SET_FLAGS, struct.pack("l", _IMMUTABLE))
        except OSError as error:
            pytest.skip(f"this file system has no immutable files here: {error.strerror}")


_SET_FLAGS, _IMMUTABLE = 0x40086602, 0x10
PERMISSIONS: Final[dict[str, tuple[Make, dict[str, str]]]] = {
    "a file that cannot be read": (unreadable, {"sub/node.json": "no-permission"}),
    "a folder that cannot be entered": (unreadable_folder, {"sub/": "no-permission"}),
    "a folder that cannot be listed": (unlistable_folder, {"sub/": "no-permission"}),
    "a folder that cannot be searched": (unsearchable_folder, {"sub/node.json": "no-permission"}),
    "a folder that cannot be written": (unwritable_folder, {"sub/node.json": "no-permission"}),
    "a file that cannot be written": (unwritable, {}),
}


async def _live_once(home: Path) -> None:
    async with desk(home) as (laptop, played):
        played.plant("sub/theirs.json", THEIRS)
        (laptop.folder / "broken.json").write_bytes(b"{")
        await laptop.sync()


@pytest.fixture
def ordinary(tmp_path: Path) -> Iterator[Path]:
    """A folder in which permissions bind us: root acts as nobody for the test's time."""
    # Not pytest's, which lies below a folder that is its owner's alone.
    with tempfile.TemporaryDirectory() as made:
        if os.geteuid() != 0:
            yield Path(made)
            return
        # Nobody may not read every Python that root runs: what is imported late is imported now.
        asyncio.run(_live_once(tmp_path))
        os.chown(made, NOBODY, NOBODY)
        os.seteuid(NOBODY)
        try:
            yield Path(made)
        finally:
            os.seteuid(0)


@pytest.mark.parametrize("name", PERMISSIONS)
async def test_what_permissions_forbid(ordinary: Path, name: str) -> None:
    spoil, reasons = PERMISSIONS[name]
    async with desk(ordinary) as (laptop, played):
        laptop.save("sub/node.json", GOOD)
        await laptop.sync()
        played.plant("sub/node.json", THEIRS)
        path = laptop.folder / "sub/node.json"
        spoil(path)
        try:
            await laptop.sync()
            await laptop.sync()
        finally:
            path.parent.chmod(0o700)
            kept = path.stat().st_mode
            path.chmod(0o600)
        for held, reason in reasons.items():
            assert_visible(laptop.held()[held], reason)
        assert len(set(laptop.told_holds())) == len(laptop.told_holds())
        assert path.read_bytes() == (GOOD if reasons else THEIRS)
        assert reasons or stat.S_IMODE(kept) == 0o400, "the mode is kept"
        neighbours_go_on(laptop, played)
        await laptop.sync()
        assert path.read_bytes() == THEIRS
        assert laptop.held() == {}


async def test_a_file_that_is_immutable(tmp_path: Path) -> None:
    async with desk(tmp_path) as (laptop, played):
        laptop.save("node.json", GOOD)
        await laptop.sync()
        played.plant("node.json", THEIRS)
        path = laptop.folder / "node.json"
        immutable(path)
        try:
            await laptop.sync()
            await laptop.sync()
            assert path.read_bytes() == GOOD
            assert_visible(laptop.held()["node.json"], "no-permission")
        finally:
            with path.open("rb") as file:
                fcntl.ioctl(file, _SET_FLAGS, struct.pack("l", 0))
        neighbours_go_on(laptop, played)
        await laptop.sync()
        assert path.read_bytes() == THEIRS
        assert laptop.held() == {}
        assert laptop.leftovers() == []
