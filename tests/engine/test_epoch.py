"""Ledger and deployment part and meet again: nothing is deleted, nothing newer is undone."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.core.epoch import End, ended, rebase
from syncd.core.model import TOMBSTONE, Content, Digest, Key, Snapshot, Witness
from syncd.core.news import Welcome
from syncd.engine.exchange.link import AnotherDeployment
from syncd.ledger.epochs import Review
from syncd.ledger.ledger import CONTESTED
from syncd.ledger.places import SUCCESSOR
from syncd.ledger.state import StateFolder

from .fakes import Machine, deployment, digest

WITNESS = Witness(Key("s", "p"), 1, digest(b"x"))


def welcome(
    seen: int, broken: tuple[Witness, ...] = (), *, behind: bool = False, missed: bool = False
) -> Welcome:
    return Welcome("d", "device", "name", seen, broken, behind, missed)


@pytest.mark.parametrize(
    ("answer", "end"),
    [
        (welcome(4), None),
        (welcome(3), None),
        (welcome(5), End.OLD_COPY),
        (welcome(9), End.OLD_COPY),
        (welcome(2), End.RESTORED),
        (welcome(4, (WITNESS,)), End.RESTORED),
        (welcome(4, behind=True), End.RESTORED),
        (welcome(5, (WITNESS,)), End.OLD_COPY),
        (welcome(3, missed=True), End.OLD_COPY),
        (welcome(2, missed=True), End.RESTORED),
    ],
)
def test_what_ends_an_epoch(answer: Welcome, end: End | None) -> None:
    assert ended(answer, start=5, answered=3) is end


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize("agreed", [None, digest(b"a"), digest(b"b")])
def test_a_file_that_is_not_there_is_never_a_reason_to_delete(
    agreed: Digest | None, present: bool
) -> None:
    there = Snapshot(7, Content(digest(b"a"), 1))
    former = {digest(b"c")}
    base = rebase(agreed, there, former, present=present)
    assert base == (there if present and agreed == digest(b"a") else None)
    assert rebase(agreed, Snapshot(7, TOMBSTONE), former, present=present) is None


async def synced(folder: Path) -> Machine:
    machine = Machine(folder / "laptop", deployment())
    machine.save(a="first", b="other")
    await machine.sync()
    assert machine.mirror() == {"a": "first", "b": "other"}
    return machine


async def test_a_restored_deployment_is_written_over_with_what_is_newer(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    backup = machine.deployment.backup()
    machine.save(a="second", c="new since")
    await machine.sync()
    machine.deployment.restore(backup)
    await machine.sync()
    assert machine.mirror() == machine.tree() == {"a": "second", "b": "other", "c": "new since"}
    assert conflicts(machine) == 0


async def test_what_a_restore_led_to_is_to_be_looked_at_until_it_is_settled(
    tmp_path: Path,
) -> None:
    machine = await synced(tmp_path)
    assert review(machine) is None
    backup = machine.deployment.backup()
    machine.save(a="second")
    await machine.sync()
    machine.deployment.restore(backup)
    await machine.sync()
    found = review(machine)
    assert found is not None
    assert found.why == End.RESTORED.value
    ledger = machine.ledger()
    await machine.session(ledger).end_review()
    ledger.close()
    assert review(machine) is None


def review(machine: Machine) -> Review | None:
    ledger = machine.ledger()
    try:
        return ledger.epochs.review()
    finally:
        ledger.close()


async def test_what_came_back_twice_with_a_restored_deployment_is_still_older(
    tmp_path: Path,
) -> None:
    machine = Machine(tmp_path / "laptop", deployment())
    other = Machine(tmp_path / "other", machine.deployment, "other")
    machine.save(a="past")
    await machine.sync()
    await other.sync()
    backup = machine.deployment.backup()
    machine.save(a="newer")
    await machine.sync()
    await other.sync()
    machine.deployment.restore(backup)
    await machine.sync()
    assert machine.mirror() == {"a": "newer"}, "the past was agreed on once more, and written over"
    machine.deployment.restore(backup)
    machine.delete("a")
    await machine.sync()
    assert machine.tree() == {"a": "past"}
    machine.deployment.restore(backup)
    await other.sync()
    await machine.sync()
    assert conflicts(machine) == 1, "what is newer was written over without a word"


async def test_what_somebody_deleted_and_a_restore_brings_back_gives_way_to_what_came_after_it(
    tmp_path: Path,
) -> None:
    machine = await synced(tmp_path)
    other = Machine(tmp_path / "other", machine.deployment, "other")
    await other.sync()
    machine.save(a="second")
    await machine.sync()
    backup = machine.deployment.backup()
    machine.delete("a")
    await machine.sync()
    other.save(a="of the first, unaware of all that")
    await other.sync()
    await machine.sync()
    machine.deployment.restore(backup)
    await machine.sync()
    # Who wrote it had not read the second. That was deleted by then, and is not brought back.
    assert machine.mirror()["a"] == machine.tree()["a"] == "of the first, unaware of all that"
    assert conflicts(machine) == 0


async def test_what_was_deleted_comes_back_with_a_restored_deployment(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    backup = machine.deployment.backup()
    machine.delete("a")
    await machine.sync()
    assert machine.mirror() == {"b": "other"}
    machine.deployment.restore(backup)
    await machine.sync()
    assert machine.mirror() == machine.tree() == {"a": "first", "b": "other"}


async def test_what_came_back_with_a_restored_deployment_is_not_newer_than_what_it_forgot(
    tmp_path: Path,
) -> None:
    machine = await synced(tmp_path)
    backup = machine.deployment.backup()
    machine.save(a="second")
    await machine.sync()
    other = Machine(tmp_path / "other", machine.deployment, "other")
    await other.sync()
    machine.delete("a")
    for _ in range(2):
        machine.deployment.restore(backup)
        await machine.sync()
        assert machine.tree()["a"] == "first"
        await other.sync()
    assert machine.mirror()["a"] == "second"
    # Once more the two have parted, and here lies what is older by now.
    machine.deployment.restore(backup)
    await other.sync()
    await machine.sync()
    assert conflicts(machine) == 1, "the newer version is listed where the older goes over it"


async def test_a_text_that_only_history_holds_here_comes_back_without_file_storage(
    tmp_path: Path,
) -> None:
    machine = await synced(tmp_path)
    machine.replica().swapped.keep(b"first")
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        ledger.epochs.suspect()
        connection.execute("DELETE FROM contents")
    ledger.close()
    machine.delete("a")
    await machine.sync()
    assert machine.mirror() == machine.tree() == {"a": "first", "b": "other"}


async def test_a_deployment_restored_to_nothing_takes_no_file_away(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "laptop", deployment())
    backup = machine.deployment.backup()
    machine.save(a="first", b="other")
    await machine.sync()
    machine.deployment.restore(backup)
    await machine.sync()
    assert machine.mirror() == machine.tree() == {"a": "first", "b": "other"}


async def test_queued_bytes_of_the_former_epoch_are_in_history(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    backup = machine.deployment.backup()
    machine.save(a="second")
    await machine.sync()
    machine.save(a="third, queued only")
    ledger = machine.ledger()
    session = machine.session(ledger)
    await session._reconciler.consider([Key("notes", "a.txt")])
    assert ledger.outbox.count() == {"queued": 1}
    ledger.close()
    machine.save(a="fourth")
    machine.deployment.restore(backup)
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        # As when the save of the fourth came before anybody read it.
        connection.execute("UPDATE files SET digest = ? WHERE path = 'a.txt'", (digest(b"4"),))
    ledger.close()
    await machine.sync()
    assert machine.mirror()["a"] == "fourth"
    assert "third, queued only" in machine.kept()


async def test_a_restore_while_it_runs_is_seen_before_its_news_is_acted_on(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    backup = machine.deployment.backup()
    machine.save(a="second")
    await machine.sync()
    ledger = machine.ledger()
    session = machine.session(ledger)
    running = asyncio.create_task(session.run(lambda _: None))
    try:
        await until(lambda: session.gauge().named == 0 and session.guards.confirmed)
        machine.deployment.restore(backup)
        session.wake()
        await until(lambda: machine.mirror().get("a") == "second")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        ledger.close()
    assert machine.tree() == {"a": "second", "b": "other"}


async def test_an_old_copy_of_the_ledger_undoes_nothing(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    old = tmp_path / "old.db"
    shutil.copy(machine.ledger_path, old)
    other = Machine(tmp_path / "other", machine.deployment, "other")
    await other.sync()
    other.save(a="theirs, newer")
    other.delete("b")
    await other.sync()
    await machine.sync()
    machine.save(c="ours, newer")
    await machine.sync()
    nonce = nonce_of(machine)
    shutil.copy(old, machine.ledger_path)
    await machine.sync()
    assert nonce_of(machine) != nonce, "the other copy may still run under the old name"
    assert machine.tree() == machine.mirror() == {"a": "theirs, newer", "c": "ours, newer"}


async def test_notes_of_an_old_copy_are_not_settled(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        # An old copy, made while "past" was being written over "first".
        connection.execute(
            "INSERT INTO notes VALUES ('notes', 'a.txt', '.syncd-a', 1, ?, ?, 2, ?, 4, NULL)",
            (digest(b"first"), digest(b"past"), digest(b"past")),
        )
    ledger.close()
    shutil.copy(machine.ledger_path, tmp_path / "old.db")
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        connection.execute("DELETE FROM notes")
    ledger.close()
    for body in ("second", "third"):
        machine.save(a=body)
        await machine.sync()
    shutil.copy(tmp_path / "old.db", machine.ledger_path)
    ledger = machine.ledger()
    session = machine.session(ledger)
    with capture_logs() as told:
        running = asyncio.create_task(session.run(lambda _: None))
        await until(lambda: session.guards.confirmed and session.gauge().named == 0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert "recovered_note" not in {line["event"] for line in told}
    assert ledger.notes() == []
    ledger.close()
    assert machine.tree()["a"] == machine.mirror()["a"] == "third"


async def test_what_an_old_copy_was_about_to_write_is_not_taken_for_written(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    other = Machine(tmp_path / "other", machine.deployment, "other")
    await other.sync()
    other.save(a="theirs")
    await other.sync()
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        # An old copy, made while "theirs" was about to be written. It never was: a program had the
        # file open. Its temporary name is gone, which under a true note would say that it was.
        connection.execute(
            "INSERT INTO notes VALUES ('notes', 'a.txt', '.syncd-a', 1, ?, ?, 2, ?, 6, NULL)",
            (digest(b"first"), digest(b"theirs"), digest(b"theirs")),
        )
    ledger.close()
    shutil.copy(machine.ledger_path, tmp_path / "old.db")
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        connection.execute("DELETE FROM notes")
    await machine.session(ledger)._online.link._hello()  # type: ignore[union-attr]
    ledger.close()
    shutil.copy(tmp_path / "old.db", machine.ledger_path)
    machine.save(a="ours, unaware")
    await machine.sync()
    assert machine.mirror()["a"] == "ours, unaware"
    assert conflicts(machine) == 1, "what it did not know is listed"


async def test_another_deployment_takes_another_ledger_and_the_first_is_found_again(
    tmp_path: Path,
) -> None:
    machine = await synced(tmp_path)
    first = machine.deployment
    machine.remote.deployment = deployment(seed=1)
    with pytest.raises(AnotherDeployment) as raised:
        await machine.sync()
    assert raised.value.deployment == machine.deployment.name
    assert machine.tree() == {"a": "first", "b": "other"}
    assert first.name != machine.deployment.name


async def test_a_save_that_a_write_met_is_taken_up_before_another_ledger_is(tmp_path: Path) -> None:
    machine = await synced(tmp_path)
    machine.save(a="newest")
    (machine.files / ".syncd-a").write_text("met")
    ledger = machine.ledger()
    with ledger.transaction() as connection:
        # Cut short: "past" was written over "first", met a save, and was saved over again.
        connection.execute(
            "INSERT INTO notes VALUES ('notes', 'a.txt', '.syncd-a', 1, ?, ?, 2, ?, 4, NULL)",
            (digest(b"first"), digest(b"past"), digest(b"past")),
        )
    ledger.close()
    machine.remote.deployment = deployment(seed=1)
    with pytest.raises(AnotherDeployment):
        await machine.sync()
    ledger = machine.ledger()
    assert ledger.notes() == []
    assert ledger.past.known(Key("notes", "a.txt"), digest(b"met"), CONTESTED)
    ledger.close()


def test_a_url_leads_to_the_ledger_of_the_deployment_behind_it(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.open()
    paths = []
    for name in ("one", "two"):
        state.rebind("http://x", "w", name)
        ledger = state.open_ledger("http://x", "w")
        with ledger.transaction():
            ledger.places.put("deployment", name)
        ledger.close()
        paths.append(state.ledger_path("http://x", "w"))
    assert paths[0] != paths[1]
    state.rebind("http://x", "w", "one")
    assert state.ledger_path("http://x", "w") == paths[0]
    state.rebind("http://x", "v", "one")
    assert state.ledger_path("http://x", "v") not in paths, "another workspace, another ledger"
    state.close()


@pytest.mark.parametrize("damage", ["header", "pages"])
def test_a_damaged_ledger_is_put_aside_and_a_fresh_one_made(tmp_path: Path, damage: str) -> None:
    state = StateFolder(tmp_path / "state")
    state.open()
    ledger = state.open_ledger("http://x", "w")
    path = state.ledger_path("http://x", "w")
    assert path is not None
    with ledger.transaction() as connection:
        for number in range(500):
            connection.execute("INSERT INTO meta VALUES (?, 'x')", (f"name {number:050}",))
    ledger.close()
    body = bytearray(path.read_bytes())
    if damage == "header":
        body[:100] = b"x" * 100
    else:
        body[-8192:] = b"x" * 8192
        path.with_name(path.name + "-wal").write_bytes(b"of an end that was none")
    path.write_bytes(body)
    fresh = state.open_ledger("http://x", "w")
    assert fresh.places.get("name " + "0" * 50) is None
    fresh.close()
    assert state.ledger_path("http://x", "w") != path
    assert path.with_name(path.name + ".damaged").read_bytes() == body
    state.close()


def test_a_ledger_knows_whether_another_was_here_before(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.open()
    first = state.open_ledger("http://x", "w")
    assert first.places.get(SUCCESSOR) is None
    first.close()
    again = state.open_ledger("http://x", "w")
    assert again.places.get(SUCCESSOR) is None, "it is the same one"
    again.close()
    path = state.ledger_path("http://x", "w")
    assert path is not None
    path.unlink()
    second = state.open_ledger("http://x", "w")
    assert second.places.get(SUCCESSOR) is not None
    second.close()
    state.close()


def test_a_ledger_of_another_state_folder_is_not_believed(tmp_path: Path) -> None:
    there, here = StateFolder(tmp_path / "there"), StateFolder(tmp_path / "here")
    for state in (there, here):
        state.open()
        ledger = state.open_ledger("http://x", "w")
        with ledger.transaction():
            ledger.places.put("whose", state.path.name)
        ledger.close()
        state.close()
    source, target = there.ledger_path("http://x", "w"), here.ledger_path("http://x", "w")
    assert source is not None
    assert target is not None
    shutil.copy(source, target)
    opened = here.open_ledger("http://x", "w")
    assert opened.places.get("whose") is None
    opened.close()
    assert target.exists()


def nonce_of(machine: Machine) -> str | None:
    ledger = machine.ledger()
    try:
        return ledger.places.get("nonce")
    finally:
        ledger.close()


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(("after", "listed"), [("second", 0), ("third", 1)])
async def test_a_whole_state_folder_put_back_with_no_hello_since_undoes_nothing(
    tmp_path: Path, after: str, listed: int, told: bool
) -> None:
    """The number of its start and what it was marked with are as it says.

    Nobody can tell, unless the deployment was `told` meanwhile how far the ledger had passed.
    """
    machine = await synced(tmp_path)
    machine.save(c="to be deleted")
    await machine.sync()
    copy = shutil.copy(machine.ledger_path, tmp_path / "copy.db")
    state = machine.deployment.state
    starts, ledgers = dict(state.starts), list(state.passed)
    other = Machine(tmp_path / "other", machine.deployment, "other")
    await other.sync()
    other.save(b="theirs")
    await other.sync()
    machine.save(a="second", d="new since")
    machine.delete("c")
    await machine.sync()
    ledger = machine.ledger()
    state.passed.update({which: int(ledger.passing.place or 0) for which in ledgers if told})
    ledger.close()
    state.starts.update(starts)
    shutil.copy(copy, machine.ledger_path)
    machine.save(a=after)
    await machine.sync()
    assert machine.mirror() == machine.tree() == {"a": after, "b": "theirs", "d": "new since"}
    assert (review(machine) is not None) is told
    assert conflicts(machine) == listed


def conflicts(machine: Machine) -> int:
    ledger = machine.ledger()
    try:
        with ledger.transaction() as connection:
            return int(connection.execute("SELECT count(*) FROM conflicts").fetchone()[0])
    finally:
        ledger.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it is another object's word, not an event
            await asyncio.sleep(0.01)
