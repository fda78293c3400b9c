"""Payloads on their way: what of them has its name, and what is left of those that went wrong."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import pytest

from syncd.core.model import Content, Digest
from syncd.files.folder import NEW_FILE
from syncd.files.history import History
from syncd.files.payloads import SPARE, Damaged, Payloads
from syncd.files.root import Root
from syncd.files.staging import prepare

BODY = b"\xff" * 5000
CONTENT = Content(Digest(sha256(BODY).hexdigest()), len(BODY))


@pytest.fixture
def payloads(tmp_path: Path) -> Payloads:
    return Payloads(tmp_path / "payloads", History(tmp_path / "history"))


def receive(payloads: Payloads, *parts: bytes) -> None:
    with payloads.receive(CONTENT) as arrival:
        for part in parts:
            arrival.write(part)
        arrival.finish()


def test_a_payload_has_its_name_only_once_it_is_durable_and_the_name_is_then(
    payloads: Payloads, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, str]] = []
    fsync, rename = os.fsync, Path.rename

    def flushed(fd: int) -> None:
        done.append(("flushed", Path(f"/proc/self/fd/{fd}").readlink().name))
        fsync(fd)

    def named(path: Path, target: Path) -> Path:
        done.append(("named", target.name))
        return rename(path, target)

    monkeypatch.setattr("os.fsync", flushed)
    monkeypatch.setattr(Path, "rename", named)
    receive(payloads, BODY[:2000], BODY[2000:])
    assert done == [
        ("flushed", f"{CONTENT.digest}.part"), ("named", CONTENT.digest), ("flushed", "payloads"),
    ]  # fmt: skip
    assert payloads.waiting() == {CONTENT.digest}


@pytest.mark.parametrize("parts", [(BODY[:-1],), (BODY[:-1] + b"x",), (BODY, b"x"), ()])
def test_of_other_bytes_than_were_told_nothing_stays(
    payloads: Payloads, parts: tuple[bytes, ...], tmp_path: Path
) -> None:
    with pytest.raises(Damaged):
        receive(payloads, *parts)
    assert not payloads.has(CONTENT.digest)
    assert list((tmp_path / "payloads").iterdir()) == []


@pytest.mark.parametrize(("spare", "fits"), [(0, True), (-1, False)])
def test_a_payload_leaves_room_for_smaller_files(
    payloads: Payloads, monkeypatch: pytest.MonkeyPatch, spare: int, *, fits: bool
) -> None:
    free = CONTENT.size + SPARE + spare
    disk = SimpleNamespace(f_bavail=free, f_frsize=1)
    monkeypatch.setattr("os.statvfs", lambda _: disk)
    if fits:
        return receive(payloads, BODY)
    with pytest.raises(OSError, match="No space") as told:
        receive(payloads, BODY)
    assert told.value.errno == errno.ENOSPC
    return None


@pytest.mark.parametrize("move", [True, False])
@pytest.mark.parametrize("mode", [0o600, 0o640, None])
def test_no_more_people_may_read_it_beside_its_file_than_the_file(
    payloads: Payloads, tmp_path: Path, mode: int | None, *, move: bool
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    if mode is not None:
        (folder / "a.bin").write_bytes(b"former")
        (folder / "a.bin").chmod(mode)
    (plain := folder / "plain").touch(mode=NEW_FILE)
    receive(payloads, BODY)
    prepared = prepare(Root.open(folder), "a.bin", payloads, CONTENT.digest, move=move)
    beside = folder / prepared.temporary
    assert beside.read_bytes() == BODY
    expected = stat.S_IMODE(plain.stat().st_mode) if mode is None else mode
    assert stat.S_IMODE(beside.stat().st_mode) == expected
