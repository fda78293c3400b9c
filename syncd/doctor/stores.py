"""The stores' folders: there, readable, writable, and what their file systems can do. Does IO."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from stat import S_ISDIR

from syncd.config import StoreConfig
from syncd.core.direction import Way
from syncd.core.wording import counted
from syncd.doctor.finding import Finding, fail, ok, warn
from syncd.doctor.machine import room
from syncd.files import syscalls
from syncd.files.git import operation_around
from syncd.stores.layout import SAVE_PREFIX, is_temporary, normal

OTHERS = (".stfolder", ".dropbox", ".dropbox.cache", ".sync", ".owncloudsync.log")
"""What other tools leave in a folder that they keep in sync."""

UNDER_WAY = 60.0
"""Seconds that a program's save may take."""

_REMOTE = ("nfs", "cifs", "smb", "fuse.sshfs", "9p", "virtiofs", "drvfs")


def examine(store: StoreConfig, state: Path) -> Iterator[Finding]:
    """Everything that concerns the folder of one store; `state` is the state folder."""
    check = f"store:{store.name}"
    if not is_folder(store.path):
        yield fail(
            check,
            f"{store.path} is not a folder",
            "bring it back, or mend its path in config.toml: nothing is deleted meanwhile",
        )
        return
    files, others, left = _count(store)
    mirrored, none = counted(files, "file", "are"), f"none of {counted(others, 'file')}"
    if files or not others:
        yield ok(check, f"{mirrored} mirrored, {counted(others, 'other')} not, in {store.path}")
    else:
        yield warn(check, f"{none} in {store.path} matches its patterns",
                   f"mend include or exclude of {store.name!r} in config.toml")  # fmt: skip
    if left:
        yield _left(store, left)
    yield _file_system(store)
    yield room(f"space:{store.name}", store.path)
    if store.layout == "lines":
        yield _links(store, state)
    elif store.direction is not Way.PUSH:
        yield from _abilities(store)
    yield from _neighbours(store)


def is_folder(path: Path) -> bool:
    """Whether a folder is there. Raises OSError where that cannot be told."""
    # Not Path.is_dir: from Python 3.14 on that takes every trouble for no folder.
    try:
        return S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _count(store: StoreConfig) -> tuple[int, int, list[Path]]:
    """How many files are mirrored, how many are not, and what killed programs left."""
    layout = store.patterns()
    matched = others = 0
    left: list[Path] = []
    for folder, folders, files in os.walk(store.path):
        below = folder[len(str(store.path)) :].lstrip("/")
        folders[:] = [f for f in folders if not layout.prunes(normal(f"{below}/{f}".lstrip("/")))]
        matches = layout.within(normal(below))
        found = sum(map(matches, map(normal, files)))
        saves = [Path(folder) / name for name in files if name.startswith(SAVE_PREFIX)]
        ours = sum(map(is_temporary, files)) + len(saves)
        left += filter(_rests, saves)
        matched, others = matched + found, others + len(files) - found - ours
    return matched, others, left


def _rests(file: Path) -> bool:
    # RACE: a save that ends meanwhile takes its file away.
    with suppress(FileNotFoundError):
        return time.time() - file.stat(follow_symlinks=False).st_ctime > UNDER_WAY
    return False


def _left(store: StoreConfig, left: list[Path]) -> Finding:
    first = min(left).relative_to(store.path)
    return warn(
        f"saves:{store.name}",
        f"programs that were killed while they saved left {counted(len(left), 'file')}: {first}",
        "remove it once the file that its name ends with has all of it: another program's save, "
        "made in the moment of the kill, may be in nothing else",
    )


def _file_system(store: StoreConfig) -> Finding:
    check = f"file-system:{store.name}"
    kind = _type_of(store.path)
    if kind.startswith(_REMOTE):
        return warn(check, f"{kind}: changes made elsewhere are not told to this machine",
                    "nothing to do: it is polled where events do not arrive")  # fmt: skip
    return ok(check, kind)


def _type_of(path: Path) -> str:
    """The type of the file system that `path` lies on, by the longest mount point above it."""
    best = ("", "unknown")
    with suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _, place, kind, *_ = line.split()
            place = place.replace("\\040", " ")
            if path.is_relative_to(place) and len(place) >= len(best[0]):
                best = (place, kind)
    return best[1]


