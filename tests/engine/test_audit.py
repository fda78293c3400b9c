"""What stat does not show is found by reading, and what only time mends is tried again."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.core.decision import Heard
from syncd.core.model import TOMBSTONE, Hold, Key, Snapshot
from syncd.engine.health import Health
from syncd.engine.naming.audit import Audit
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.patience import FEW, Patience
from syncd.files.folder import Folder

from .test_turn import KEY, Desk, content, flow

HOLD = Hold("disk-full", "no space", "free some")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


class Named(Intake):
    """An intake that shows what was named."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.reconciler, desk.clock)
        self.idle.set()

    def take(self) -> list[Key]:
        return self._settler.take(self._clock.monotonic(), 1_000_000)


def audit_of(desk: Desk, named: Named) -> Audit:
    return Audit(desk.ledger, desk.stores, named, Health(desk.ledger, desk.clock), desk.clock)


async def test_a_rotten_file_is_named_although_its_stat_is_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.engine.naming.audit.PAUSE", 0)
    named = Named(desk)
    await desk.agreed(flow(name="one"))
    for number in range(120):
        (desk.files / f"{number}.json").write_bytes(flow(name=str(number)))
    await desk.reconciler.consider([Key("flows", f"{number}.json") for number in range(120)])
    assert await audit_of(desk, named).round() == 0
    known = desk.ledger.places.file("flows", KEY.path)
    assert known is not None
    with desk.ledger.transaction() as connection:
        # A disk that lost a bit: all that stat tells is as it was, the bytes are not.
        connection.execute("UPDATE files SET digest = ? WHERE path = ?", ("0" * 64, KEY.path))
    assert await audit_of(desk, named).round() == 1
    assert named.take() == [KEY]


