"""Files of many records: each is mirrored by itself, and none is lost to a program's memory."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import Decision
from syncd.core.doubt import ABSENCE
from syncd.core.epoch import End
from syncd.core.guard import Direction
from syncd.core.model import (
    Content,
    Digest,
    Format,
    Hold,
    Intent,
    Key,
    Kind,
    OperationId,
    Reason,
    Tombstone,
)
from syncd.core.writing import LateSave
from syncd.engine.naming.intake import Intake
from syncd.engine.naming.late import Late
from syncd.engine.stops.holding import hold
from syncd.engine.turns import splits
from syncd.engine.turns.writer import Performed
from syncd.ledger import records
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import CONTESTED
from syncd.ledger.places import SUCCESSOR
from syncd.stores.records import part_of
from tests.machine.deployment import Deployment

from .fakes import deployment, digest
from .yard import FILE, STORE, Yard, deploy, mirror


@pytest.fixture
def remote() -> Deployment:
    return deployment()


@pytest.fixture
def laptop(tmp_path: Path, remote: Deployment) -> Yard:
    return Yard(tmp_path, remote, "laptop")


@pytest.fixture
def tower(tmp_path: Path, remote: Deployment) -> Yard:
    return Yard(tmp_path, remote, "tower")


async def test_a_file_is_an_entry_a_record_and_one_for_the_rest(
    laptop: Yard, remote: Deployment
) -> None:
    laptop.queue = ["d1"]
    laptop.put(deploy("d1"), deploy("d2"))
    sent = await laptop.sync()
    assert {intent.key.record: intent.kind for intent in sent} == {
        "": Kind.DOCUMENT, "d1": Kind.DEPLOYMENT, "d2": Kind.DEPLOYMENT
    }  # fmt: skip
    assert mirror(remote) == {
        "": {"deployments": [], "queue": ["d1"]}, "d1": deploy("d1"), "d2": deploy("d2")
    }  # fmt: skip
    assert await laptop.sync() == []


async def test_a_file_that_is_gone_is_not_kept_in_memory(laptop: Yard) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    assert len(laptop.reconciler._splits) == 1
    laptop.path.unlink()
    await laptop.sync()
    assert len(laptop.reconciler._splits) == 0


async def test_of_many_files_only_some_are_kept_in_memory(
    laptop: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "BYTES", 1)
    monkeypatch.setattr(records, "ROWS", 1)
    laptop.restart()
    laptop.put(deploy("d1"))
    laptop.path.with_name("other.json").write_bytes(laptop.path.read_bytes())
    for _ in range(2):
        await laptop.reconciler.consider([FILE, Key(STORE, "other.json")])
    assert (len(laptop.reconciler._splits), len(laptop.ledger.records._last)) == (1, 1)


async def test_an_update_of_one_is_one_operation(laptop: Yard) -> None:
    laptop.put(*(deploy(f"d{n}") for n in range(20)))
    await laptop.sync()
    laptop.put(deploy("d7", "success"))
    sent = await laptop.sync()
    assert [(intent.key.record, intent.expect_revision) for intent in sent] == [("d7", 1)]


async def test_a_file_that_is_not_there_is_made(laptop: Yard, tower: Yard) -> None:
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    assert await tower.sync() == []
    assert tower.path.read_bytes() == laptop.path.read_bytes()
    assert await tower.sync() == []
    assert tower.ledger.authoring.authored(FILE) is None, "nobody saved it there"


async def test_records_wait_for_their_envelope(laptop: Yard, remote: Deployment) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    envelope = remote.state.entries.pop(FILE)
    other = Yard(laptop.folder, remote, "other")
    await other.sync()
    assert not other.path.exists()
    remote.state.entries[FILE] = envelope
    other.ledger.hear([], None)
    other.ledger.places.put("cursor", "0")
    await other.sync()
    assert other.records() == {"d1": deploy("d1")}


async def test_what_is_remote_changes_one_record_and_no_other_byte(
    laptop: Yard, tower: Yard
) -> None:
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    tower.path.write_text(
        '{"deployments":[ {"id":"d2" ,"siteId":"site","status":"pending"},\t'
        '{"id":"d1","siteId":"site","status":"pending"}],\r\n "queue":[] }\n'
    )
    assert await tower.sync() == [], "white space and order belong to the file"
    before = tower.path.read_text()
    laptop.put(deploy("d1", "failed"))
    await laptop.sync()
    await tower.sync()
    assert tower.path.read_text() == before.replace(
        '{"id":"d1","siteId":"site","status":"pending"}',
        '{"id":"d1","siteId":"site","status":"failed"}',
    )


async def test_both_append_and_neither_knows_of_the_other(laptop: Yard, tower: Yard) -> None:
    laptop.put(deploy("d0"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    laptop.put(deploy("d1"))
    tower.put(deploy("d2"))
    for _ in range(3):
        await laptop.sync()
        await tower.sync()
        # Each program goes on from its memory.
        laptop.save()
        tower.save()
    await laptop.sync()
    await tower.sync()
    assert laptop.records().keys() == tower.records().keys() == {"d0", "d1", "d2"}


async def test_a_program_puts_back_an_old_value_of_anothers_record(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.put(deploy("d2"))
    await tower.sync()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d2", "building"))
    sent = await tower.sync()
    assert [intent.key.record for intent in sent] == ["d2"]
    assert mirror(remote)["d1"]["status"] == "success"
    assert tower.records()["d1"]["status"] == "success"


async def test_a_program_that_read_an_old_version_means_nothing_by_it(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d2"))
    await tower.sync()
    assert mirror(remote)["d1"]["status"] == "success"
    assert tower.ledger.conflicts.unresolved() == []


@pytest.mark.parametrize("kind", [Kind.DEPLOYMENT, Kind.DOCUMENT])
async def test_a_record_that_a_program_never_saved_is_not_deleted_by_it(
    tmp_path: Path, remote: Deployment, kind: Kind
) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, kind) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d2"))
    await tower.sync()
    await laptop.sync()
    assert laptop.records().keys() == tower.records().keys() == {"d1", "d2"}


@pytest.mark.parametrize(
    ("kind", "left"), [(Kind.DEPLOYMENT, {"d1", "d2"}), (Kind.DOCUMENT, {"d2"})]
)
async def test_leaving_out_ones_own_record_deletes_it_unless_it_is_a_deployment(
    tmp_path: Path, remote: Deployment, kind: Kind, left: set[str]
) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, kind) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    laptop.drop("d1")
    await laptop.sync()
    await tower.sync()
    await laptop.sync()
    assert laptop.records().keys() == tower.records().keys() == left


async def test_an_edit_beats_the_deletion_of_a_record(tmp_path: Path, remote: Deployment) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, Kind.DOCUMENT) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.save()
    tower.put(deploy("d1", "success"))
    laptop.drop("d1")
    for _ in range(3):
        await tower.sync()
        await laptop.sync()
    assert laptop.records()["d1"]["status"] == tower.records()["d1"]["status"] == "success"


@pytest.mark.parametrize("is_edited", [False, True], ids=["unedited", "edited here"])
async def test_a_record_that_nests_too_deep_for_the_file_is_held_and_no_other(
    laptop: Yard, remote: Deployment, *, is_edited: bool
) -> None:
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    for name, fields in (("d1", {"deep": deep}), ("d2", {"n": 1})):
        body = json.dumps(deploy(name, **fields)).encode()
        remote.write(Key(STORE, FILE.path, name), body, f"app {name}")
    if is_edited:
        laptop.put(deploy("d1", "failed"))
    await laptop.sync()
    status = "failed" if is_edited else "pending"
    assert laptop.records() == {"d1": deploy("d1", status), "d2": deploy("d2", n=1)}
    assert laptop.ledger.attention.held(STORE) == {}
    assert laptop.ledger.attention.held_records(STORE) == {Key(STORE, FILE.path, "d1")}
    laptop.load()
    laptop.put(deploy("d3"))
    assert [intent.key.record for intent in await laptop.sync()] == ["d3"]


async def test_fields_of_one_record_are_merged_and_a_clash_is_listed(
    laptop: Yard, tower: Yard
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.save()
    await tower.sync()
    laptop.put(deploy("d1", "success", completedAt="now"))
    await laptop.sync()
    tower.put(deploy("d1", "failed", error="no disk"))
    for _ in range(2):
        await tower.sync()
        await laptop.sync()
    merged = deploy("d1", "failed", completedAt="now", error="no disk")
    assert laptop.records()["d1"] == tower.records()["d1"] == merged
    (conflict,) = tower.ledger.conflicts.unresolved()
    assert conflict.key.record == "d1"
    assert laptop.ledger.conflicts.unresolved() == []


async def test_what_loses_against_a_save_that_did_not_know_it_is_in_history(
    laptop: Yard, tower: Yard
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.save()
    await tower.sync()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d1", "failed"))
    await tower.turn()
    (conflict,) = tower.ledger.conflicts.unresolved()
    assert conflict.remote is not None
    assert b"success" in tower.history.get(conflict.remote), "it outlives the ledger"


async def test_what_only_the_ledger_would_hold_is_in_history(laptop: Yard) -> None:
    laptop.put(deploy("d1", "pending", error="nowhere else"))
    await laptop.turn()
    laptop.memory = []
    laptop.put(deploy("d2"))
    await laptop.turn()
    assert "d1" not in laptop.records()
    kept = [path.read_bytes() for path in laptop.history.folder.rglob("*") if path.is_file()]
    assert any(b"nowhere else" in body for body in kept)


async def test_a_program_that_outlived_the_ledger_drops_nothing_that_it_never_read(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.queue, tower.queue = ["d1"], ["d2"]
    laptop.put(deploy("d1"))
    await laptop.sync()
    tower.put(deploy("d2"))
    await tower.sync()
    await laptop.sync()
    assert sorted(laptop.told()["queue"]) == ["d1", "d2"]
    laptop.ledger.close()
    for path in laptop.folder.glob("ledger.db*"):
        path.unlink()
    laptop.open()
    laptop.hear()
    with laptop.ledger.transaction():
        laptop.ledger.records.begin(STORE, "laptop", [FILE.path])
    await laptop.turn()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    assert sorted(laptop.told()["queue"]) == sorted(mirror(remote)[""]["queue"]) == ["d1", "d2"]
    laptop.load()
    laptop.queue = ["d2"]
    laptop.save()
    await laptop.sync()
    assert mirror(remote)[""]["queue"] == ["d2"], "from then on it is known what the program holds"


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_program_that_held_a_file_no_ledger_knows_of_takes_nothing_from_its_queue(
    laptop: Yard, tower: Yard, remote: Deployment, *, is_first: bool
) -> None:
    tower.queue = ["d1", "d2"]
    tower.put(deploy("d1"), deploy("d2"))
    await tower.sync()
    if not is_first:
        laptop.ledger.places.put(SUCCESSOR, "")
    await laptop.begin_anew(End.RESTORED)
    await laptop.turn()
    await laptop.turn(70.0)
    assert laptop.told()["queue"] == ["d1", "d2"], "the program was about to write its file anew"
    laptop.queue = ["d1"]
    laptop.put(deploy("d1"))
    await laptop.sync()
    queue = ["d1"] if is_first else ["d1", "d2"]
    assert sorted(mirror(remote)[""]["queue"]) == queue, "one that syncd made first was read by it"


async def test_what_an_old_copy_believed_before_it_was_found_out_takes_nothing_from_a_queue(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.queue = ["d1", "d2"]
    laptop.put(deploy("d1"))
    await laptop.sync()
    copy = laptop.copied()
    laptop.queue = ["d1"]
    laptop.save()
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.queue = ["d1", "d2"]
    tower.save()
    await tower.sync()
    laptop.become(copy)
    await laptop.turn()
    assert laptop.ledger.outbox.count() == {"queued": 1}, "d2 was taken out, by the copy's word"
    await laptop.begin_anew(End.OLD_COPY)
    await laptop.sync()
    assert mirror(remote)[""]["queue"] == laptop.told()["queue"] == ["d1", "d2"]


async def test_a_program_that_holds_all_records_may_not_have_read_the_queue(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.queue, tower.queue = ["d2"], ["d1", "d2"]
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    tower.memory = laptop.memory
    tower.save()
    await tower.sync()
    laptop.ledger.close()
    for path in laptop.folder.glob("ledger.db*"):
        path.unlink()
    laptop.open()
    laptop.hear()
    with laptop.ledger.transaction():
        laptop.ledger.records.begin(STORE, "laptop", [FILE.path])
    await laptop.turn()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    assert sorted(laptop.told()["queue"]) == sorted(mirror(remote)[""]["queue"]) == ["d1", "d2"]


async def test_a_save_is_merged_from_the_version_that_its_program_read(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    laptop.put(deploy("d1", "building"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d1", "building", healthCheckStatus="passing"))
    await tower.sync()
    assert mirror(remote)["d1"] == deploy("d1", "success", healthCheckStatus="passing")
    assert tower.ledger.conflicts.unresolved() == []


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("often", [1, 20])
async def test_what_the_file_did_not_hold_yet_was_read_by_nobody(
    laptop: Yard, tower: Yard, remote: Deployment, often: int, restarted: bool
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.put(deploy("d2"))
    await tower.turn()
    started = {"healthCheckStatus": "pending", "startedAt": "then"}
    for number in range(often):
        laptop.put(deploy("d1", "building", siteUrl="here", error=str(number), **started))
        await laptop.sync()
        tower.hear()
        await tower.turn()
    laptop.put(deploy("d1", "building", siteUrl="here", **started))
    await laptop.sync()
    tower.hear()
    await tower.turn()
    assert tower.records()["d1"] == deploy("d1"), "the file does not rest yet"
    if restarted:
        tower.restart()
    tower.load()
    tower.put(deploy("d1", "building", error="no disk", **started))
    await tower.sync()
    await laptop.sync()
    both = deploy("d1", "building", siteUrl="here", error="no disk", **started)
    assert mirror(remote)["d1"] == laptop.records()["d1"] == tower.records()["d1"] == both


async def test_a_record_of_the_same_id_that_the_file_did_not_hold_yet_is_merged(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d0"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.put(deploy("d2"))
    await tower.turn()
    laptop.put(deploy("d1", siteUrl="here"))
    await laptop.sync()
    tower.hear()
    await tower.turn(0.1)
    assert "d1" not in tower.records(), "the file does not rest yet"
    tower.put(deploy("d1", error="no disk"))
    await tower.sync()
    await laptop.sync()
    both = deploy("d1", siteUrl="here", error="no disk")
    assert mirror(remote)["d1"] == laptop.records()["d1"] == tower.records()["d1"] == both


async def test_what_was_read_since_a_ledger_began_is_no_edit(
    laptop: Yard, tower: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    tower.put(deploy("d2"))
    tower.hear()
    with tower.ledger.transaction():
        tower.ledger.records.begin(STORE, "tower", [FILE.path])
    await tower.sync()
    tower.load()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d1", "pending", healthCheckStatus="passing"))
    await tower.sync()
    assert mirror(remote)["d1"] == deploy("d1", "success", healthCheckStatus="passing")
    assert tower.ledger.conflicts.unresolved(), "it may have read an older one all the same"


async def test_both_queues_survive(laptop: Yard, tower: Yard) -> None:
    laptop.queue = ["d1"]
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.save()
    await tower.sync()
    laptop.queue = ["d1", "d2"]
    laptop.put(deploy("d2"))
    tower.queue = ["d1", "d3"]
    tower.put(deploy("d3"))
    for _ in range(2):
        await laptop.sync()
        await tower.sync()
    assert sorted(laptop.told()["queue"]) == sorted(tower.told()["queue"]) == ["d1", "d2", "d3"]
    tower.load()
    tower.queue.remove("d1")
    tower.save()
    await tower.sync()
    await laptop.sync()
    assert "d1" not in laptop.told()["queue"]


async def test_a_save_that_is_not_sent_yet_survives_the_next_one(
    laptop: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    laptop.put(deploy("d1", "success"))
    await laptop.turn()
    laptop.put(deploy("d2"))
    await laptop.turn(1.0)
    laptop.send()
    assert mirror(remote)["d1"]["status"] == "success"
    assert "d2" in mirror(remote)


async def test_a_save_behind_a_sent_row_waits_and_is_sent(laptop: Yard, remote: Deployment) -> None:
    laptop.put(deploy("d1"))
    await laptop.turn()
    sent = laptop.ledger.claim(Claim(100, 1 << 20, []))
    laptop.put(deploy("d1", "success"))
    await laptop.turn(1.0)
    outcomes = remote.push("laptop", sent)
    laptop.ledger.acknowledge(list(zip(sent, outcomes, strict=True)), "laptop", 0.0)
    await laptop.turn(1.0)
    assert [intent.key.record for intent in laptop.send()] == ["d1"]
    assert mirror(remote)["d1"]["status"] == "success"


async def test_what_was_put_back_is_put_back_later_each_time_it_is_undone(
    laptop: Yard, tower: Yard
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d2"))
    pauses = []
    for _ in range(6):
        tower.save()
        again = (await tower.turn(0.1)).again
        pauses.append(round(again[0][1] - tower.clock.monotonic()))
        await tower.turn(again[0][1] - tower.clock.monotonic())
        assert tower.records().keys() == {"d1", "d2"}
    assert pauses == [2, 4, 8, 16, 32, 60]
    tower.load()
    tower.put(deploy("d2", "success"))
    await tower.turn(0.1)
    tower.drop("d1")
    assert round((await tower.turn(0.1)).again[0][1] - tower.clock.monotonic()) == 2


async def test_a_program_that_never_rests_delays_it_for_a_minute_at_most(
    laptop: Yard, tower: Yard
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    for second in range(62):
        tower.put(deploy("d2", str(second)))
        await tower.turn(1.0)
        if "d1" in tower.records():
            break
    assert 58 <= second <= 61


async def test_a_file_that_is_gone_waits_for_a_person(laptop: Yard, remote: Deployment) -> None:
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    laptop.path.unlink()
    assert await laptop.sync() == []
    (guard,) = laptop.ledger.attention.guards().values()
    assert guard.missing == 3
    _scan(laptop)
    assert laptop.guards.reject(STORE).why == ""
    await laptop.sync()
    assert laptop.records().keys() == {"d1", "d2"}


async def test_a_file_that_is_gone_for_a_moment_loses_no_record(
    tmp_path: Path, remote: Deployment
) -> None:
    laptop = Yard(tmp_path, remote, "laptop", Kind.DOCUMENT)
    laptop.path.with_name("other.json").touch()
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    for _ in range(2):
        laptop.path.unlink()
        (again,) = (await laptop.turn()).again
        assert again == (FILE, laptop.clock.seconds + ABSENCE)
        assert laptop.send() == []
        laptop.save()
        assert await laptop.sync() == []
    assert mirror(remote).keys() == {"", "d1", "d2"}


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_file_that_is_put_back_as_it_was_stays(
    tmp_path: Path, remote: Deployment, restarts: bool
) -> None:
    laptop = Yard(tmp_path, remote, "laptop", Kind.DOCUMENT)
    laptop.path.with_name("other.json").touch()
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    laptop.path.unlink()
    await laptop.sync()
    assert mirror(remote) == {}
    if restarts:
        laptop.restart()
    laptop.save()
    for _ in range(2):
        await laptop.sync()
    assert laptop.records().keys() == {"d1", "d2"}
    assert mirror(remote).keys() == {"", "d1", "d2"}


def folder_in_place(yard: Yard) -> None:
    """Have a folder take the place of a file that is not the only one."""
    yard.path.with_name("other.json").touch()
    yard.path.unlink(missing_ok=True)
    yard.path.mkdir()
    (yard.path / "below.tmp").touch()


async def test_a_folder_in_the_files_place_deletes_what_leaving_out_deletes(
    tmp_path: Path, remote: Deployment
) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, Kind.DOCUMENT) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    folder_in_place(laptop)
    await laptop.sync()
    assert laptop.ledger.attention.held(STORE) == {}
    assert mirror(remote) == {}
    await tower.sync()
    assert not tower.path.exists()


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_what_a_file_kept_out_is_named_once_it_is_gone(
    tmp_path: Path, remote: Deployment, where: str
) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, Kind.DOCUMENT) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.path.with_name("other.json").touch()
    below = FILE._replace(path=f"{FILE.path}/below.json")
    hold(tower.ledger, below, Hold("not-a-folder", "", ""), 0.0)
    if where == "here":
        tower.path.unlink()
        await tower.turn()
        turn = await tower.turn(ABSENCE)
    else:
        folder_in_place(laptop)
        await laptop.sync()
        tower.hear()
        turn = await tower.turn()
        assert not tower.path.exists()
    assert (below, 0.0) in turn.again


async def test_a_folder_in_the_place_of_deployments_is_held(
    laptop: Yard, remote: Deployment
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    folder_in_place(laptop)
    assert await laptop.sync() == []
    assert laptop.ledger.attention.held(STORE)[FILE.path].reason == "not-a-file"
    assert mirror(remote)["d1"] == deploy("d1")


async def test_an_edit_of_a_record_beats_a_folder_in_the_files_place(
    tmp_path: Path, remote: Deployment
) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, Kind.DOCUMENT) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    tower.put(deploy("d1", "success"))
    await tower.sync()
    folder_in_place(laptop)
    assert await laptop.sync() == []
    assert laptop.ledger.attention.held(STORE)[FILE.path].reason == "not-a-file"
    shutil.rmtree(laptop.path)
    for each in (laptop, tower, laptop):
        await each.sync()
    assert laptop.records() == tower.records() == {"d1": deploy("d1", "success")}


async def test_what_never_was_in_a_file_waits_for_a_folder_to_go(
    tmp_path: Path, remote: Deployment
) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, Kind.DOCUMENT) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"))
    await laptop.sync()
    folder_in_place(tower)
    for _ in range(3):
        assert await tower.sync() == []
    assert tower.ledger.attention.held(STORE)[FILE.path].reason == "not-a-file"
    assert mirror(remote)["d1"] == deploy("d1")
    shutil.rmtree(tower.path)
    await tower.sync()
    assert tower.records() == {"d1": deploy("d1")}


async def test_a_person_may_let_a_whole_file_go(laptop: Yard, tower: Yard) -> None:
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    laptop.path.unlink()
    await laptop.sync()
    _scan(laptop)
    assert laptop.guards.approve(STORE).deletions == 3
    sent = await laptop.sync()
    assert [intent.version for intent in sent] == [Tombstone()] * 3
    await tower.sync()
    tower.guards.approve(STORE)
    await tower.sync()
    assert not tower.path.exists()


async def test_what_a_person_let_go_is_not_let_go_again_once_it_is_back(laptop: Yard) -> None:
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    laptop.path.unlink()
    await laptop.sync()
    _scan(laptop)
    assert laptop.guards.approve(STORE).deletions == 3
    await laptop.sync()
    laptop.queue = ["d1"]
    laptop.put(deploy("d1", "success"), deploy("d2", "success"))
    await laptop.sync()
    assert mirror(laptop.remote).keys() == {"", "d1", "d2"}
    laptop.path.unlink()
    await laptop.sync()
    assert mirror(laptop.remote).keys() == {"", "d1", "d2"}


def _scan(yard: Yard) -> None:
    seen = yard.replica.scan()
    live = yard.ledger.entries.live(STORE)
    missing = {key: digest for key, digest in live if seen.missing(key.path)}
    yard.guards.scanned(STORE, seen.root, missing, 0)


async def test_many_records_left_out_at_once_wait(tmp_path: Path, remote: Deployment) -> None:
    laptop = Yard(tmp_path, remote, "laptop", Kind.DOCUMENT)
    laptop.put(*(deploy(f"d{n}") for n in range(40)))
    await laptop.sync()
    laptop.memory = laptop.memory[:5]
    laptop.put(deploy("d0", "success"))
    sent = await laptop.sync()
    assert [intent.key.record for intent in sent] == ["d0"]
    assert (STORE, Direction.TO_REMOTE) in laptop.ledger.attention.guards()
    assert len(laptop.records()) == 5, "what a person is asked about is not decided for them"
    laptop.guards.reject(STORE)
    await laptop.sync()
    assert len(laptop.records()) == 40


HELD = {
    "two with one id": {"deployments": [{"id": "a"}, {"id": "a"}]},
    "no list": {"queue": []},
    "no id": {"deployments": [{"name": "a"}]},
}


@pytest.mark.parametrize("why", HELD)
async def test_a_file_that_cannot_be_taken_apart_is_left_alone(
    laptop: Yard, tower: Yard, why: str
) -> None:
    laptop.put(deploy("a"))
    await laptop.sync()
    await tower.sync()
    laptop.path.write_text(json.dumps(HELD[why]))
    tower.put(deploy("b"))
    await tower.sync()
    before = laptop.path.read_bytes()
    assert await laptop.sync() == []
    assert laptop.path.read_bytes() == before
    assert laptop.ledger.attention.held(STORE)[FILE.path].reason == "not-records"
    laptop.save()
    await laptop.sync()
    assert laptop.ledger.attention.held(STORE) == {}
    assert laptop.records().keys() == {"a", "b"}


async def test_a_crash_after_the_write_and_before_its_commit(
    laptop: Yard, tower: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.put(deploy("d2"))
    await tower.sync()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    tower.hear()
    commit = tower.ledger.commit

    def fail(decisions: list[Decision], *rest: Any) -> object:
        if any(d.plan.reason is Reason.REWRITE for d in decisions):
            raise KeyboardInterrupt
        return commit(decisions, *rest)

    monkeypatch.setattr(tower.ledger, "commit", fail)
    with pytest.raises(KeyboardInterrupt):
        await tower.turn(70.0)
    assert tower.ledger.notes()
    tower.restart()
    # The program did not see what was written, and saves its memory.
    tower.put(deploy("d2", "building"))
    await tower.reconciler.recover()
    sent = await tower.sync()
    assert [intent.key.record for intent in sent] == ["d2"]
    assert tower.records()["d1"]["status"] == "success"
    assert tower.ledger.notes() == []


class Aside:
    """Where one save was put aside, and is told until it is released."""

    def __init__(self, body: bytes) -> None:
        save = LateSave(FILE.path, digest(body), None, digest(body), body, "mark")
        self.saves = [save]

    @property
    def empty(self) -> bool:
        return not self.saves

    def due(self, _now: float) -> list[LateSave]:
        return list(self.saves)

    def release(self, save: LateSave) -> None:
        self.saves.remove(save)


@pytest.mark.parametrize("met", [True, False])
async def test_a_save_that_a_write_met_is_not_taken_up_again_over_a_newer_one(
    laptop: Yard, monkeypatch: pytest.MonkeyPatch, met: bool
) -> None:
    laptop.put(deploy("d1", "running"))
    await laptop.sync()
    earlier = laptop.path.read_bytes()
    laptop.put(deploy("d1", "success"))
    await laptop.sync()
    if met:
        laptop.ledger.abandon(FILE, [digest(earlier)], laptop.clock.now())
    aside = Aside(earlier)
    monkeypatch.setattr(laptop.replica, "swapped", aside)
    intake = Intake(laptop.reconciler, laptop.clock)
    await Late(
        laptop.ledger, {STORE: laptop.replica}, laptop.reconciler, intake, laptop.clock
    ).look()
    monkeypatch.undo()
    assert aside.empty
    await laptop.sync()
    assert laptop.records()["d1"]["status"] == ("success" if met else "running")


async def test_old_versions_of_the_whole_file_do_not_pile_up(laptop: Yard, tower: Yard) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    await tower.sync()
    for status in ("building", "deploying", "success"):
        laptop.put(deploy("d1", status))
        await laptop.sync()
        await tower.sync()
    for _ in range(4):
        tower.clock.seconds += 61.0
        assert tower.swapped.due(tower.clock.monotonic()) == []
    assert list(tower.history.sizes()) == []
    former = [each for each in tower.ledger.past.page(0, 99) if each.path == f"{FILE.path}#d1"]
    bodies = [json.loads(tower.ledger.contents.get(each.digest) or b"{}") for each in former]
    assert [each["status"] for each in bodies] == ["pending", "building", "deploying"]


async def test_a_file_that_is_mirrored_whole_elsewhere_is_held(
    laptop: Yard, remote: Deployment
) -> None:
    whole = json.dumps({"deployments": [deploy("d1")], "queue": []}).encode()
    remote.push("other", [_creation(whole)])
    laptop.put(deploy("d2"))
    before = laptop.path.read_bytes()
    await laptop.sync()
    assert laptop.path.read_bytes() == before
    assert laptop.ledger.attention.held(STORE)[FILE.path].reason == "other-layout"
    assert remote.state.entries[FILE].body == whole


def _creation(body: bytes) -> Intent:
    content = Content(digest(body), len(body))
    operation = OperationId("0" * 32)
    return Intent(operation, FILE, Kind.DEPLOYMENT, Format.JSON, content, 0, None, body)


async def test_one_file_of_several_comes_back_and_deletes_nothing(
    laptop: Yard, remote: Deployment
) -> None:
    other = laptop.path.with_name("other.json")
    other.write_text(json.dumps({"deployments": [deploy("o1")], "queue": []}))
    laptop.put(deploy("d1"))
    await laptop.reconciler.consider([FILE._replace(path="other.json")])
    await laptop.sync()
    laptop.path.unlink()
    assert await laptop.sync() == []
    assert laptop.ledger.attention.guards() == {}
    assert laptop.records().keys() == {"d1"}
    assert "d1" in mirror(remote)


async def test_an_envelope_stays_while_a_record_does(tmp_path: Path, remote: Deployment) -> None:
    laptop, tower = (Yard(tmp_path, remote, name, Kind.DOCUMENT) for name in ("laptop", "tower"))
    laptop.put(deploy("d1"), deploy("d2"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.save()
    tower.put(deploy("d1", "success"))
    await tower.turn()
    laptop.path.unlink()
    await laptop.sync()
    _scan(laptop)
    laptop.guards.approve(STORE)
    await laptop.sync()
    for _ in range(3):
        await tower.sync()
        await laptop.sync()
    assert laptop.records() == tower.records() == {"d1": deploy("d1", "success")}


async def test_nothing_is_written_before_the_deployment_knows_the_ledger(
    laptop: Yard, tower: Yard
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    tower.hear()
    tower.guards.confirmed = False
    await tower.turn()
    tower.ledger.records.keep(FILE, part_of('{"deployments":[],"queue":[]}').content)
    await tower.turn()
    assert not tower.path.exists()
    tower.guards.confirmed = True
    await tower.turn()
    assert tower.records() == {"d1": deploy("d1")}


async def test_going_back_to_ones_own_earlier_value_is_an_edit(laptop: Yard, tower: Yard) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    laptop.put(deploy("d1", "building"))
    await laptop.sync()
    await tower.sync()
    tower.load()
    tower.put(deploy("d1", "building", healthCheckStatus="passing"))
    await tower.sync()
    await laptop.sync()
    laptop.put(deploy("d1"))
    for _ in range(2):
        await laptop.sync()
        await tower.sync()
    merged = deploy("d1", "pending", healthCheckStatus="passing")
    assert laptop.records()["d1"] == tower.records()["d1"] == merged


async def test_a_save_that_was_met_and_cannot_be_read_ends_no_daemon(
    laptop: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.put(deploy("d1"))
    await laptop.sync()
    met = laptop.swapped.keep(b"a save that a write met")

    def failing(digest: Digest) -> bytes | None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(laptop.swapped, "kept", failing)
    again = await laptop.reconciler._met(Performed(contested=[(FILE, (met,))]))
    assert again == [(FILE, 0.0)]
    assert laptop.ledger.past.known(FILE, met, CONTESTED), "a person finds it in history"
