"""Commands with the daemon down, on a real ledger: what they print, and their exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from syncd.cli import registered
from syncd.cli.app import reporting
from syncd.cli.doctor import _findings as findings
from syncd.cli.health import _print as told_in_words
from syncd.cli.naming import key_of, place_of, seconds_of, time_of
from syncd.cli.text import moment, shown, size
from syncd.config import Config, load
from syncd.core.decision import FileState, Heard
from syncd.core.model import Applied, Conflict, Cursor, Digest, Hold, Key, Refused, Snapshot
from syncd.core.news import Page
from syncd.core.reading import Stat
from syncd.doctor import ledger as ledger_checks
from syncd.doctor.finding import Finding, ok
from syncd.errors import ConfigError, Unauthorized
from syncd.ledger.events import Event
from syncd.ledger.state import StateFolder
from syncd.report.planning import plan as planned
from syncd.report.standing import HealthReport, Readiness, State
from tests.ledger.test_ledger import claim, content, push
from tests.test_control import KEY, MINE, THEIRS, Home

COMMANDS = [
    ["conflicts", "list"], ["conflicts", "show"], ["conflicts", "diff"], ["conflicts", "resolve"],
    ["conflicts", "undo"], ["log"], ["restore"], ["approve"], ["reject"], ["retry"],
]  # fmt: skip
EXAMPLES = 2


class Terminal:
    """A person at the command line of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.config = str(home.config.source)

    def run(self, *words: str) -> tuple[int, str, str]:
        from syncd.cli import app, conflicts, decide, explain, log, plan, restore, status  # noqa: F401 - they register

        result = CliRunner().invoke(app.app, [*words, "--config", self.config])
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.stdout, result.stderr

    def json(self, *words: str) -> Any:
        _, out, _ = self.run(*words, "--json")
        told = json.loads(out)
        assert told["version"] == 1
        return told


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(Home(tmp_path))


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "clashes", "unmerged"),
    [
        (b'{"a":1,"b":[1]}', b'{"a":2,"b":[1]}', b'{"a":3,"b":[2]}', ["/a"], None),
        (b'{"a":[1]}', b'{"a":5}', b'{"a":"x"}', ["/a"], None),
        (None, b'{"a":2}', b'{"a":3}', [], "the two never met before and do not carry the same id"),
        (b'{"a":1}', b'{"a":2}', b'{"a":1,"b":1}', [], None),
        (
            b'{"a":1}',
            b"no JSON",
            b'{"a":2}',
            [],
            "the file cannot be merged: it is not JSON, or nests too deep",
        ),
    ],
)
def test_what_both_sides_changed_is_told(
    terminal: Terminal, base: bytes | None, mine: bytes, theirs: bytes, clashes: list[str],
    unmerged: str | None,
) -> None:  # fmt: skip
    terminal.home.save(mine)
    terminal.home.conflict(base, theirs)
    told = terminal.json("conflicts", "show", "1")
    assert told["clashes"] == clashes
    assert told["unmerged"] == unmerged
    out = terminal.run("conflicts", "show", "1")[1]
    assert ("both    " in out) == bool(clashes)
    assert (f"why     {unmerged}\n" in out) == (unmerged is not None)


def test_a_difference_in_line_ends_alone_is_told(terminal: Terminal) -> None:
    terminal.home.save(b"{\r\n}\r\n")
    terminal.home.conflict(None, b"{\n}\n")
    code, out, _ = terminal.run("conflicts", "diff", "1")
    assert (code, out) == (0, "the versions differ in how their lines end, and in nothing else\n")


def test_what_both_sides_changed_is_not_guessed_without_what_they_began_with(
    terminal: Terminal,
) -> None:
    terminal.home.save(b'{"a":2}')
    terminal.home.conflict(b'{"a":1}', b'{"a":3}')
    with terminal.home.ledger() as ledger, ledger.transaction() as connection:
        gone = connection.execute(
            "DELETE FROM contents WHERE digest = ?", (content(b'{"a":1}').digest,)
        )
        assert gone.rowcount == 1
    told = terminal.json("conflicts", "show", "1")
    assert (told["clashes"], told["unmerged"]) == ([], None)


def test_many_places_are_told_in_short(terminal: Terminal) -> None:
    terminal.home.save(json.dumps({f"{n:03}": 1 for n in range(200)}).encode())
    terminal.home.conflict(b"{}", json.dumps({f"{n:03}": 2 for n in range(200)}).encode())
    assert len(terminal.json("conflicts", "show", "1")["clashes"]) == 200
    out = terminal.run("conflicts", "show", "1")[1]
    assert "both    /000, /001, /002, /003, /004 and 195 more: changed" in out


