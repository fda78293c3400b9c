"""The control channel on a real socket, and what is done for commands on real files."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import stat
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from syncd.beside import acts_alone
from syncd.config import Config, load
from syncd.control import channel, client
from syncd.control.acts import Acts
from syncd.control.channel import SOCKET, Act, Channel, address_in
from syncd.control.deciding import TOGETHER
from syncd.control.desk import Desk
from syncd.control.messages import (
    LISTED,
    Answer,
    AnyRequest,
    Approve,
    Done,
    Pause,
    Ping,
    Question,
    Resolve,
    Restore,
    RestoreMany,
    Resume,
    Retry,
    Undo,
)
from syncd.core.decision import Write
from syncd.core.guard import Direction, Guard
from syncd.core.model import Conflict, Content, Digest, Hold, Key, Refused, Snapshot
from syncd.core.writing import Note
from syncd.errors import AnotherInstance, ConfigError, LedgerError, NotReachable
from syncd.files.history import History
from syncd.files.replica import FileReplica
from syncd.ledger.ledger import Ledger
from syncd.ledger.places import StoreRecord
from syncd.ledger.state import StateFolder
from syncd.opening import place_of

from .ledger.test_ledger import claim, content, push

KEY = Key("flows", "a.json")


async def agree(request: AnyRequest) -> Answer:
    return Answer(done=[Done(key="all", what=request.command)])


@asynccontextmanager
async def listening(folder: Path, act: Act = agree, uid: int | None = None) -> AsyncIterator[None]:
    task = asyncio.create_task(Channel(folder, act, uid).run())
    while not _accepts(folder):
        await asyncio.sleep(0.001)
        assert not task.done()
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert not (folder / SOCKET).exists()


def _accepts(folder: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe, address_in(folder) as address:
        return probe.connect_ex(address) == 0


async def said(folder: Path, line: bytes) -> bytes:
    """What the daemon answers to raw bytes; empty when it hangs up."""
    with address_in(folder) as address:
        reader, writer = await asyncio.open_unix_connection(address)
    try:
        writer.write(line)
        await writer.drain()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_is_answered_and_the_socket_is_for_its_owner_only(tmp_path: Path) -> None:
    async with listening(tmp_path):
        assert stat.S_IMODE((tmp_path / SOCKET).stat().st_mode) == 0o600
        answer = await client.ask(tmp_path, Approve(store=None))
        assert answer == Answer(done=[Done(key="all", what="approve")])


async def test_a_folder_deeper_than_an_address_is_reached_all_the_same(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 90) / ("e" * 90)
    deep.mkdir(parents=True)
    async with listening(deep):
        assert (await client.ask(deep, Approve(store=None))).done
    assert len(os.fsencode(tmp_path / SOCKET)) < 107, "the other tests bind directly"


async def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    assert not _accepts(tmp_path)
    async with listening(tmp_path):
        assert (await client.ask(tmp_path, Approve(store=None))).done


async def test_another_user_is_hung_up_on(tmp_path: Path) -> None:
    asked: list[AnyRequest] = []

    async def note(request: AnyRequest) -> Answer:
        asked.append(request)
        return Answer()

    async with listening(tmp_path, note, uid=os.geteuid() + 1):
        with pytest.raises(NotReachable):
            await client.ask(tmp_path, Approve(store=None))
    assert asked == []


BAD = {
    "nothing": b"\n",
    "no JSON": b"\x00\xff{\n",
    "no object": b"[]\n",
    "another version": b'{"version": 2, "request": {"command": "approve", "store": null}}\n',
    "an unknown command": b'{"version": 1, "request": {"command": "format", "disk": "all"}}\n',
    "an unknown field": b'{"version": 1, "request": {"command": "undo", "number": 1, "x": 1}}\n',
    "deep JSON": b'{"version": 1, "request": ' + b"[" * 100_000 + b"\n",
    "no base64": b'{"version": 1, "request": '
    b'{"command": "resolve", "number": 1, "side": "file", "body": "%"}}\n',
    "a digest that is a path": b'{"version": 1, "request": {"command": "restore", '
    b'"store": "flows", "path": "a", "digest": "../../../../etc/passwd"}}\n',
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
async def test_a_bad_request_is_answered_and_nothing_is_done(tmp_path: Path, line: bytes) -> None:
    async def never(_: AnyRequest) -> Answer:
        raise AssertionError("acted on it")

    async with listening(tmp_path, never):
        answer = Answer.model_validate_json(await said(tmp_path, line))
        assert answer.exit_code == 8
        assert "nothing was changed" in answer.failed[0].what
        assert b"acted" not in await said(tmp_path, line)


async def test_a_line_too_long_or_too_slow_is_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "LINE_BYTES", 1000)
    monkeypatch.setattr(channel, "PATIENCE", 0.05)
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: troubles.append(told))
    async with listening(tmp_path):
        assert await said(tmp_path, b"x" * 5000) == b""
        assert await said(tmp_path, b'{"version": 1') == b""
        assert (await client.ask(tmp_path, Approve(store=None))).done
    assert not troubles


async def test_clients_that_say_nothing_do_not_keep_others_out_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "CLIENTS", 2)
    monkeypatch.setattr(channel, "PATIENCE", 0.2)
    async with listening(tmp_path):
        silent = [socket.socket(socket.AF_UNIX) for _ in range(5)]
        for each in silent:
            each.connect(str(tmp_path / SOCKET))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            while True:
                with suppress(NotReachable):
                    assert (await client.ask(tmp_path, Approve(store=None))).done
                    break
        for each in silent:
            each.close()


async def test_more_clients_than_are_listened_to_are_hung_up_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "CLIENTS", 2)
    line = Question(request=Approve(store=None)).model_dump_json().encode() + b"\n"
    async with listening(tmp_path):
        silent = [await asyncio.open_unix_connection(tmp_path / SOCKET) for _ in range(2)]
        async with asyncio.timeout(5):
            assert await said(tmp_path, line) == b""
            for _, writer in silent:
                writer.write(line)
            answers = [await reader.read() for reader, _ in silent]
        assert all(b"approve" in answer for answer in answers)
        for _, writer in silent:
            writer.close()


async def test_a_client_that_leaves_does_not_cut_its_act_short(tmp_path: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(request: AnyRequest) -> Answer:
        if isinstance(request, Ping):
            return Answer()
        begun.set()
        await asyncio.sleep(0.05)
        ended.set()
        return Answer()

    async with listening(tmp_path, slow):
        asking = asyncio.create_task(client.ask(tmp_path, Approve(store=None)))
        await begun.wait()
        asking.cancel()
    assert ended.is_set(), "not even the daemon's stop cuts it short"


async def test_nothing_is_asked_of_a_daemon_that_makes_no_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.1)
    asked: list[AnyRequest] = []
    well = asyncio.Event()

    async def hang(request: AnyRequest) -> Answer:
        asked.append(request)
        await well.wait()
        return Answer()

    async with listening(tmp_path, hang):
        with pytest.raises(NotReachable, match="at one piece of work for 0 s; nothing was changed"):
            await client.ask(tmp_path, Approve(store=None))
        well.set()
    assert asked == [Ping()]


async def test_a_pause_waits_for_no_turn(tmp_path: Path) -> None:
    async def busy(request: AnyRequest) -> Answer:
        if isinstance(request, Ping):
            await asyncio.Event().wait()
        return Answer(done=[Done(key="mirroring", what=request.command)])

    async with listening(tmp_path, busy):
        for request in (Pause(seconds=None), Resume()):
            (done,) = (await client.ask(tmp_path, request)).done
            assert done.what == request.command


async def test_a_pause_that_is_not_answered_may_begin_later_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.1)
    well = asyncio.Event()

    async def hang(_: AnyRequest) -> Answer:
        await well.wait()
        return Answer()

    async with listening(tmp_path, hang):
        with pytest.raises(NotReachable, match="if it goes on, it does what was asked then"):
            await client.ask(tmp_path, Pause(seconds=None))
        well.set()


async def test_a_daemon_that_is_stopped_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "stopped_owner", lambda _: 4711)
    for request in (Approve(store=None), Pause(seconds=None), Ping()):
        with pytest.raises(NotReachable, match=r"4711.* is stopped; nothing was changed") as raised:
            await client.ask(tmp_path, request)
        assert raised.value.advice == "`kill -CONT 4711` lets it go on"


async def test_a_daemon_that_waits_for_room_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "waiting_owner", lambda _: 4711)
    for request in (Approve(store=None), Pause(seconds=None), Ping()):
        with pytest.raises(NotReachable, match=r"4711.* waits for room.* nothing was") as raised:
            await client.ask(tmp_path, request)
        assert raised.value.advice.startswith("free some space")


async def test_another_user_s_daemon_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "uid_of", lambda _: 54321)
    async with listening(tmp_path):
        with pytest.raises(NotReachable, match=r"user 54321 .*nothing was changed") as raised:
            await client.ask(tmp_path, Approve(store=None))
    assert raised.value.advice == "run the command as that user"


async def test_a_trouble_is_told_with_its_exit_code(tmp_path: Path) -> None:
    async def fail(_: AnyRequest) -> Answer:
        raise LedgerError("the disk is full; nothing was recorded", "free some space")

    async with listening(tmp_path, fail):
        (failure,) = (await client.ask(tmp_path, Approve(store=None))).failed
        assert (failure.what, failure.advice) == (
            "the disk is full; nothing was recorded", "free some space",
        )  # fmt: skip


async def test_without_a_socket_the_command_says_that_nothing_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CONNECTING", 0.1)
    with pytest.raises(NotReachable, match="nothing was changed") as raised:
        await client.ask(tmp_path, Approve(store=None))
    assert raised.value.exit_code == 6


class Home:
    """A configuration, its state folder and one store, with no daemon."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.store = folder / "flows"
        self.store.mkdir()
        told = 'workspace = "w"\n[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'
        (folder / "config.toml").write_text(told + more)
        self.config: Config = load(folder / "config.toml", {})
        self.state = StateFolder(self.config.state)
        self.history = History(self.state.history)
        with self.ledger():
            pass

    @asynccontextmanager
    async def acts(self) -> AsyncIterator[Acts]:
        with acts_alone(place_of(self.config)) as acts:
            yield acts

    def ledger(self) -> LedgerOpened:
        return LedgerOpened(self.state, self.config)

    def conflict(self, base: bytes | None = b"{}", theirs: bytes = b'{"by":"them"}') -> int:
        """List a conflict of a.json, whose file holds what it won with; its number."""
        mine = self.store.joinpath("a.json").read_bytes()
        snapshot = None if base is None else Snapshot(3, content(base))
        with self.ledger() as ledger, ledger.transaction():
            for body in (base or b"", mine, theirs):
                ledger.contents.put(content(body).digest, body)
            revision = 4 + len(ledger.conflicts.all(99))
            lost = Conflict(snapshot, content(mine), Snapshot(revision, content(theirs)))
            ledger.conflicts.add(KEY, lost, "device-2", 5.0)
            return ledger.conflicts.all(1)[0].number

    def replaced(self) -> list[Digest]:
        with self.ledger() as ledger:
            kept = ledger.past.page(0, 99)
        return [each.digest for each in reversed(kept) if each.path == KEY.path]

    def save(self, body: bytes) -> None:
        (self.store / "a.json").write_bytes(body)

    def reads(self) -> bytes:
        return (self.store / "a.json").read_bytes()