async def test_what_is_saved_while_an_audit_waits_for_its_turn_is_no_rot(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.engine.naming.audit.PAUSE", 0)
    named = Named(desk)
    await desk.agreed(flow(name="one"))
    named.idle.clear()
    with capture_logs() as told:
        auditing = asyncio.create_task(audit_of(desk, named).round())
        await asyncio.sleep(0)  # It waits for the turn that is under way.
        desk.path.write_bytes(flow(name="two"))
        await desk.reconciler.consider([KEY])
        named.idle.set()
        assert await auditing == 0
    assert [each for each in told if each["event"] == "audit_differs"] == []


async def test_of_a_folder_that_is_away_nobody_says_that_it_was_read(desk: Desk) -> None:
    await desk.agreed(flow(name="one"))
    named = Named(desk)
    audit = audit_of(desk, named)
    desk.replica.bound = desk.replica.identity()
    desk.files.rename(desk.files.with_name("away"))
    with capture_logs() as told:
        assert await audit.round() == 0
        audit._done()
    assert [each for each in told if each["event"] == "audit_differs"] == []
    assert audit._health._parts["audit"][1].endswith("but for those of flows: away")


async def test_an_audit_is_due_once_a_day_and_right_away_never(desk: Desk) -> None:
    audit = audit_of(desk, Named(desk))
    assert not audit._due()
    desk.clock.seconds += 86_300
    assert not audit._due()
    desk.clock.seconds += 200
    assert audit._due()
    audit._done()
    assert not audit._due()
    desk.clock.seconds -= 1_000_000
    assert audit._due(), "the clock was set back: nobody knows how long it is ago"


def test_held_keys_are_tried_few_at_a_time_until_it_gets_better(desk: Desk) -> None:
    named = Named(desk)
    patience = Patience(desk.ledger, desk.stores, named)
    with desk.ledger.transaction():
        for number in range(200):
            key = Key("flows", f"{number:03}.json")
            desk.ledger.attention.hold(key.store, key.path, HOLD, 0.0)
            desk.ledger.entries.agree([(key, Snapshot(1, TOMBSTONE))])
        desk.ledger.attention.hold("flows", "a folder/", HOLD, 0.0)
        desk.ledger.attention.hold("flows", "z.json", Hold("unparsable", "", ""), 0.0)
    tried: list[Key] = []
    for _ in range(200 // FEW):
        patience.name("flows")
        some = named.take()
        assert len(some) == FEW
        tried += some
    assert len(set(tried)) == 200, "those at the front may be beyond mending"
    with desk.ledger.transaction():
        for number in range(FEW):
            desk.ledger.attention.release("flows", f"{number:03}.json")
    patience.name("flows")
    assert len(named.take()) == 4 * FEW


def test_what_a_folder_refuses_is_tried_again_as_no_event_tells_that_it_does_not(
    desk: Desk,
) -> None:
    named = Named(desk)
    with desk.ledger.transaction():
        refused = Hold("no-permission", "", "")
        desk.ledger.attention.hold(KEY.store, KEY.path, refused, 0.0)
        desk.ledger.entries.agree([(KEY, Snapshot(1, TOMBSTONE))])
    Patience(desk.ledger, desk.stores, named).name(KEY.store)
    assert named.take() == [KEY]


async def test_what_a_file_in_the_place_of_a_folder_kept_out_is_written_once_it_is_renamed(
    desk: Desk,
) -> None:
    below, named = Key(KEY.store, "d/b.json"), Named(desk)
    (desk.files / "d").write_text("in the way")
    body = flow(name="one")
    desk.ledger.hear([Heard(below, Snapshot(1, content(body), 1), "other", body)], None)
    await desk.reconciler.consider([below])
    assert desk.ledger.attention.held(below.store)[below.path].reason == "not-a-folder"
    (desk.files / "d").rename(desk.files / "aside")
    Patience(desk.ledger, desk.stores, named).name(below.store)
    await desk.reconciler.consider(named.take())
    assert (desk.files / below.path).read_bytes() == body
    assert desk.ledger.attention.reason(below) is None


async def test_a_new_file_that_could_not_be_read_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.path.write_bytes(flow(name="one"))
    with monkeypatch.context() as patch:

        def opened(self: Folder, name: str) -> int:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        patch.setattr(Folder, "open", opened)
        await desk.turn()
    assert desk.ledger.attention.held(KEY.store)[KEY.path].reason == "too-many-open"
    named = Named(desk)
    Patience(desk.ledger, desk.stores, named).name(KEY.store)
    assert named.take() == [KEY]
    await desk.turn()
    assert desk.ledger.attention.reason(KEY) is None


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, mounted where a desk keeps its store."""
    mount = shutil.which("mount")
    place = tmp_path / "flows"
    place.mkdir()
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system to fill")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=256k", "none", str(place)],
                          check=False, capture_output=True)  # fmt: skip
    if made.returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield tmp_path
    subprocess.run(["umount", str(place)], check=True)


def fill(path: Path) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        with suppress(OSError):
            while os.write(fd, b"x" * 4096):
                pass
    finally:
        os.close(fd)


async def test_a_full_disk_stops_writing_not_sending_and_mends_by_itself(
    small_disk: Path,
) -> None:
    desk = Desk(small_disk)
    named = Named(desk)
    patience = Patience(desk.ledger, desk.stores, named)
    try:
        await desk.agreed(flow(name="one"))
        other = desk.files / "b.json"
        other.write_bytes(flow(name="one"))
        big = desk.files / "big"
        fill(big)
        news = flow(name="two", note="x" * 5000)
        desk.told(news)
        await desk.turn()
        assert desk.ledger.attention.held("flows")[KEY.path].reason == "disk-full"
        assert desk.path.read_bytes() == flow(name="one")
        assert sorted(path.name for path in desk.files.iterdir()) == ["a.json", "b.json", "big"]
        with other.open("r+b") as saving:
            saving.write(flow(name="six"))  # as long as before: that much a full disk takes
        assert (await desk.reconciler.consider([Key("flows", "b.json")])).queued, "it still sends"
        big.unlink()
        patience.name("flows")
        assert named.take() == [KEY]
        await desk.turn()
        assert desk.path.read_bytes() == news
        assert desk.ledger.attention.reason(KEY) is None
    finally:
        desk.swapped.close()  # The descriptors of swapped-out files keep it mounted.
        desk.ledger.close()