def test_of_many_conflicts_some_are_listed_and_all_as_json(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.cli.conflicts.LISTED", 2)
    terminal.home.save(MINE)
    for number in range(4):
        terminal.home.conflict(theirs=b'{"by":"them, %d"}' % number)
    out = terminal.run("conflicts", "list")[1]
    assert out.count("-> syncd conflicts diff") == 2
    assert out.endswith("... and 2 more: --json lists them\n4 open conflicts\n")
    assert len(terminal.json("conflicts", "list")["conflicts"]) == 4


async def test_the_doctor_hears_ctrl_c_between_two_checks(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []

    async def examine(_: Config) -> AsyncIterator[Finding]:
        for number in range(100):
            looked.append(number)
            yield ok("number", str(number))

    monkeypatch.setattr("syncd.doctor.examine.examine", examine)
    looking = asyncio.create_task(findings(terminal.home.config, aloud=False))
    await asyncio.sleep(0)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert len(looked) < 100


def test_a_conflict_is_listed_shown_compared_resolved_and_undone(terminal: Terminal) -> None:
    home = terminal.home
    assert terminal.run("conflicts", "list") == (0, "no open conflicts\n", "")
    home.save(MINE)
    home.conflict()
    code, out, _ = terminal.run("conflicts", "list")
    assert code == 4
    assert "1  flows:a.json\n" in out
    assert "the file won over revision 4 of device-2" in out
    assert "-> syncd conflicts diff 1\n1 open conflict\n" in out

    code, out, _ = terminal.run("conflicts", "show", "1")
    assert code == 0
    assert f"theirs  {content(THEIRS).digest[:12]}  13 B, by revision 4 of device-2" in out
    assert f"mine    {content(MINE).digest[:12]}  11 B, by this machine" in out
    assert "both    /by: changed on both sides, the rest is merged\n" in out
    assert terminal.run("conflicts", "show", "1", "--theirs")[1].encode() == THEIRS

    code, out, _ = terminal.run("conflicts", "diff", "1")
    assert out.splitlines()[-2:] == ["-" + THEIRS.decode(), "+" + MINE.decode()]
    assert "+++ mine (the file, before it was merged)\n" in out
    merged = b'{"by":"both"}'
    with home.ledger() as ledger, ledger.transaction():
        before = Event(Key("flows", "a.json"), "pulled", 4.0, content(b"{}").digest, 3, "d")
        ledger.events.add(before)
    assert "+++ mine (" in terminal.run("conflicts", "diff", "1")[1]
    with home.ledger() as ledger, ledger.transaction():
        ledger.contents.put(content(merged).digest, merged)
        ledger.events.add(Event(before.key, "merged", 5.0, content(merged).digest, 4, "d"))
    out = terminal.run("conflicts", "diff", "1")[1]
    assert "+++ the file, as it was mirrored last\n" in out
    assert out.splitlines()[-2:] == ["-" + THEIRS.decode(), "+" + merged.decode()]

    code, out, _ = terminal.run("conflicts", "resolve", "1", "--theirs")
    assert (code, home.reads()) == (0, THEIRS)
    assert "resolved flows:a.json: the file holds their version; what it held is in history" in out
    assert terminal.run("conflicts", "list")[0] == 0
    assert "resolved: theirs" in terminal.run("conflicts", "list", "--all")[1]

    assert terminal.run("conflicts", "undo", "1")[0] == 0
    assert home.reads() == MINE
    assert [event["what"] for event in terminal.json("log", "flows:a.json")["events"]] == [
        "reopened", "undone", "decided", "resolved", "merged", "pulled", "conflict",
    ]  # fmt: skip


def test_json_is_ascii_and_so_json_in_every_locale(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    path = "\N{LATIN SMALL LETTER E WITH ACUTE}t\N{GRINNING FACE}.json"
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.events.add(Event(Key("flows", path), "pulled", 4.0))
    out = terminal.run("log", "--json")[1]
    assert out.isascii()
    assert path in str(json.loads(out))


def test_status_counts_what_is_open_and_says_how_to_go_on(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    terminal.home.conflict()
    code, out, _ = terminal.run("status")
    assert code == 4
    assert "`syncd conflicts diff 1` compares; `syncd conflicts resolve 1 --mine`" in out
    terminal.run("conflicts", "resolve", "1", "--mine")
    assert terminal.json("status")["conflicts"] == 0


def test_status_without_a_daemon_says_that_what_its_parts_told_is_over(terminal: Terminal) -> None:
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.report({"deployment": ("online", "device laptop")}, time.time() - 7200)
    _, out, _ = terminal.run("status")
    assert "deployment: online as told 2 h ago (device laptop)\n" in out
    assert out.startswith("halted: no daemon runs; nothing waits, saves are not seen. Start ")


@pytest.mark.parametrize(
    ("state", "said"),
    [(State.AUTH_FAILED, "halted: auth-failed\n"), (State.HALTED, "halted: its folder is away\n")],
)
def test_health_says_in_a_line_why_it_halts(
    capsys: pytest.CaptureFixture[str], state: State, said: str
) -> None:
    told = HealthReport(readiness=Readiness.HALTED, state=state, detail="its folder is away")
    told_in_words(told, as_json=False)
    assert capsys.readouterr().out == said


def test_status_without_a_daemon_tells_of_a_pause(terminal: Terminal) -> None:
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.places.put("paused", "inf")
    out = terminal.run("status")[1]
    assert out.startswith("halted: no daemon runs, and mirroring is paused until `syncd resume`; ")
    until = time.time() + 3600
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.places.put("paused", repr(until))
    paused = f"mirroring is paused until {moment(until)}, or `syncd resume`"
    assert f"no daemon runs, and {paused}; nothing waits" in terminal.run("status")[1]
    found = [each for each in ledger_checks.examine(terminal.home.config) if each.check == "pause"]
    assert [(each.evidence, each.fix) for each in found] == [
        (f"{paused}: what is saved is not sent", "syncd resume")
    ]
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.places.put("paused", "")
    assert "paused" not in terminal.run("status")[1]
    assert "pause" not in [each.check for each in ledger_checks.examine(terminal.home.config)]


def test_a_file_of_ones_own_resolves_a_conflict(terminal: Terminal, tmp_path: Path) -> None:
    terminal.home.save(MINE)
    terminal.home.conflict()
    merged = tmp_path / "merged.json"
    merged.write_bytes(b'{"by":"both"}')
    told = terminal.json("conflicts", "resolve", "1", "--file", str(merged))
    assert [done["what"] for done in told["done"]] == ["resolved"]
    assert terminal.home.reads() == b'{"by":"both"}'


def test_a_file_that_does_not_parse_resolves_nothing_unless_it_is_no_worse(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.home.save(MINE)
    terminal.home.conflict()
    (half := tmp_path / "half.json").write_bytes(b'{"by":"bo')
    code, _, err = terminal.run("conflicts", "resolve", "1", "--file", str(half))
    assert code == 2
    assert "conflict 1: the file that was sent does not parse: " in err
    assert "nothing was changed" in err
    assert terminal.home.reads() == MINE
    assert terminal.run("conflicts", "list")[0] == 4
    terminal.home.save(b'{"by":')
    assert terminal.run("conflicts", "resolve", "1", "--file", str(half))[0] == 0
    assert terminal.home.reads() == b'{"by":"bo'


def test_several_conflicts_are_resolved_at_once(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    numbers = [str(terminal.home.conflict()) for _ in range(3)]
    code, out, err = terminal.run("conflicts", "resolve", *numbers[:2], "99", "--mine")
    assert (code, out.count("resolved flows:a.json"), "no conflict 99" in err) == (2, 2, True)
    assert [each["number"] for each in terminal.json("conflicts", "list")["conflicts"]] == [3]


def test_an_earlier_version_is_restored_by_revision_digest_and_time(terminal: Terminal) -> None:
    home = terminal.home
    versions = {revision: b'{"revision":%d}' % revision for revision in (1, 2, 3)}
    with home.ledger() as ledger, ledger.transaction():
        for revision, body in versions.items():
            digest = home.history.put(body)
            at = datetime(2026, 1, revision, tzinfo=UTC).timestamp()
            ledger.events.add(Event(Key("flows", "a.json"), "pulled", at, digest, revision, "d"))
    home.save(MINE)
    asked = {
        2: ("--rev", "2"), 3: ("--digest", content(versions[3]).digest[:8]),
        1: ("--at", "2026-01-01T12:00:00+00:00"),
    }  # fmt: skip
    for revision, how in asked.items():
        code, out, err = terminal.run("restore", "flows:a.json", *how)
        assert (code, err) == (0, "")
        assert "restored flows:a.json: what it held is in history" in out
        assert home.reads() == versions[revision]
    assert home.history.get(content(MINE).digest) == MINE
    code, _, err = terminal.run("restore", "flows:a.json", "--at", "2025-12-31T12:00:00+00:00")
    assert (code, "what it held then is not remembered; nothing" in err) == (2, True)
    assert home.reads() == versions[1]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["conflicts", "show", "9"], 2, "there is no conflict 9"),
        (["conflicts", "resolve", "9", "--mine"], 2, "there is no conflict 9; nothing was changed"),
        (["conflicts", "show", f"{10**20}"], 2, "there is no conflict 100000000000000000000"),
        (["conflicts", "undo", f"{10**20}"], 2, "there is no conflict 100000000000000000000"),
        (["conflicts", "resolve", "1"], 2, "choose one side; nothing was changed"),
        (["conflicts", "resolve", "1", "--mine", "--theirs"], 2, "choose one side"),
        (["conflicts", "resolve", "1"], 2, "say --mine, --theirs, --base or --file PATH"),
        (["conflicts", "show", "1", "--mine", "--theirs"], 2, "say --mine, --theirs or --base\n"),
        (["conflicts", "show", "9"], 2, "there is no conflict 9; nothing was changed"),
        (["conflicts", "resolve", "--mine"], 2, "name conflicts, or say --all"),
        (["conflicts", "resolve", "1", "--all", "--mine"], 2, "name conflicts, or say --all"),
        (["conflicts", "resolve", "1", "--file", "/none"], 2, "cannot be read"),
        (["restore", "flows:a.json"], 2, "say which version; nothing was changed"),
        (["restore", "flows:a.json", "--rev", "7"], 2, "revision 7 is not remembered"),
        (["restore", "flows:a.json", "--rev", f"{10**20}"], 2, "is not remembered"),
        (["restore", "flows:a.json", "--digest", "ff"], 2, "no versions have a digest"),
        (["restore", "flows:a.json", "--at", "soon"], 2, "'soon' is no time"),
        (["restore", "flows:a.json", "--at", "2h"], 2, "what it held then is not remembered"),
        (["restore", "flows:a.json", "--deleted"], 2, "nothing is remembered of it; nothing was"),
        (["restore", "flows:a.json", "--deleted", "--rev", "1"], 2, "say which version; nothing"),
        (["restore", "flows:", "--deleted"], 0, "nothing to restore, as far as is remembered"),
        (["restore", "flows:"], 2, "say which versions; nothing was changed"),
        (["restore", "flows:", "--rev", "1"], 2, "is a folder: its files have versions"),
        (["restore", "/etc/passwd", "--at", "2h"], 2, "lies in no store; nothing was changed"),
        (["approve"], 2, "name one store, or say --all"),
        (["approve", "nowhere"], 2, "no store is named 'nowhere'; nothing was changed"),
        (["reject", "--all"], 0, "no deletion waits"),
        (["retry"], 0, "nothing is held or parked"),
        (["log"], 0, "nothing is recorded"),
        (["log", "--most", f"{10**20}"], 0, "nothing is recorded"),
        (["explain", f"flows:{300 * 'a'}.txt"], 0, "is too long"),
    ],
)
def test_what_cannot_be_done_is_said(
    terminal: Terminal, words: list[str], code: int, said: str
) -> None:
    found, out, err = terminal.run(*words)
    assert found == code, err
    assert said.replace("\n", " ") in (out + err).replace("\n", " ")
    if code:
        assert "->" in err


def test_a_link_to_itself_is_a_path_like_any_other(terminal: Terminal) -> None:
    (terminal.home.store / "circle").symlink_to("circle")
    place = terminal.home.store / "circle" / "a.json"
    _, out, err = terminal.run("explain", str(place))
    assert ("flows:circle/a.json" in out, err) == (True, "")


def bare(folder: Path, stores: str = "") -> Terminal:
    """A person whose configuration was never run."""
    (folder / "config.toml").write_text(stores)
    terminal = Terminal.__new__(Terminal)
    terminal.config = str(folder / "config.toml")
    return terminal


@pytest.mark.parametrize("words", [["verify"], ["run"], ["sync", "--once"]])
def test_without_a_store_nothing_is_said_to_be_the_same(tmp_path: Path, words: list[str]) -> None:
    registered()
    code, out, err = bare(tmp_path, 'url = "http://127.0.0.1:9"\n').run(*words)
    assert (code, out) == (2, "")
    assert "names no store; nothing was started\n  -> add a [[store]]" in err


@pytest.mark.parametrize("command", ["status", "init", "dev"])
def test_a_folder_that_is_gone_is_no_place_to_type_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    here.rmdir()
    ran = CliRunner().invoke(registered(), [command])
    assert ran.exit_code == 2
    assert "is gone; nothing was changed\n  -> change to one that is there\n" in ran.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        ExceptionGroup("", [ExceptionGroup("", [RuntimeError("can't start new thread")])]),
    ],
)
def test_a_machine_without_threads_or_memory_is_told_in_words(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> int:
        raise error

    with pytest.raises(typer.Exit) as ended:
        reporting(command)()
    assert ended.value.exit_code == 1
    assert "no edit is lost\n  -> raise the limit of processes" in capsys.readouterr().err


def test_a_fault_of_the_program_is_not_put_into_words() -> None:
    def command() -> int:
        raise RuntimeError("what nobody thought of")

    with pytest.raises(RuntimeError, match="what nobody thought of"):
        reporting(command)()


def test_without_a_store_no_file_can_be_named(tmp_path: Path) -> None:
    code, _, err = bare(tmp_path).run("explain", "a.json")
    assert code == 2
    assert f"-> add a [[store]] to {tmp_path}/config.toml: it names none\n" in err


STORE = 'url = "http://127.0.0.1:9"\n[[store]]\nname = "a"\nkind = "file"\npath = "a"\n'


def test_what_was_never_run_is_told_once_and_nobody_is_asked(tmp_path: Path) -> None:
    code, out, err = bare(tmp_path, STORE).run("plan")
    assert (code, out, err.count("has not run here yet; nothing was changed")) == (2, "", 1)
    assert "not asked" not in err


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", "names no store: `syncd init` finds those that are here"),
        (STORE, "no token of this device's: `CONVEX_DEPLOY_KEY=... syncd init` enrolls it"),
        (STORE.replace("http://127.0.0.1:9", "embedded"), "yet: start `syncd run`"),
    ],
)
def test_what_never_ran_is_told_what_comes_first(tmp_path: Path, lines: str, said: str) -> None:
    code, out, _ = bare(tmp_path, lines).run("status")
    first = out.partition("\n")[0]
    assert (code, first.endswith(said)) == (6, True), first
    assert first.startswith("needs-init: syncd has not run here yet")