class LedgerOpened:
    """The ledger, for the length of a `with`."""

    def __init__(self, state: StateFolder, config: Config) -> None:
        self._state = state
        self._config = config

    def __enter__(self) -> Ledger:
        self._state.open()
        self._ledger = self._state.open_ledger(self._config.url, self._config.workspace)
        return self._ledger

    def __exit__(self, *_: object) -> None:
        self._ledger.close()
        self._state.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


MINE, THEIRS, BASE = b'{"by":"me"}', b'{"by":"them"}', b"{}"


@pytest.mark.parametrize(
    ("side", "body", "holds"),
    [
        ("mine", None, MINE),
        ("theirs", None, THEIRS),
        ("base", None, BASE),
        ("file", b'{"by":"both"}', b'{"by":"both"}'),
    ],
)
async def test_a_conflict_is_resolved_and_the_decision_undone(
    home: Home, side: str, body: bytes | None, holds: bytes
) -> None:
    home.save(MINE)
    number = home.conflict()
    request = Resolve.model_validate({"number": number, "side": side, "body": _base64(body)})
    async with home.acts() as acts:
        answer = await acts.perform(request)
    assert (answer.exit_code, [done.what for done in answer.done]) == (0, ["resolved"])
    assert home.reads() == holds
    with home.ledger() as ledger:
        (resolved,) = ledger.conflicts.all(9)
        assert (resolved.resolution, ledger.conflicts.unresolved()) == (side, [])
    if side != "mine":
        assert home.history.get(content(MINE).digest) == MINE
        assert home.replaced() == [content(MINE).digest]

    async with home.acts() as acts:
        assert (await acts.perform(Undo(number=number))).exit_code == 0
    assert home.reads() == MINE
    assert home.history.has(content(holds).digest) == (side != "mine")
    with home.ledger() as ledger:
        assert [each.number for each in ledger.conflicts.unresolved()] == [number]


