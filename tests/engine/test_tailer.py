"""Writers, rotators and crashes at random: every whole line is in the right log, once, in order.

Each line is written once ever, so a line that is doubled or misplaced shows. `BROKEN` are versions
of the daemon of which one guarantee is taken away: the same search must find each of them.

The runs are the same each time; with SYNCD_SEARCH=1500 they are that many, and others.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from structlog.testing import capture_logs

from syncd.core.log import (
    NOTHING,
    Answer,
    Append,
    Appended,
    Cut,
    Extent,
    Gone,
    Mismatch,
    Parted,
    ToldLog,
)
from syncd.core.model import Key, Kind
from syncd.core.reading import Stat
from syncd.engine.exchange.pusher import FUNCTION_FAILED
from syncd.engine.lines import generations
from syncd.engine.lines.appender import Appender
from syncd.engine.lines.tailer import Tailer
from syncd.engine.registry import Registration, register
from syncd.errors import FunctionFailed, Unavailable
from syncd.files.lines import LinesFolder
from syncd.ledger.ledger import Ledger
from syncd.stores.layout import Layout
from syncd.stores.lines import TAIL_BYTES, tail_of
from tests.engine.fakes import StandingClock

STORE = "metrics"
LAYOUT = Layout(("*.jsonl", "*.jsonl.[0-9]*"), ())


@dataclass
class Server:
    """What `convex/model/log.ts` does, and a network that fails as it is told."""

    logs: dict[str, tuple[Extent, list[str]]] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    bad: str | None = None
    """A line at which the function throws."""
    calls: int = 0
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens once, while an answer is on its way."""

    async def append(self, appends: Sequence[Append]) -> list[Answer]:
        self.calls += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        if any(line.text == self.bad for append in appends for line in append.lines):
            raise FunctionFailed("it threw", "")
        fault = self.faults.pop() if self.faults else None
        if fault == "away":
            raise Unavailable("away", "")
        answers = [self._append(each) for each in appends]
        if fault == "lost":
            raise Unavailable("the answer is lost", "")
        return answers

    async def tails(self, store: str) -> list[ToldLog]:
        return [ToldLog(g, self.paths[g], extent) for g, (extent, _) in self.logs.items()]

    def _append(self, append: Append) -> Answer:
        extent, lines = self.logs.get(append.generation, (NOTHING, []))
        if extent != append.expect:
            return Mismatch(extent)
        assert append.next.length > extent.length
        self.paths.setdefault(append.generation, append.path)
        self.logs[append.generation] = append.next, [*lines, *(line.text for line in append.lines)]
        return Appended(append.next)

    @property
    def lines(self) -> list[list[str]]:
        return [lines for _, lines in self.logs.values()]


class Daemon:
    """A tailer on a real folder and a real ledger; started anew for every life."""

    folder_class: type[LinesFolder] = LinesFolder

    def __init__(self, home: Path, server: Server) -> None:
        self.home = home
        self.files = home / STORE
        self.files.mkdir(exist_ok=True)
        self.server = server
        self.clock = StandingClock()
        self.start()

    def start(self) -> None:
        self.ledger = Ledger.open(self.home / "ledger.db")
        register(self.ledger, {STORE: Registration("1", LAYOUT.matches, str(self.files))}, 0.0)
        folder = self.folder_class(self.files, Kind.METRIC, LAYOUT, self.home / "kept")
        self.tailer = Tailer(self.ledger, {STORE: folder}, self.server, self.clock)

    def restart(self) -> None:
        self.ledger.close()
        self.start()

    def lose_ledger(self) -> None:
        self.ledger.close()
        for path in self.home.glob("ledger.db*"):
            path.unlink()
        self.start()

    def walk(self) -> None:
        self.tailer.request(STORE)
        asyncio.run(self.tailer.look())

    def look(self, *names: str) -> None:
        asyncio.run(self.see(*names))

    async def see(self, *names: str) -> None:
        for name in names:
            self.tailer.touched(Key(STORE, name), settled=True)
        self.clock.seconds += 1.1
        await self.tailer.look()

    def send(self) -> None:
        """What a tie and all that is sent in it come to."""
        asyncio.run(self.tailer.flush())

    def settle(self) -> None:
        """Everything that can be sent is, in the end."""
        self.server.faults.clear()
        for _ in range(3):
            self.clock.seconds += generations.COPYING + 1
            self.send()


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path, Server())
    yield made
    made.ledger.close()


