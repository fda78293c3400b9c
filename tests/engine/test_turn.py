"""Turns on real files and a real ledger, with news told by hand and a clock that stands still."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from syncd.core.decision import Decision, Heard
from syncd.core.doubt import ABSENCE, PATIENCE
from syncd.core.model import (
    INLINE_LIMIT,
    TOMBSTONE,
    Applied,
    Content,
    Digest,
    Intent,
    Key,
    Kind,
    Snapshot,
)
from syncd.engine.stops.guards import Guards
from syncd.engine.turns import combine
from syncd.engine.turns.decide import Turn
from syncd.engine.turns.merging import MERGED_HERE
from syncd.engine.turns.turn import Reconciler
from syncd.engine.turns.writer import Performed
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.ledger.claimable import Claim
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord
from syncd.stores.layout import Layout
from syncd.stores.merge import Merge, merge

KEY = Key("flows", "a.json")


class StandingClock:
    """Time moves when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds

    def read_ns(self) -> int:
        return time.time_ns()


class Desk:
    """One machine's files, ledger and reconciler, and a deployment that a test plays."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "flows"
        self.files.mkdir(exist_ok=True)
        self.history = History(folder / "history")
        self.swapped = Swapped(folder / "swapped", self.history)
        self.clock = StandingClock()
        self.ledger = Ledger.open(folder / "ledger.db")
        self.replica = FileReplica(self.files, Kind.WORKFLOW, Layout(("*.json",), ()), self.swapped)
        with self.ledger.transaction():
            self.ledger.places.record_store(
                "flows", StoreRecord("", self.replica.identity(), bootstrapped=True)
            )
        self.stores = {"flows": self.replica}
        guards = Guards(self.ledger, self.stores, self.clock)
        self.reconciler = Reconciler(self.ledger, self.stores, guards, self.clock)
        self.revision = 0

    @property
    def path(self) -> Path:
        return self.files / KEY.path

    async def turn(self) -> Turn:
        return await self.reconciler.consider([KEY])

    def told(self, body: bytes | None) -> Snapshot:
        """Another machine's write is heard."""
        self.revision += 1
        version = TOMBSTONE if body is None else content(body)
        snapshot = Snapshot(self.revision, version, self.revision)
        self.ledger.hear([Heard(KEY, snapshot, "other", body)], None)
        return snapshot

    def sent(self) -> bytes | None:
        """What is queued is accepted by the deployment; its bytes."""
        (intent,) = self.ledger.claim(Claim(10, 1 << 20, []))
        self.answer(intent)
        return intent.body

    def answer(self, intent: Intent) -> None:
        """The deployment accepts what was sent."""
        assert intent.expect_revision == self.revision
        self.revision += 1
        answer = Applied(self.revision, self.revision)
        self.ledger.acknowledge([(intent, answer)], "me", 0.0)

    async def agreed(self, body: bytes) -> None:
        """Both sides hold `body`, which a program wrote here."""
        self.path.write_bytes(body)
        await self.turn()
        self.sent()

    def conflicts(self) -> int:
        with self.ledger.transaction() as connection:
            return int(connection.execute("SELECT count(*) FROM conflicts").fetchone()[0])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.ledger.close()


def content(body: bytes) -> Content:
    return Content(Digest(hashlib.sha256(body).hexdigest()), len(body))


def flow(**fields: object) -> bytes:
    return json.dumps({"id": "w", **fields}, indent=2).encode()


async def test_a_save_is_queued_and_what_is_agreed_is_left_alone(desk: Desk) -> None:
    desk.path.write_bytes(flow(name="one"))
    assert (await desk.turn()).queued
    assert desk.sent() == flow(name="one")
    assert await desk.turn() == Turn()


async def test_news_is_written_and_the_old_bytes_are_in_history(desk: Desk) -> None:
    await desk.agreed(flow(name="one"))
    desk.told(flow(name="two"))
    await desk.turn()
    assert desk.path.read_bytes() == flow(name="two")
    assert desk.history.get(content(flow(name="one")).digest) == flow(name="one")
    assert await desk.turn() == Turn(), "our own write is no news"


async def test_a_deletion_there_moves_the_file_into_history(desk: Desk) -> None:
    await desk.agreed(flow(name="one"))
    desk.told(None)
    await desk.turn()
    assert not desk.path.exists()
    assert desk.history.get(content(flow(name="one")).digest) == flow(name="one")