def _base64(body: bytes | None) -> str | None:
    return None if body is None else b64encode(body).decode()


async def test_a_save_made_since_the_conflict_is_in_history_and_comes_back_by_undo(
    home: Home,
) -> None:
    home.save(MINE)
    number = home.conflict()
    home.save(b'{"by":"me","later":true}')
    async with home.acts() as acts:
        (done,) = (await acts.perform(Resolve(number=number, side="theirs"))).done
        assert "a save made since the conflict is in history" in done.detail
        await acts.perform(Undo(number=number))
    assert home.reads() == b'{"by":"me","later":true}'


async def test_a_file_that_was_not_there_goes_again_by_undo(home: Home) -> None:
    home.save(MINE)
    number = home.conflict()
    (home.store / "a.json").unlink()
    async with home.acts() as acts:
        await acts.perform(Resolve(number=number, side="theirs"))
        assert home.reads() == THEIRS
        await acts.perform(Undo(number=number))
    assert not (home.store / "a.json").exists()
    assert home.history.get(content(THEIRS).digest) == THEIRS


async def test_others_get_their_turn_while_many_conflicts_are_resolved(home: Home) -> None:
    home.save(MINE)
    for number in range(3 * TOGETHER):
        home.conflict(theirs=b'{"by":"them, %d"}' % number)
    async with home.acts() as acts:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        answer = await acts.perform(Resolve(number=None, side="mine"))
        assert len(answer.done) == 3 * TOGETHER
        beside.cancel()
        assert turns >= 3