@dataclass(eq=False)
class Life:
    """What a file was given to hold: whole lines, and the beginning of one."""

    lines: list[str] = field(default_factory=list)
    begun: str = ""
    seen: bool = False
    """Whether the daemon has looked since it began: from then on even a deletion loses nothing."""
    lost_from: int | None = None
    """Where its lines ended that were sent when the file was emptied."""


class Writers(RuleBasedStateMachine):
    """Programs that append, rotate and empty files, and a daemon with bad luck."""

    daemon_class: type[Daemon] = Daemon
    disk = "/dev/shm" if Path("/dev/shm").is_dir() else None

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="syncd-lines-", dir=self.disk))
        self.server = Server()
        self.daemon = self.daemon_class(self.home, self.server)
        self.files = self.daemon.files
        self.lives: dict[str, Life] = {}
        self.past: list[Life] = []
        self.numbers = itertools.count()

    def teardown(self) -> None:
        try:
            self.check_end()
        finally:
            self.daemon.ledger.close()
            shutil.rmtree(self.home)

    names = st.sampled_from(["a.jsonl", "b.jsonl"])

    @rule(name=names, many=st.integers(1, 5), half=st.booleans(), blank=st.booleans())
    def write(self, name: str, many: int, half: bool, blank: bool) -> None:
        life = self.lives.setdefault(name, Life())
        fresh = [life.begun + self._line() if n == 0 else self._line() for n in range(many)]
        begun = "half of " if half else ""
        text = "\n".join(fresh)[len(life.begun) :] + "\n" + ("\r\n" if blank else "") + begun
        with (self.files / name).open("a", newline="") as file:
            file.write(text)
        life.lines += fresh
        life.begun = begun

    @rule(name=names)
    def rotate(self, name: str) -> None:
        if name not in self.lives:
            return
        for number in (3, 2, 1):
            source = name if number == 1 else f"{name}.{number - 1}"
            if source in self.lives:
                if f"{name}.{number}" in self.lives:
                    self.past.append(self.lives.pop(f"{name}.{number}"))
                (self.files / source).rename(self.files / f"{name}.{number}")
                self.lives[f"{name}.{number}"] = self.lives.pop(source)

    @rule(name=names)
    def rotate_by_copying(self, name: str) -> None:
        if not (name in self.lives and f"{name}.9" not in self.lives):
            return
        life = self.lives[name]
        if not (life.seen and self._sent(life) > 0):
            return
        shutil.copyfile(self.files / name, self.files / f"{name}.9")
        if len(life.lines) % 2:
            self.daemon.walk()
        os.truncate(self.files / name, 0)
        self.daemon.walk()
        self.lives[f"{name}.9"] = life
        self.lives[name] = Life(seen=True)

    @rule(name=names)
    def move_out_of_sight(self, name: str) -> None:
        if not (name in self.lives and self.lives[name].seen):
            return
        (self.files / name).rename(self.files / f"{name}-{next(self.numbers)}.old")
        self.past.append(self.lives.pop(name))

    @rule(name=names, end=st.sampled_from(["", ".1", ".2", ".9"]))
    def delete(self, name: str, end: str) -> None:
        name += end
        if name not in self.lives:
            return
        (self.files / name).unlink()
        self.past.append(self.lives.pop(name))

    @rule(name=names)
    def replace(self, name: str) -> None:
        if name not in self.lives:
            return
        (self.files / name).unlink()
        self.past.append(self.lives.pop(name))
        self.write(name, 2, half=False, blank=False)

    @rule(name=names, whole=st.booleans(), late=st.booleans())
    def empty(self, name: str, whole: bool, late: bool) -> None:
        """A program begins its file again; what nobody had read is gone."""
        if name not in self.lives:
            return
        if late:
            self.send([])
        life = self.lives[name]
        sent = self._sent(life)
        if sent == 0:
            # To the daemon it is a file that it did not read yet.
            self.lives[name] = Life(seen=life.seen)
        else:
            life.lost_from = sent
            self.past.append(life)
            self.lives[name] = Life(seen=True)
        os.truncate(self.files / name, 0)
        if whole:
            self.write(name, 30, half=False, blank=False)

    @rule()
    def look(self) -> None:
        self.daemon.walk()
        for life in self.lives.values():
            life.seen = True

    @rule(name=names)
    def event(self, name: str) -> None:
        self.daemon.look(name)
        if name in self.lives:
            self.lives[name].seen = True

    @rule(faults=st.lists(st.sampled_from(["away", "lost", "none"]), max_size=3))
    def send(self, faults: list[str]) -> None:
        self.server.faults = list(faults)
        with suppress(Unavailable):
            self.daemon.send()
        self.look()

    @rule(name=names)
    def lose_an_answer(self, name: str) -> None:
        """The deployment has lines, nobody here knows it, and their file goes on."""
        self.write(name, 1, half=False, blank=False)
        self.send(["lost"])
        self.write(name, 1, half=False, blank=False)

    @rule()
    def crash(self) -> None:
        self.daemon.restart()

    @rule()
    def lose_the_ledger(self) -> None:
        self.daemon.lose_ledger()

    @rule()
    def restore_the_folder(self) -> None:
        """From a backup: the same bytes in other inodes."""
        self.server.faults.clear()
        self.daemon.send()
        self.look()
        self.files.rename(self.home / "old")
        shutil.copytree(self.home / "old", self.files)
        shutil.rmtree(self.home / "old")
        self.daemon.send()

    @rule(lost=st.booleans())
    def move_the_state_folder(self, lost: bool) -> None:
        """To another disk, or from a backup: a second name is a file by itself there."""
        self.daemon.ledger.close()
        kept = self.home / "kept"
        if kept.is_dir():
            kept.rename(self.home / "old")
            shutil.copytree(self.home / "old", kept)
            shutil.rmtree(self.home / "old")
        self.daemon.start()
        if lost:
            self.daemon.lose_ledger()
        self.look()  # What is written before has no second name.

    @rule(seconds=st.sampled_from([1.0, 100.0]))
    def wait(self, seconds: float) -> None:
        self.daemon.clock.seconds += seconds

    def check_end(self) -> None:
        self.daemon.settle()
        logs = self.server.lines
        counted = Counter(itertools.chain.from_iterable(logs))
        assert [line for line, times in counted.items() if times > 1] == []
        every = [*self.lives.values(), *self.past]
        for lines in logs:
            assert any(lines == life.lines[: len(lines)] for life in every), lines
        for life in every:
            wanted = life.lines if life.lost_from is None else life.lines[: life.lost_from]
            if life in self.lives.values() or life.seen:
                missing = [line for line in wanted if line not in counted]
                assert not missing, f"{missing} of {wanted} in {logs}"

    def _line(self) -> str:
        return f"line {next(self.numbers)}"

    def _sent(self, life: Life) -> int:
        found = [lines for lines in self.server.lines if lines and lines[0] in life.lines]
        return max((len(lines) for lines in found), default=0)