async def test_a_deletion_here_is_believed_at_the_second_look(desk: Desk) -> None:
    (desk.files / "other.json").write_bytes(b"{}")
    await desk.agreed(flow(name="one"))
    desk.path.unlink()
    first = await desk.turn()
    assert first.again == [(KEY, desk.clock.seconds + ABSENCE)]
    desk.clock.seconds += ABSENCE
    assert (await desk.turn()).queued
    assert desk.sent() is None


async def test_edits_of_different_fields_are_merged_on_both_sides(desk: Desk) -> None:
    await desk.agreed(flow(name="one", status="draft"))
    desk.path.write_bytes(flow(name="mine", status="draft"))
    desk.told(flow(name="one", status="running"))
    await desk.turn()
    assert desk.path.read_bytes() == flow(name="mine", status="running")
    assert desk.sent() == flow(name="mine", status="running")
    assert desk.conflicts() == 0


@pytest.mark.parametrize(("size", "here"), [(10, True), (MERGED_HERE + 1, False)])
async def test_long_texts_are_merged_off_the_event_loop(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, size: int, here: bool
) -> None:
    threads: list[int] = []

    def seen(*sides: Any) -> Merge:
        threads.append(threading.get_ident())
        return merge(*sides)

    monkeypatch.setattr(combine, "merge", seen)
    filler = "x" * size
    await desk.agreed(flow(a=1, b=1, filler=filler))
    desk.told(flow(a=1, b=2, filler=filler))
    desk.path.write_bytes(flow(a=2, b=1, filler=filler))
    await desk.turn()
    assert desk.path.read_bytes() == flow(a=2, b=2, filler=filler)
    assert {thread == threading.get_ident() for thread in threads} == {here}


async def test_the_file_wins_a_clash_and_the_rest_is_merged(desk: Desk) -> None:
    await desk.agreed(flow(name="one", status="draft"))
    desk.path.write_bytes(flow(name="mine", status="draft"))
    theirs = flow(name="theirs", status="running")
    desk.told(theirs)
    await desk.turn()
    assert desk.path.read_bytes() == flow(name="mine", status="running")
    assert desk.sent() == flow(name="mine", status="running")
    assert desk.conflicts() == 1
    assert desk.ledger.contents.get(content(theirs).digest) == theirs


async def test_first_contact_of_strangers_keeps_the_file_and_lists_the_other(desk: Desk) -> None:
    desk.path.write_bytes(b'{"id": "mine"}')
    desk.told(b'{"id": "theirs"}')
    await desk.turn()
    assert desk.path.read_bytes() == b'{"id": "mine"}'
    assert desk.sent() == b'{"id": "mine"}'
    assert desk.conflicts() == 1


async def test_what_was_made_anew_on_both_sides_is_merged_like_what_never_met(desk: Desk) -> None:
    await desk.agreed(flow(name="one"))
    desk.told(None)
    await desk.turn()
    desk.told(flow(name="anew", theirs=1))
    desk.path.write_bytes(flow(name="anew", ours=1))
    await desk.turn()
    assert json.loads(desk.sent() or b"") == json.loads(flow(name="anew", theirs=1, ours=1))
    assert desk.conflicts() == 0


async def test_edits_of_what_was_agreed_on_are_not_merged_without_its_bytes(desk: Desk) -> None:
    # Longer texts are payloads, and the ledger keeps none.
    desk.path.write_bytes(long := flow(name="one", gone="x" * INLINE_LIMIT))
    desk.revision += 1
    agreed = Snapshot(desk.revision, content(long), desk.revision)
    desk.ledger.hear([Heard(KEY, agreed, "other", None)], None)
    await desk.turn()
    desk.told(flow(name="one", theirs=1))
    desk.path.write_bytes(flow(name="one", ours=1))
    await desk.turn()
    assert desk.sent() == flow(name="one", ours=1)
    assert desk.conflicts() == 1


async def test_a_remote_version_whose_bytes_are_not_here_is_fetched_first(desk: Desk) -> None:
    await desk.agreed(flow(name="one"))
    desk.revision += 1
    unseen = Snapshot(desk.revision, content(flow(name="two")), desk.revision)
    desk.ledger.hear([Heard(KEY, unseen, "other", None)], None)
    assert (await desk.turn()).wanted == [KEY]
    desk.path.write_bytes(flow(name="mine"))
    assert (await desk.turn()).wanted == [KEY], "a conflict needs the bytes that lose"