async def test_many_files_are_restored_by_few_waits_for_the_disk(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    stage = FileReplica.stage

    def staged(self: FileReplica, writes: Sequence[Write]) -> list[Note | Hold | None]:
        waits.append(len(writes))
        return stage(self, writes)

    monkeypatch.setattr(FileReplica, "stage", staged)
    kept = [home.history.put(b'{"n":%d}' % number) for number in range(3 * TOGETHER)]
    wanted = [Restore(store="flows", path=f"é{n}.json", digest=d) for n, d in enumerate(kept)]
    wanted[7] = Restore(store="flows", path="../é.json", digest=kept[7])
    wanted[8] = Restore(store="flows", path="é9.json", digest=kept[8])
    async with home.acts() as acts:
        answer = await acts.perform(RestoreMany(files=wanted))
    assert (len(answer.done), [each.key for each in answer.failed]) == (
        3 * TOGETHER - 1, ["flows:../é.json"]
    )  # fmt: skip
    assert (home.store / "é9.json").read_bytes() == b'{"n":9}', "the last that was asked for"
    assert len(list(home.store.iterdir())) == 3 * TOGETHER - 2
    assert len(waits) <= 5
    with home.ledger() as ledger:
        events = ledger.events.newest(999)
    assert len(events) == 3 * TOGETHER - 1


async def test_all_open_conflicts_are_resolved_and_one_that_cannot_be_stays(home: Home) -> None:
    home.save(MINE)
    home.conflict(base=None)
    home.conflict(theirs=b'{"by":"them again"}')
    async with home.acts() as acts:
        answer = await acts.perform(Resolve(number=None, side="base"))
        assert (len(answer.done), len(answer.failed)) == (1, 1)
        assert "there is no base" in answer.failed[0].what
        assert home.reads() == BASE
        assert (await acts.perform(Resolve(number=None, side="theirs"))).exit_code == 0
        assert await acts.perform(Resolve(number=None, side="mine")) == Answer()


async def test_what_cannot_be_done_says_so_and_changes_nothing(home: Home) -> None:
    home.save(MINE)
    number = home.conflict()
    async with home.acts() as acts:
        for request in (
            Resolve(number=77, side="mine"), Undo(number=77), Undo(number=number),
            Approve(store="elsewhere"),
        ):  # fmt: skip
            (failure,) = (await acts.perform(request)).failed
            assert (failure.exit_code, "nothing was changed" in failure.what) == (2, True)
        await acts.perform(Resolve(number=number, side="mine"))
        (failure,) = (await acts.perform(Resolve(number=number, side="theirs"))).failed
        assert "resolved already (mine)" in failure.what
    assert home.reads() == MINE


@pytest.mark.parametrize("path", ["../a.json", "/a.json", "x/../../a.json", "a.txt", ".git/a.json"])
async def test_nothing_is_restored_outside_what_the_store_matches(home: Home, path: str) -> None:
    home.save(MINE)
    with home.ledger() as ledger, ledger.transaction():
        ledger.contents.put(content(THEIRS).digest, THEIRS)
    request = Restore(store="flows", path=path, digest=content(THEIRS).digest)
    async with home.acts() as acts:
        (failure,) = (await acts.perform(request)).failed
    assert "nothing was changed" in failure.what
    assert [each.name for each in home.store.iterdir()] == ["a.json"]
    assert not (home.store.parent / "a.json").exists()


async def test_a_file_that_does_not_parse_is_restored_and_kept(home: Home) -> None:
    home.save(b'{"broken')
    home.state.open()
    home.history.put(THEIRS)
    home.state.close()
    async with home.acts() as acts:
        request = Restore(store="flows", path="a.json", digest=content(THEIRS).digest)
        assert (await acts.perform(request)).exit_code == 0
        assert (await acts.perform(request)).done[0].detail == "it held these bytes already"
    assert home.reads() == THEIRS
    assert home.history.get(content(b'{"broken').digest) == b'{"broken'


async def test_into_a_folder_that_took_another_s_place_files_are_restored_once_that_is_approved(
    home: Home,
) -> None:
    home.save(MINE)
    home.history.put(THEIRS)
    known = place_of(home.config).stores["flows"].identity()
    with home.ledger() as ledger, ledger.transaction():
        ledger.places.record_store("flows", StoreRecord("1", known, bootstrapped=True))
        ledger.attention.set_guard(Guard("flows", "its folder is replaced", 1, Direction.BOTH))
    home.store.rename(home.store.with_name("away"))
    home.store.mkdir()
    request = Restore(store="flows", path="a.json", digest=content(THEIRS).digest)
    async with home.acts() as acts:
        assert (await acts.perform(request)).failed, "it is not the folder that was known"
        assert (await acts.perform(Approve(store="flows"))).done
        assert (await acts.perform(request)).failed == []
    assert home.reads() == THEIRS


async def test_where_history_has_no_room_nothing_is_restored(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> Digest:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    home.save(MINE)
    home.history.put(THEIRS)
    monkeypatch.setattr(History, "put", full)
    async with home.acts() as acts:
        request = Restore(store="flows", path="a.json", digest=content(THEIRS).digest)
        (failure,) = (await acts.perform(request)).failed
    assert "No space left on device; nothing was changed" in failure.what
    assert home.reads() == MINE


async def test_a_link_in_the_files_place_is_left_alone(home: Home) -> None:
    outside = home.store.parent / "secret.json"
    outside.write_bytes(MINE)
    (home.store / "a.json").symlink_to(outside)
    home.history.put(THEIRS)
    async with home.acts() as acts:
        request = Restore(store="flows", path="a.json", digest=content(THEIRS).digest)
        (failure,) = (await acts.perform(request)).failed
    assert "nothing was changed" in failure.what
    assert outside.read_bytes() == MINE
    assert (home.store / "a.json").is_symlink()


@pytest.mark.parametrize("broken", [b"", b'{"deployments": [{"id": "d"'])
async def test_a_record_of_a_file_that_does_not_parse_is_not_said_to_be_restored(
    tmp_path: Path, broken: bytes
) -> None:
    records = '[[store]]\nname = "sites"\nkind = "deployment"\npath = "sites"\n'
    home, record = Home(tmp_path, records), b'{"id":"d"}'
    file = tmp_path / "sites/deployments.json"
    file.parent.mkdir()
    file.write_bytes(broken)
    home.history.put(record)
    with home.ledger() as ledger, ledger.transaction():
        ledger.records.keep(Key("sites", file.name, "d"), content(record))
    async with home.acts() as acts:
        digest = content(record).digest
        request = Restore(store="sites", path=file.name, record="d", digest=digest)
        (failure,) = (await acts.perform(request)).failed
    assert "nothing was changed: " in failure.what
    assert "move it away" in failure.advice
    assert file.read_bytes() == broken


async def test_bytes_that_are_not_kept_are_not_restored(home: Home) -> None:
    async with home.acts() as acts:
        request = Restore(store="flows", path="a.json", digest="0" * 64)
        (failure,) = (await acts.perform(request)).failed
    assert "are not kept here; nothing was changed" in failure.what


async def test_retry_queues_what_was_refused_and_names_what_is_held(home: Home) -> None:
    with home.ledger() as ledger:
        ledger.commit([push(b"one")], 0.0)
        ledger.acknowledge([(claim(ledger)[0], Refused("too-large", "no"))], "me", 0.0)
        with ledger.transaction():
            ledger.attention.hold("flows", "b.json", Hold("bad-json", "no", "mend it"), 0.0)
    async with home.acts() as acts:
        answer = await acts.perform(Retry(store="flows", path="b.json"))
        assert [(done.key, done.what) for done in answer.done] == [
            ("flows:b.json", "looked at again")
        ]
        answer = await acts.perform(Retry())
        assert [done.key for done in answer.done] == ["flows:a.json", "flows:b.json"]
    with home.ledger() as ledger:
        assert [intent.version for intent in claim(ledger)] == [Content(content(b"one").digest, 3)]


async def test_an_act_waits_for_the_one_before_it_and_a_ping_for_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, held = list[str](), asyncio.Event()

    async def find(_desk: Desk, digest: Digest) -> None:
        begun.append(digest)
        await held.wait()

    monkeypatch.setattr(Desk, "find", find)
    digests = ["a" * 64, "b" * 64]
    async with home.acts() as acts, asyncio.timeout(20):
        doing = [
            asyncio.create_task(acts.perform(Restore(store="flows", path="a.json", digest=digest)))
            for digest in digests
        ]
        for _ in range(10):
            await asyncio.sleep(0)
        assert begun == digests[:1]
        assert (await acts.perform(Ping())).done
        held.set()
        await asyncio.gather(*doing)
    assert begun == digests


async def test_acts_alone_own_the_state_folder(home: Home) -> None:
    async with home.acts():
        with pytest.raises(AnotherInstance):
            home.state.open()


async def test_a_start_waits_for_a_command_that_is_about_to_end(home: Home) -> None:
    command, daemon = home.state, StateFolder(home.config.state)
    command.open()
    starting = asyncio.create_task(asyncio.to_thread(daemon.open, 5.0))
    await asyncio.sleep(0.05)
    assert not starting.done()
    command.close()
    await starting
    daemon.close()


async def test_what_a_file_holds_is_in_history_before_the_file_is_touched(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.save(MINE)
    number = home.conflict()
    staging, kept = FileReplica.stage, []

    def stage(self: FileReplica, writes: Sequence[Write]) -> list[Note | Hold | None]:
        kept.append(home.history.has(content(MINE).digest))
        return staging(self, writes)

    monkeypatch.setattr(FileReplica, "stage", stage)
    async with home.acts() as acts:
        await acts.perform(Resolve(number=number, side="theirs"))
    assert kept == [True]


async def test_acts_need_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('workspace = "w"\n')
    config = load(tmp_path / "config.toml", {})
    with pytest.raises(ConfigError, match="has not run here yet"), acts_alone(place_of(config)):
        pass
    assert not config.state.exists()


def test_an_answer_is_version_one() -> None:
    told = json.loads(Answer(done=[Done(key="k", what="w")]).model_dump_json())
    assert told == {
        "version": 1, "done": [{"key": "k", "what": "w", "detail": ""}], "failed": [], "more": 0,
    }  # fmt: skip


async def test_an_answer_is_bounded_and_counts_what_it_leaves_out(tmp_path: Path) -> None:
    async def much(_: AnyRequest) -> Answer:
        return Answer(done=[Done(key="k" * 100, what="w")] * 100_000)

    async with listening(tmp_path, much):
        answer = await client.ask(tmp_path, Approve(store=None))
    assert (len(answer.done), answer.more) == (LISTED, 100_000 - LISTED)


async def test_a_silent_client_does_not_delay_the_daemons_stop(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        async with asyncio.timeout(channel.PATIENCE / 2), listening(tmp_path):
            silent.connect(str(tmp_path / SOCKET))
            await asyncio.sleep(0.01)