def _abilities(store: StoreConfig) -> Iterator[Finding]:
    probe = store.path / f".syncd-doctor-{secrets.token_hex(4)}"
    try:
        probe.mkdir()
    except OSError as error:
        yield fail(f"writable:{store.name}", f"{store.path}: {error.strerror}",
                   f"{_opening(store.path)}: what is changed in Convex waits")  # fmt: skip
        return
    try:
        yield ok(f"writable:{store.name}", f"files can be made in {store.path}")
        yield _exchange(store, probe)
        yield _lease(store, probe)
        yield _case(store, probe)
    finally:
        shutil.rmtree(probe, ignore_errors=True)


def _opening(folder: Path) -> str:
    """What lets this user write into `folder`."""
    place = shlex.quote(str(folder))
    if folder.stat().st_uid == os.geteuid():
        return f"chmod u+rwx {place}"
    return f"sudo chown -R {os.geteuid()} {place}, or run syncd as its owner"


def _links(store: StoreConfig, state: Path) -> Finding:
    """Whether the store's files can have second names: of the first one, by making one."""
    check = f"links:{store.name}"
    files = (each for each in sorted(store.path.rglob("*"))
             if store.patterns().matches(each.relative_to(store.path).as_posix()))  # fmt: skip
    first = next((each for each in files if each.is_file() and not each.is_symlink()), None)
    if first is None or not state.is_dir():
        return ok(check, f"no {'file' if first is None else 'state folder'} is there yet")
    second = state / f".doctor-{secrets.token_hex(4)}"
    try:
        os.link(first, second, follow_symlinks=False)
    except OSError as error:
        beside = str(store.path.parent / ".syncd")
        return warn(check, f"{first} gets no second name in {state} ({error.strerror}): what it "
                    "holds is lost if it is deleted before that was sent",
                    f"own its files, or put the state folder beside them: "
                    f"export SYNCD_STATE_DIR={shlex.quote(beside)}")  # fmt: skip
    second.unlink()
    return ok(check, "files are followed under second names when they are renamed or deleted")


def _exchange(store: StoreConfig, probe: Path) -> Finding:
    check = f"exchange:{store.name}"
    one, two = probe / "one", probe / "two"
    one.write_text("1")
    two.write_text("2")
    folder = os.open(probe, os.O_RDONLY | os.O_DIRECTORY)
    try:
        syscalls.rename(folder, "one", "two", syscalls.EXCHANGE)
    except OSError as error:
        return warn(check, f"names cannot be swapped in one step ({error.strerror})",
                    "nothing to do: files are compared right before they are written, which "
                    "leaves an instant in which a save can be missed")  # fmt: skip
    finally:
        os.close(folder)
    return ok(check, "two names are swapped in one step")


def _lease(store: StoreConfig, probe: Path) -> Finding:
    check = f"lease:{store.name}"
    descriptor = os.open(probe / "one", os.O_RDONLY)
    try:
        syscalls.lease(descriptor)
        syscalls.unlease(descriptor)
    except OSError as error:
        return warn(check, f"programs that have a file open are not noticed ({error.strerror})",
                    "nothing to do: replaced files are looked at again, for a minute")  # fmt: skip
    finally:
        os.close(descriptor)
    return ok(check, "programs that have a file open for writing are waited for")


def _case(store: StoreConfig, probe: Path) -> Finding:
    folds = (probe / "ONE").exists()
    words = "do not count" if folds else "count"
    return ok(f"case:{store.name}", f"capitals {words} in names")


def _neighbours(store: StoreConfig) -> Iterator[Finding]:
    operation = operation_around(store.path)
    if operation is not None:
        yield warn(
            f"git:{store.name}",
            f"git is at {operation.name} around {store.path}",
            "finish or abort it: sending waits meanwhile, for ten quiet minutes at most",
        )
    found = [name for name in OTHERS for place in (store.path, *store.path.parents)
             if os.path.lexists(place / name)]  # fmt: skip
    if found:
        yield warn(
            f"other-tools:{store.name}",
            f"another tool syncs this folder ({found[0]})",
            "let one of them do it: each would take the other's writes for edits",
        )