async def test_a_save_from_an_old_buffer_lists_what_it_did_not_know(desk: Desk) -> None:
    await desk.agreed(flow(name="one", status="draft"))
    desk.told(flow(name="one", status="running"))
    await desk.turn()
    desk.path.write_bytes(flow(name="mine", status="draft"))  # the editor had the first version
    await desk.turn()
    assert desk.sent() == flow(name="mine", status="draft"), "the file wins as always"
    assert desk.conflicts() == 1


async def test_an_old_buffer_of_what_has_no_fields_lists_what_it_did_not_know(desk: Desk) -> None:
    await desk.agreed(b"[1,\n2,\n3]")
    desk.told(b"[1,\n2,\n4]")
    await desk.turn()
    desk.path.write_bytes(b"[0,\n2,\n3]")
    await desk.turn()
    assert desk.sent() == b"[0,\n2,\n3]"
    assert desk.conflicts() == 1


async def test_a_save_that_knew_what_we_wrote_lists_nothing(desk: Desk) -> None:
    await desk.agreed(flow(name="one", status="draft"))
    desk.told(flow(name="one", status="running"))
    await desk.turn()
    desk.path.write_bytes(flow(name="mine", status="running"))
    await desk.turn()
    assert desk.sent() == flow(name="mine", status="running")
    assert desk.conflicts() == 0


async def test_nothing_is_acted_on_before_the_answer_is_in(desk: Desk) -> None:
    await desk.agreed(flow(name="one"))
    desk.path.write_bytes(flow(name="mine"))
    await desk.turn()
    (intent,) = desk.ledger.claim(Claim(10, 1 << 20, []))
    desk.told(flow(name="theirs"))
    desk.path.write_bytes(flow(name="mine, later"))
    await desk.turn()
    assert desk.path.read_bytes() == flow(name="mine, later")
    assert desk.ledger.outbox.unanswered() == [intent]
    assert desk.ledger.view(KEY).base == Snapshot(1, content(flow(name="one")))


def claims_in_the_middle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[Intent]:
    """What the pusher claims while a turn is between looking and committing."""
    claimed: list[Intent] = []
    write = desk.reconciler.writer.write

    async def meanwhile(decisions: Sequence[Decision]) -> Performed:
        claimed.extend(desk.ledger.claim(Claim(10, 1 << 20, [])))
        return await write(decisions)

    monkeypatch.setattr(desk.reconciler.writer, "write", meanwhile)
    return claimed


