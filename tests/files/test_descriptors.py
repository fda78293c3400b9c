"""Nothing that is done with files leaves one open: a daemon runs for months."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest

from syncd.core.model import Content, Digest, Format
from syncd.core.writing import WriteFailed
from syncd.files.payloads import Damaged, Payloads
from syncd.files.read import Large, look, measure, read
from syncd.files.staging import prepare, stage_prepared, stage_removal, unprepare
from syncd.files.transit import Transit
from syncd.files.write import discard, perform
from syncd.stores.codec import INLINE_LIMIT

from .world import OLD, OURS, PATH, World, digest, stage, world

LONG = b"\xff" * (INLINE_LIMIT + 1)
CONTENT = Content(Digest(sha256(LONG).hexdigest()), len(LONG))


@pytest.fixture
def at() -> Iterator[World]:
    with world(OLD) as there:
        there.checked = False
        (there.store / "long.bin").write_bytes(LONG)
        yield there


@pytest.fixture
def payloads(at: World) -> Payloads:
    return Payloads(at.base / "payloads", at.history)


def reads(at: World, payloads: Payloads) -> None:
    for path in (PATH, "long.bin", "none", "folder"):
        read(at.root, path, Format.TEXT)
    transit = Transit(payloads, lambda _: None)
    for name, patient in (("long.bin", True), ("long.bin", True), ("other", False)):
        large = look(at.root, "long.bin", Format.TEXT)
        assert isinstance(large, Large)
        transit.measure(name, large, patient=patient)
    large = look(at.root, "long.bin", Format.JSON)
    assert isinstance(large, Large)
    measure(large)


def writes(at: World, _payloads: Payloads) -> None:
    note = stage(at.root, PATH, OURS, digest(OLD))
    perform(at.root, note, at.swapped)
    discard(at.root, note, at.swapped)
    removal = stage_removal(at.root, PATH, digest(OURS))
    perform(at.root, removal, at.swapped)  # type: ignore[arg-type]
    for now in (0.0, 1.0, 2.0, 100.0, 200.0):
        at.swapped.due(now)
    assert at.swapped.empty


def keeps(at: World, payloads: Payloads) -> None:
    with at.root.folder() as folder:
        for _ in range(2):
            at.history.copy(folder, "long.bin")
    payloads.history.put(OURS)
    payloads.history.put(OURS)
    payloads.history.sync()


def receives(at: World, payloads: Payloads) -> None:
    with suppress(Damaged), payloads.receive(CONTENT) as arrival:
        arrival.finish()
    for move in (False, True):
        with payloads.receive(CONTENT) as arrival:
            arrival.write(LONG)
            arrival.finish()
        prepared = prepare(at.root, PATH, payloads, CONTENT.digest, move=move)
        stage_prepared(at.root, PATH, prepared, None)
        unprepare(at.root, PATH, prepared)
        with suppress(WriteFailed):
            stage_prepared(at.root, PATH, prepared, None)
    with suppress(FileNotFoundError):
        prepare(at.root, PATH, payloads, digest(b"nowhere"), move=True)
    payloads.shelve(CONTENT.digest)


@pytest.mark.parametrize("refused", [None, "os.fsync", "os.write", "os.copy_file_range"])
@pytest.mark.parametrize("do", [reads, writes, keeps, receives])
def test_nothing_leaves_a_file_open(
    at: World,
    payloads: Payloads,
    monkeypatch: pytest.MonkeyPatch,
    do: Callable[[World, Payloads], None],
    refused: str | None,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("syncd.files.transit.SLOW_BYTES", 0)
    before = len(list(Path("/proc/self/fd").iterdir()))
    if refused is None:
        do(at, payloads)
    else:
        monkeypatch.setattr(refused, refuse)
        with suppress(OSError, WriteFailed, AssertionError):
            do(at, payloads)
    at.swapped.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