def search(machine: type[Writers], examples: int, phases: Sequence[Phase] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=30, deadline=None, phases=phases,
            report_multiple_bugs=False, database=None, suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_every_whole_line_is_in_its_log_once_and_in_order() -> None:
    search(Writers, int(os.environ.get("SYNCD_SEARCH", "100")))


class OnDisk(Writers):
    """Where the inode of a file that is gone is soon another file's."""

    disk = None


def test_on_a_file_system_that_uses_inodes_again() -> None:
    search(OnDisk, 10)


class Unkept(LinesFolder):
    """Gives no file a second name."""

    def keep(self, path: str, inode: int) -> bool:
        return False


class ByNumber(LinesFolder):
    """Takes a second name for what its number says."""

    def renumbered(self) -> dict[int, int]:
        return {}


class ByPath(LinesFolder):
    """Takes a file for what its path says."""

    def scan(self) -> Any:
        seen = super().scan()
        seen.stats = {path: self._named(path, stat) for path, stat in seen.stats.items()}
        return seen

    def look(self, paths: Iterable[str]) -> dict[str, Stat]:
        return {path: self._named(path, stat) for path, stat in super().look(paths).items()}

    def keep(self, path: str, inode: int) -> bool:
        return False

    def _named(self, path: str, stat: Stat) -> Stat:
        number = zlib.crc32(path.encode())
        self._paths[number] = path
        return stat._replace(inode=number)

    def _open(self, inode: int) -> int:
        return self._open_named(inode)


class Trusting(LinesFolder):
    """Takes whatever lies at the offset for what was sent."""

    def cut(self, inode: int, extent: Extent, most: int, text_bytes: int) -> Cut | Parted | Gone:
        return super().cut(inode, self._there(inode, extent), most, text_bytes)

    def _there(self, inode: int, extent: Extent) -> Extent:
        with suppress(OSError), self._opened(inode) as fd:
            start = max(0, extent.length - TAIL_BYTES)
            return Extent(extent.length, tail_of(os.pread(fd, extent.length - start, start)))
        return extent


def folder(broken: type[LinesFolder]) -> type[Writers]:
    daemon = type("BrokenDaemon", (Daemon,), {"folder_class": broken})
    return type("BrokenWriters", (Writers,), {"daemon_class": daemon})


def before_the_answer(patch: pytest.MonkeyPatch) -> type[Writers]:
    """The offset moves when lines are sent."""
    gather = Appender._gather

    async def eager(self: Appender) -> Any:
        sending = await gather(self)
        with self._ledger.transaction():
            for each in sending:
                self._advance(each)
        return sending

    patch.setattr(Appender, "_gather", eager)
    return Writers


def deaf_to_a_mismatch(patch: pytest.MonkeyPatch) -> type[Writers]:
    """Any answer is taken for yes."""
    acknowledge = Appender._acknowledge

    async def content(self: Appender, sending: Any, answers: Any) -> None:
        await acknowledge(self, sending, [Appended(each.append.next) for each in sending])

    patch.setattr(Appender, "_acknowledge", content)
    return Writers


def from_zero(patch: pytest.MonkeyPatch) -> type[Writers]:
    """What the deployment knows of logs is not asked for."""
    patch.setattr(generations, "match", lambda *_: [])
    return Writers


def impatient(patch: pytest.MonkeyPatch) -> type[Writers]:
    """A copy under way is taken for a new file."""
    patch.setattr(generations, "COPYING", 0.0)
    return Writers


BROKEN: dict[str, Callable[[pytest.MonkeyPatch], type[Writers]]] = {
    "offset before the answer": before_the_answer,
    "mismatch taken for yes": deaf_to_a_mismatch,
    "from zero when the ledger is lost": from_zero,
    "copies sent at once": impatient,
    "no second names": lambda _: folder(Unkept),
    "second names looked at": lambda _: folder(ByNumber),
    "generation by path": lambda _: folder(ByPath),
    "tail not compared": lambda _: folder(Trusting),
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_search_finds_a_daemon_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = BROKEN[name](monkeypatch)
    with pytest.raises(AssertionError):
        search(machine, 800, (Phase.generate,))


def test_a_file_rewritten_to_its_former_length_begins_a_log(daemon: Daemon) -> None:
    path = daemon.files / "a.jsonl"
    path.write_text("one 1\n")
    daemon.send()
    path.write_text("two 2\n")
    daemon.send()
    assert sorted(daemon.server.lines) == [["one 1"], ["two 2"]]


def test_lines_written_while_an_answer_is_on_its_way_are_sent_at_once(daemon: Daemon) -> None:
    path = daemon.files / "a.jsonl"
    path.write_text("1\n")

    async def grows_and_is_rotated() -> None:
        with path.open("a") as file:
            file.write("2\n")
        await daemon.see("a.jsonl")
        path.rename(daemon.files / "a.jsonl.1")
        path.write_text("3\n")
        await daemon.see("a.jsonl", "a.jsonl.1")

    daemon.server.meanwhile = grows_and_is_rotated
    daemon.send()
    assert sorted(daemon.server.lines) == [["1", "2"], ["3"]]
    logs = daemon.ledger.logs.of(STORE).values()
    assert all(each.whole == each.extent.length for each in logs)


def test_what_is_written_while_an_answer_is_on_its_way_is_said_to_wait(daemon: Daemon) -> None:
    path = daemon.files / "a.jsonl"
    path.write_text("1\n")

    async def grows() -> None:
        path.write_text("1\n2\n")
        await daemon.see("a.jsonl")
        daemon.server.meanwhile = looked

    async def looked() -> None:
        (known,) = daemon.ledger.logs.of(STORE).values()
        assert (known.extent.length, known.whole) == (2, 4)
        assert not daemon.tailer.idle.is_set()

    daemon.server.meanwhile = grows
    daemon.send()
    assert daemon.server.lines == [["1", "2"]]


def test_a_file_rewritten_while_an_answer_is_on_its_way_begins_a_log(daemon: Daemon) -> None:
    path = daemon.files / "a.jsonl"
    path.write_text("one 1\n")

    async def rewritten() -> None:
        path.write_text("two 2\n")
        await daemon.see("a.jsonl")

    daemon.server.meanwhile = rewritten
    daemon.send()
    assert sorted(daemon.server.lines) == [["one 1"], ["two 2"]]


def test_a_line_at_which_the_function_throws_holds_its_log_alone(daemon: Daemon) -> None:
    daemon.server.bad = "bad"
    (daemon.files / "a.jsonl").write_text("1\n2\nbad\n3\n")
    (daemon.files / "b.jsonl").write_text("".join(f"b{n}\n" for n in range(700)))
    daemon.send()
    assert sorted(daemon.server.lines) == [["1", "2"], [f"b{n}" for n in range(700)]]
    held = daemon.ledger.attention.held(STORE)
    assert {path: hold.reason for path, hold in held.items()} == {"a.jsonl": FUNCTION_FAILED}
    daemon.server.bad = None
    daemon.tailer.look_again([STORE, "another"])
    daemon.send()
    daemon.walk()
    assert ["1", "2", "bad", "3"] in daemon.server.lines
    assert daemon.ledger.attention.held(STORE) == {}


def test_many_files_share_calls_and_a_long_one_takes_several(daemon: Daemon) -> None:
    for number in range(250):
        (daemon.files / f"{number}.jsonl").write_text(f"{number}\n")
    daemon.send()
    assert (len(daemon.server.logs), daemon.server.calls) == (250, 3)
    (daemon.files / "long.jsonl").write_text("".join(f"l{n}\n" for n in range(1200)))
    daemon.send()
    assert (len(daemon.server.logs), daemon.server.calls) == (251, 6)


def test_what_a_file_costs_does_not_grow_with_the_others(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, listed = 0, 0
    opening = os.open

    def counted(*args: Any, **named: Any) -> int:
        nonlocal opened
        opened += 1
        return opening(*args, **named)

    class Logs(dict[int, Any]):
        def keys(self) -> Any:
            nonlocal listed
            listed += 1
            return super().keys()

    for number in range(100):
        (daemon.files / f"{number}.jsonl").write_text(f"{number}\n")
    daemon.send()
    of_store = daemon.tailer._stores[STORE]
    of_store._logs = Logs(of_store._logs)
    for number in range(100, 110):
        (daemon.files / f"{number}.jsonl").write_text(f"{number}\n")
    monkeypatch.setattr(os, "open", counted)
    daemon.walk()
    assert listed < 10
    assert opened < 10 * 20


def test_where_no_link_can_be_made_a_deletion_before_the_sending_is_told(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refused)
    path = daemon.files / "a.jsonl"
    path.write_text("one\ntwo\n")
    daemon.send()
    path.rename(daemon.files / "a.jsonl.1")
    with (daemon.files / "a.jsonl.1").open("a") as file:
        file.write("three\n")
    with capture_logs() as told:
        daemon.walk()
        (daemon.files / "a.jsonl.1").unlink()
        daemon.settle()
    assert daemon.server.lines == [["one", "two"]]
    lost = [each for each in told if each["event"] == "lines_lost"]
    assert [each["bytes"] for each in lost] == [len("three\n")]


def moved_to_another_disk(daemon: Daemon) -> None:
    daemon.ledger.close()
    for name in ("kept", STORE):
        (daemon.home / name).rename(daemon.home / "old")
        shutil.copytree(daemon.home / "old", daemon.home / name)
        shutil.rmtree(daemon.home / "old")
    daemon.start()


def test_a_state_folder_that_was_copied_still_has_what_is_not_sent(daemon: Daemon) -> None:
    (daemon.files / "a.jsonl").write_text("one\n")
    (daemon.files / "b.jsonl").write_text("two\n")
    daemon.send()
    daemon.server.faults = ["away"] * 9
    for name in ("a.jsonl", "b.jsonl"):
        with (daemon.files / name).open("a") as file:
            file.write(f"more of {name}\n")
    daemon.walk()
    (daemon.files / "b.jsonl").unlink()
    moved_to_another_disk(daemon)
    with capture_logs() as told:
        daemon.settle()
        daemon.clock.seconds += generations.QUIET + 1
        daemon.walk()
    assert daemon.server.lines == [["one", "more of a.jsonl"], ["two", "more of b.jsonl"]]
    assert [each["event"] for each in told if each["log_level"] == "warning"] == []
    kept = [(int(each.name), each.stat().st_ino) for each in (daemon.home / "kept").iterdir()]
    inode = (daemon.files / "a.jsonl").stat().st_ino
    assert kept == [(inode, inode)], "what the store has is not kept twice"


def test_a_file_that_is_sent_and_deleted_gives_its_space_back(daemon: Daemon) -> None:
    path = daemon.files / "a.jsonl"
    path.write_text("one\n")
    daemon.send()
    kept = list((daemon.home / "kept").iterdir())
    assert len(kept) == 1
    path.unlink()
    daemon.walk()
    assert kept[0].exists(), "a program may still have it open"
    daemon.clock.seconds += generations.QUIET + 1
    daemon.walk()
    assert list((daemon.home / "kept").iterdir()) == []
    assert daemon.ledger.logs.of(STORE) == {}


def test_a_deleted_file_whose_time_has_not_come_gives_its_space_back(daemon: Daemon) -> None:
    path = daemon.files / "a.jsonl"
    path.write_text("one\n")
    os.utime(path, (2**31, 2**31))
    daemon.send()
    path.unlink()
    daemon.walk()
    assert list((daemon.home / "kept").iterdir()) == []


def test_a_copy_under_way_is_told_also_where_an_earlier_one_had_its_inode(daemon: Daemon) -> None:
    daemon.ledger.close()
    daemon.folder_class = ByPath
    daemon.start()
    path, copy = daemon.files / "a.jsonl", daemon.files / "a.jsonl.9"
    for line in ("one\n", "two\n"):
        path.write_text(line)
        daemon.send()
        shutil.copyfile(path, copy)
        daemon.walk()
        os.truncate(path, 0)
        daemon.settle()
        copy.unlink()
        daemon.clock.seconds += generations.QUIET + 1
        daemon.walk()
    assert sorted(daemon.server.lines) == [["one"], ["two"]]


def sent_and_copied(daemon: Daemon) -> tuple[Path, Path]:
    """A file of one line that is sent, and a copy of it."""
    path, copy = daemon.files / "a.jsonl", daemon.files / "a.jsonl.9"
    path.write_text("one\n")
    daemon.send()
    shutil.copyfile(path, copy)
    return path, copy


def test_a_copy_that_was_looked_at_before_its_file_was_emptied_goes_on_with_its_log(
    daemon: Daemon,
) -> None:
    path, copy = sent_and_copied(daemon)
    daemon.look(copy.name)
    os.truncate(path, 0)
    daemon.look(path.name)  # Alone: a file that grows is looked at when its second is over.
    daemon.settle()
    assert daemon.server.lines == [["one"]]


@pytest.mark.parametrize(
    ("name", "copied"),
    [*(("a.jsonl.9", copied) for copied in (0, 2, 4, 6, 8)), ("a-2026.jsonl", 4)],
)
def test_a_copy_that_was_looked_at_when_it_was_half_made_goes_on_with_its_log(
    daemon: Daemon, copied: int, name: str
) -> None:
    path, copy = daemon.files / "a.jsonl", daemon.files / name
    path.write_text("one\ntwo\nthree\n")
    daemon.send()
    copy.write_text(path.read_text()[:copied])
    daemon.look(copy.name)
    daemon.send()
    shutil.copyfile(path, copy)
    daemon.look(copy.name)
    os.truncate(path, 0)
    daemon.settle()
    assert daemon.server.lines == [["one", "two", "three"]]


def test_what_is_written_behind_a_rotation_is_told_though_its_file_is_moved_away(
    daemon: Daemon,
) -> None:
    path, _ = sent_and_copied(daemon)
    daemon.walk()
    os.truncate(path, 0)
    daemon.walk()
    path.write_text("two\n")
    path.rename(daemon.files / "out-of-sight")
    daemon.settle()
    assert daemon.server.lines == [["one"], ["two"]]


def test_a_file_that_stays_the_beginning_of_a_log_is_one_of_its_own(daemon: Daemon) -> None:
    path, copy = daemon.files / "a.jsonl", daemon.files / "a.jsonl.9"
    path.write_text("one\ntwo\n")
    daemon.send()
    copy.write_text("one\n")
    daemon.look(copy.name)
    daemon.settle()
    assert sorted(daemon.server.lines) == [["one"], ["one", "two"]]