async def test_what_is_queued_is_not_claimed_while_its_key_has_news(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agreed(flow(name="one"))
    desk.path.write_bytes(flow(name="mine"))
    await desk.turn()
    desk.told(flow(name="theirs"))
    desk.path.write_bytes(flow(name="one"))
    claimed = claims_in_the_middle(desk, monkeypatch)
    await desk.turn()
    assert desk.path.read_bytes() == flow(name="theirs")
    await desk.turn()
    assert claimed == []
    assert desk.ledger.outbox.count() == {}, "what came from there is not sent back"


async def test_a_save_undone_while_it_is_claimed_is_undone_there_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agreed(flow(name="one"))
    desk.path.write_bytes(flow(name="mine"))
    await desk.turn()
    desk.path.write_bytes(flow(name="one"))
    claimed = claims_in_the_middle(desk, monkeypatch)
    assert (await desk.turn()).again == [(KEY, 0.0)]
    (intent,) = claimed
    await desk.turn()
    desk.answer(intent)
    assert desk.sent() == flow(name="one")


def sends_in_the_middle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is queued is sent and answered while the next turn is between looking and committing."""
    write = desk.reconciler.writer.write

    async def meanwhile(decisions: Sequence[Decision]) -> Performed:
        monkeypatch.undo()
        desk.sent()
        return await write(decisions)

    monkeypatch.setattr(desk.reconciler.writer, "write", meanwhile)


async def test_a_save_after_one_that_is_answered_meanwhile_follows_that(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agreed(flow(count=0))
    desk.path.write_bytes(flow(count=1))
    await desk.turn()
    desk.path.write_bytes(flow(count=2))
    sends_in_the_middle(desk, monkeypatch)
    await desk.turn()
    assert desk.ledger.view(KEY).base == Snapshot(2, content(flow(count=1))), "it never goes back"
    await desk.turn()
    assert desk.sent() == flow(count=2), "its own save is not merged into it once more"
    assert desk.conflicts() == 0


async def test_a_save_undone_while_it_is_answered_is_undone_there_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.agreed(flow(name="one"))
    desk.path.write_bytes(flow(name="mine"))
    await desk.turn()
    desk.path.write_bytes(flow(name="one"))
    sends_in_the_middle(desk, monkeypatch)
    assert (await desk.turn()).again == [(KEY, 0.0)]
    await desk.turn()
    assert desk.path.read_bytes() == flow(name="one"), "it is not written over by what it undid"
    assert desk.sent() == flow(name="one")


@pytest.mark.parametrize("known", [True, False], ids=["an edit", "a new file"])
async def test_what_is_answered_while_it_is_looked_at_again_is_not_sent_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    if known:
        await desk.agreed(flow(count=0))
    desk.path.write_bytes(flow(count=1))
    await desk.turn()
    desk.path.write_bytes(flow(count=1))
    sends_in_the_middle(desk, monkeypatch)
    await desk.turn()
    sent = Snapshot(desk.revision, content(flow(count=1)), desk.revision)
    assert desk.ledger.view(KEY).base == sent, "it never goes back"
    await desk.turn()
    assert desk.ledger.outbox.count() == {}
    desk.path.write_bytes(flow(count=2))
    await desk.turn()
    assert desk.sent() == flow(count=2)
    assert desk.conflicts() == 0


async def test_a_half_written_file_is_retried_then_held_and_released_when_whole(
    desk: Desk,
) -> None:
    await desk.agreed(flow(name="one"))
    desk.path.write_bytes(b'{"id": "w", "na')
    for pause in PATIENCE:
        assert (await desk.turn()).again == [(KEY, desk.clock.seconds + pause)]
        desk.clock.seconds += pause
    await desk.turn()
    assert desk.ledger.attention.held("flows").keys() == {"a.json"}
    desk.told(flow(name="two"))
    await desk.turn()
    assert desk.path.read_bytes() == b'{"id": "w", "na', "never overwritten"
    desk.path.write_bytes(flow(name="mine"))
    await desk.turn()
    assert desk.ledger.attention.held("flows") == {}


async def test_what_is_kept_out_is_held_only_while_the_deployment_has_it(desk: Desk) -> None:
    """A folder has one file's name; of the other a file has the name of its folder."""
    keys = [KEY, Key("flows", "b.json/in.json")]
    desk.path.mkdir()
    (desk.path / "in.tmp").touch()
    (desk.files / "b.json").write_bytes(flow(name="in the way"))
    for number, body in enumerate([flow(name="one"), None], start=1):
        version = TOMBSTONE if body is None else content(body)
        snapshot = Snapshot(number, version, number)
        desk.ledger.hear([Heard(key, snapshot, "other", body) for key in keys], None)
        await desk.reconciler.consider(keys)
        held = {key.path for key in keys} if body is not None else set()
        assert desk.ledger.attention.held("flows").keys() == held
    assert [desk.ledger.view(key).base for key in keys] == [snapshot, snapshot]


@pytest.mark.parametrize("below", [None, "in.tmp"])
async def test_a_folder_in_the_place_of_a_file_is_believed_at_the_second_look(
    desk: Desk, below: str | None
) -> None:
    await desk.agreed(flow(name="one"))
    desk.path.unlink()
    desk.path.mkdir()
    if below:
        (desk.path / below).touch()
    assert not (await desk.turn()).queued
    desk.clock.seconds += ABSENCE
    assert (await desk.turn()).queued
    assert desk.ledger.outbox.count() == {"queued": 1}
    assert desk.ledger.attention.reason(KEY) is None
    assert desk.path.is_dir()


async def test_paths_outside_the_store_are_not_even_looked_at(desk: Desk, tmp_path: Path) -> None:
    outside = tmp_path / "secret.json"
    outside.write_bytes(b"{}")
    hostile = Key("flows", "../secret.json")
    body = b'{"evil": true}'
    desk.ledger.hear([Heard(hostile, Snapshot(1, content(body), 1), "other", body)], None)
    await desk.reconciler.consider([hostile])
    assert outside.read_bytes() == b"{}"
    assert not desk.ledger.outbox.count()