def test_what_ran_with_another_deployment_is_told_apart(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal.home.ledger():
        pass
    monkeypatch.setenv("CONVEX_URL", "http://127.0.0.1:9")
    said = "syncd has not run here with http://127.0.0.1:9 yet, but with another deployment or none"
    code, out, _ = terminal.run("status")
    assert (code, out.startswith(f"needs-init: {said} (CONVEX_URL")) == (6, True), out
    assert "no token of this device's" in out
    for command in ("plan", "log"):
        code, _, err = terminal.run(command)
        assert (code, said in err) == (2, True), err
    terminal.home.state.open()
    code, out, _ = terminal.run("status")
    terminal.home.state.close()
    assert (code, said in out, "syncd init" in out) == (6, True, False), out


def test_a_store_that_was_never_in_touch_is_something_to_do(terminal: Terminal) -> None:
    with terminal.home.ledger():
        pass
    code, out, _ = terminal.run("plan", "--exit-code")
    assert code == 7
    assert out.startswith("flows was not in touch with the deployment yet: `syncd init`")
    assert "\nnothing else to do; " in out


async def test_where_nothing_was_heard_ever_the_deployment_is_not_asked_for_news(
    terminal: Terminal,
) -> None:
    class Refusing:
        async def changes(self, stores: Sequence[str], cursor: Cursor | None) -> Page:
            raise Unauthorized("refused", "enroll")

    with terminal.home.ledger():
        pass
    assert (await planned(terminal.home.config, Refusing())).heard is False
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.passing.heard(Cursor("1"))
    with pytest.raises(Unauthorized):
        await planned(terminal.home.config, Refusing())


def test_plan_counts_what_was_decided_before_and_waits(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    with terminal.home.ledger() as ledger:
        ledger.commit([push(MINE)], 0.0)
    code, out, _ = terminal.run("plan", "--exit-code")
    assert code == 7
    assert "\n1 change waits in the outbox; the deployment was not asked\n" in f"\n{out}"
    assert terminal.json("plan")["waiting"] == 1


def test_many_that_are_held_alike_are_told_once_and_hide_no_other(terminal: Terminal) -> None:
    full, cut = Hold("disk-full", "no space", "free some"), Hold("not-json", "cut", "mend it")
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.hold("flows", "cut.json", cut, 1.0)
        for number in range(1200):
            ledger.attention.hold("flows", f"{number:04}.json", full, 2.0)
    _, out, _ = terminal.run("status")
    told = out[out.index("held: ") :].splitlines()
    assert told[:3] == ["held: 1,200 keys: disk-full", "  no space", "    flows:0000.json"]
    assert told[-5:] == [
        "    ... and 1,190 more: `syncd plan --json`", "  -> free some",
        "held flows:cut.json: not-json", "  cut", "  -> mend it",
    ]  # fmt: skip
    assert len(told) == 17


def test_many_conflicts_are_told_once(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    for _ in range(30):
        terminal.home.conflict()
    _, out, _ = terminal.run("status")
    assert out.count("both sides changed it") == 1
    assert "30 conflicts: both sides changed it\n" in out
    assert out.count("    flows:a.json\n") == 1
    assert "`syncd conflicts list` numbers them" in out.replace("\n", " ")
    done = terminal.run("conflicts", "resolve", "--all", "--mine")[1].splitlines()
    assert (len(done), done[-1]) == (21, "... and 10 more")


def test_what_was_refused_is_neither_nothing_to_do_nor_about_to_be_sent(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    with terminal.home.ledger() as ledger:
        ledger.commit([push(MINE)], 0.0)
        (sent,) = claim(ledger)
        ledger.acknowledge([(sent, Refused("too-large", "9 bytes; at most 8"))], "me", 0.0)
    code, out, _ = terminal.run("plan", "--exit-code")
    assert code == 7
    assert "1 refused change waits for a new save or `syncd retry`" in out
    assert terminal.json("plan")["parked"] == 1
    _, out, _ = terminal.run("explain", "flows:a.json")
    assert "next    nothing, until it is saved anew or `syncd retry`" in out


def test_explain_tells_the_open_conflicts_of_a_file(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    assert terminal.json("explain", "flows:a.json")["conflicts"] == []
    terminal.home.conflict()
    code, out, _ = terminal.run("explain", "flows:a.json")
    assert code == 4
    assert "\n  conflict 1, open\n          -> `syncd conflicts diff 1` compares\n" in out
    (told,) = terminal.json("explain", "flows:a.json")["conflicts"]
    assert (told["number"], told["theirs"]["revision"]) == (1, 4)
    terminal.home.conflict()
    assert "\n  conflicts 1, 2, open\n" in terminal.run("explain", "flows:a.json")[1]
    for words in (["explain", "flows:b.json"], ["conflicts", "resolve", "--all", "--mine"],
                  ["explain", "flows:a.json"]):  # fmt: skip
        code, out, _ = terminal.run(*words)
        assert (code, ", open" in out) == (0, False)


def test_explain_tells_why_a_file_is_not_taken_as_it_is(terminal: Terminal) -> None:
    terminal.home.save(b'{"cut')
    code, out, _ = terminal.run("explain", "flows:a.json")
    assert (code, "\n  here    not taken: not-json\n" in out) == (4, True)
    assert terminal.json("explain", "flows:a.json")["unread"] == "not-json"
    terminal.home.save(MINE)
    assert terminal.json("explain", "flows:a.json")["unread"] is None


def test_explain_tells_of_a_folder_in_a_files_place_what_is_done_about_it(
    terminal: Terminal,
) -> None:
    terminal.home.save(MINE)
    with terminal.home.ledger() as ledger:
        ledger.commit([push(MINE)], 0.0)
        (sent,) = claim(ledger)
        ledger.acknowledge([(sent, Applied(1, 1))], "me", 0.0)
    path = terminal.home.store / "a.json"
    path.unlink()
    path.mkdir()
    (path / "below.json").write_bytes(MINE)
    code, out, _ = terminal.run("explain", "flows:a.json")
    assert (code, "\n  here    no file\n" in out, "\n  next    push\n" in out) == (0, True, True)
    with terminal.home.ledger() as ledger:
        news = Heard(KEY, Snapshot(2, content(b"{}"), 2), "device-2", b"{}")
        ledger.hear([news], Cursor("2"))
    code, out, _ = terminal.run("explain", "flows:a.json")
    assert (code, "\n  here    not taken: not-a-file\n" in out) == (4, True)


def test_explain_says_where_it_tells_what_was_last_heard(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.home.save(MINE)
    assert "\n  there   never heard of\n" in terminal.run("explain", "flows:a.json")[1]
    with terminal.home.ledger() as ledger:
        ledger.hear([Heard(KEY, Snapshot(2, content(MINE)), "device-2", MINE)], Cursor("2"))
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.report({"deployment": ("online", ""), "feed": ("current", "")}, 1.0)
    there = f"  there   {content(MINE).digest[:12]}, {len(MINE)} B, revision 2"
    stopped = terminal.run("explain", "flows:a.json")[1]
    assert f"\n{there}, as last heard: no daemon runs\n" in stopped
    monkeypatch.setattr(StateFolder, "owner", lambda _: os.getpid())
    assert f"\n{there}\n" in terminal.run("explain", "flows:a.json")[1]
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.places.put("paused", "inf")
    told = terminal.json("explain", "flows:a.json")
    assert told["out_of_touch"] == "mirroring is paused"
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.places.put("paused", "")
        ledger.attention.report({"deployment": ("offline", "no route")}, 2.0)
    told = terminal.json("explain", "flows:a.json")
    assert told["out_of_touch"] == "the deployment is not heard"


def test_explain_of_a_folder_does_not_say_that_its_files_are_not_mirrored(
    terminal: Terminal,
) -> None:
    terminal.home.save(MINE)
    (store,) = terminal.home.config.stores
    (store.path / "sub").mkdir()
    code, out, _ = terminal.run("explain", "flows:sub")
    assert code == 0
    assert "not mirrored: it is a folder, and only files are" in out
    assert "next    nothing: name one of its files, or `syncd log flows:sub`" in out


def test_a_guard_is_approved_with_the_daemon_down(terminal: Terminal) -> None:
    from syncd.core.guard import Direction, Guard

    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.set_guard(Guard("flows", "many", 12, Direction.TO_REMOTE, 1.0))
    assert "flows" in terminal.run("approve", "--all")[1]
    with terminal.home.ledger() as ledger:
        assert ledger.attention.guards() == {}
    assert terminal.run("approve", "flows") == (0, "no deletion waits\n", "")


def test_as_many_deletions_wait_as_are_listed(terminal: Terminal) -> None:
    from syncd.core.guard import Direction, Guard, RootState, guard

    replaced = guard("flows", RootState.REPLACED, 2, 0)
    assert replaced is not None
    waiting = {Key("flows", f"{name}.json"): Digest("0" * 64) for name in "abc"}
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.set_guard(replaced)
    assert "\n  2 deletions wait and nothing is lost" in terminal.run("status")[1]
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.deletions.put(Direction.TO_REMOTE, waiting, "waiting", 0.0)
    assert "\n  3 deletions wait and nothing is lost" in terminal.run("status")[1]
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.set_guard(Guard("flows", "its folder is missing", 7))
    assert "\n  its 7 files stay on the deployment" in terminal.run("status")[1]


def test_files_whose_deletion_waits_are_not_counted_as_here(terminal: Terminal) -> None:
    from syncd.core.guard import Direction

    keys = [Key("flows", f"{name}.json") for name in "abcde"]
    file = FileState(Stat(1, 1, 1, 1), Digest("0" * 64), 1)
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.places.record_files((key, file) for key in keys)
        gone, going = dict.fromkeys(keys[:3], file.digest), {keys[3]: file.digest}
        ledger.deletions.put(Direction.TO_REMOTE, gone, "waiting", 0.0)
        ledger.deletions.put(Direction.TO_LOCAL, going, "waiting", 0.0)
    assert "\nstore flows: 2 files here, " in terminal.run("status")[1]


def test_retry_tells_what_is_looked_at_again(terminal: Terminal) -> None:
    with terminal.home.ledger() as ledger, ledger.transaction():
        ledger.attention.hold("flows", "b.json", Hold("bad-json", "no", "mend it"), 0.0)
    assert terminal.run("retry")[1] == "looked at again flows:b.json\n"
    said = "flows:c.json is neither held nor parked\n"
    assert terminal.run("retry", "flows:c.json")[1] == said


def test_names_cannot_drive_the_terminal(terminal: Terminal) -> None:
    evil = Key("flows", "\x1b[2J\u202egnp.json\r\n x\udcff\x07")
    with terminal.home.ledger() as ledger, ledger.transaction():
        lost = Conflict(None, content(MINE), Snapshot(4, content(THEIRS)))
        path = evil.path.replace("\udcff", "")
        ledger.contents.put(content(THEIRS).digest, b"\x1b]0;title\x07\n")
        ledger.contents.put(content(MINE).digest, b"a\tb\n")
        ledger.conflicts.add(Key("flows", path), lost, "\x1b[31mdevice", 5.0)
    for words in (["log"], ["conflicts", "list"], ["conflicts", "show", "1"],
                  ["conflicts", "diff", "1"]):  # fmt: skip
        _, out, _ = terminal.run(*words)
        assert all(each.isprintable() or each in "\n\t" for each in out), repr(out)
        assert r"\x1b" in out
    assert shown(evil.path) == r"\x1b[2J\u202egnp.json\r\n x\udcff\x07"


def test_lines_of_ordinary_names_fit_a_terminal(terminal: Terminal) -> None:
    home = terminal.home
    home.save(MINE)
    home.conflict()
    terminal.run("conflicts", "resolve", "1", "--theirs")
    home.conflict()
    for words in (["conflicts", "list", "--all"], ["conflicts", "show", "1"], ["log"],
                  ["log", "flows:a.json"]):  # fmt: skip
        _, out, _ = terminal.run(*words)
        assert out
        assert max(map(len, out.splitlines())) <= 80, out
        assert "\x1b" not in out


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_two_examples_and_tells_json(command: list[str]) -> None:
    from syncd.cli import app, conflicts, decide, log, restore  # noqa: F401 - they register

    out = CliRunner().invoke(app.app, [*command, "--help"], env={"COLUMNS": "200"}).stdout
    examples = out.split("Examples:")[1].split("│")[0]
    assert examples.count(f"`syncd {' '.join(command)}") >= 1
    assert examples.count("`syncd ") == EXAMPLES
    assert "--json" in out
    assert "--config" in out


def test_a_key_is_named_by_store_by_path_and_from_here(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, root = terminal.home.config, terminal.home.store.parent
    key = Key("flows", "sub/é.json")
    monkeypatch.chdir(root)
    for told in ("flows:sub/é.json", "flows/sub/é.json", str(root / "flows/sub/e\u0301.json"),
                 "sub/é.json"):  # fmt: skip
        assert key_of(config, told) == key
    with pytest.raises(ConfigError, match="lies in no store"):
        key_of(config, str(root / "config.toml"))
    for told in (str(root / "flows"), "flows", "flows/"):
        with pytest.raises(ConfigError, match="is the whole store 'flows'"):
            key_of(config, told)
    assert key_of(config, "flows:flows") == Key("flows", "flows")


def test_the_name_of_a_store_is_all_of_it_where_no_path_is_meant(tmp_path: Path) -> None:
    tables = ('[[store]]\nname = "notes"\nkind = "file"\npath = "texts"\n',
              '[[store]]\nname = "texts"\nkind = "file"\npath = "elsewhere"\n')  # fmt: skip
    (tmp_path / "config.toml").write_text("".join(tables))
    (tmp_path / "one.toml").write_text(tables[0])
    for file in ("config.toml", "one.toml"):
        config = load(tmp_path / file, {})
        assert place_of(config, "notes") == Key("notes", "")
        assert place_of(config, str(tmp_path / "texts")) == Key("notes", "")
        with pytest.raises(ConfigError, match="'notes' is the whole store 'notes'"):
            key_of(config, "notes")
    with pytest.raises(ConfigError, match="lies in no store"):
        place_of(load(tmp_path / "config.toml", {}), "note")


def test_a_time_is_told_by_the_clock_or_backwards() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert time_of("2h", now) == now.timestamp() - 7200
    assert time_of("30min ago", now) == now.timestamp() - 1800
    assert time_of("2026-11-23T11:00:00+00:00", now) == now.timestamp() - 3600
    local = datetime(2026, 11, 23, 11).astimezone()
    assert time_of("2026-11-23 11:00", now) == local.timestamp()
    for told in ("", "soon", "2026-13-01", "9999999d", "99999999999999h"):
        with pytest.raises(ConfigError, match="is no time"):
            time_of(told, now)


def test_a_length_of_time_is_told_as_such_or_by_its_end() -> None:
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    told = ("2h", "5m", "30 min", "2026-11-23T13:00:00+00:00")
    assert [seconds_of(each, now) for each in told] == [7200, 300, 1800, 3600]
    for each in ("2026-11-23T11:00:00+00:00", "0s"):
        with pytest.raises(ConfigError, match="is over already"):
            seconds_of(each, now)
    for each in ("", "1x", "-5m", "2h ago", "99999999999999d"):
        with pytest.raises(ConfigError, match="is no length of time"):
            seconds_of(each, now)


def test_a_file_of_which_nothing_is_known_is_named(terminal: Terminal) -> None:
    assert terminal.run("log")[1] == "nothing is recorded\n"
    assert terminal.run("log", "flows:no.json")[1] == "nothing is recorded of flows:no.json\n"


def test_a_version_whose_bytes_are_gone_is_not_compared_as_empty(terminal: Terminal) -> None:
    terminal.home.save(MINE)
    terminal.home.conflict()
    with terminal.home.ledger() as ledger, ledger.transaction() as connection:
        connection.execute("DELETE FROM contents WHERE digest = ?", (content(THEIRS).digest,))
    code, out, err = terminal.run("conflicts", "diff", "1")
    assert (code, out) == (2, "")
    assert f"the bytes of {content(THEIRS).digest[:12]} are not kept here" in err


def test_sizes_are_short() -> None:
    assert [size(each) for each in (None, 0, 9999, 10_000, 123_456_789)] == [
        "not kept here", "0 B", "9999 B", "10 kB", "123 MB",
    ]  # fmt: skip
