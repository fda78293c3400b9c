"""`syncd restore` of many files, on a real ledger and real files, with the daemon down."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from syncd.core.model import Digest, Key
from syncd.ledger.events import Event
from tests.cli.test_commands import Terminal
from tests.test_control import Home

MORNING, NOON, EVENING = (
    datetime(2026, 1, 1, hour, tzinfo=UTC).timestamp() for hour in (6, 12, 18)
)
AT_NOON = "2026-01-01T12:30:00+00:00"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A folder `sub` with three files of the morning, of which `a` was edited in the evening,
    `new` was made then, and `away` was renamed at noon.
    """
    home = Home(tmp_path)
    (home.store / "sub").mkdir()
    for name in ("a", "b", "é"):
        told(home, f"sub/{name}.json", "pushed", MORNING, b"1")
    told(home, "sub/a.json", "pulled", EVENING, b"2")
    told(home, "sub/new.json", "pushed", EVENING, b"3")
    told(home, "sub/away.json", "pushed", MORNING, b"4")
    told(home, "sub/away.json", "moved", NOON, None)
    told(home, "subtle.json", "pushed", MORNING, b"5")
    told(home, "sub.json", "pushed", MORNING, b"6")
    return Terminal(home)


def told(home: Home, path: str, what: str, at: float, body: bytes | None) -> None:
    digest: Digest | None = None
    if body is not None:
        digest = home.history.put(body)
        (home.store / path).write_bytes(body)
    with home.ledger() as ledger, ledger.transaction():
        revision = 1 if at == MORNING else 2
        ledger.events.add(Event(Key("flows", path), what, at, digest, revision, "d"))
    if body is None:
        (home.store / path).unlink()


def held(terminal: Terminal) -> dict[str, bytes]:
    root = terminal.home.store
    return {
        each.relative_to(root).as_posix(): each.read_bytes()
        for each in root.rglob("*")
        if each.is_file()
    }


def test_a_folder_that_is_gone_comes_back_as_it_was_last(terminal: Terminal) -> None:
    before = held(terminal)
    shutil.rmtree(terminal.home.store / "sub")
    code, out, err = terminal.run("restore", "flows:sub/", "--deleted")
    assert (code, err) == (0, "")
    assert held(terminal) == before
    assert "restored flows:sub/a.json: it was gone\n" in out
    assert out.endswith("4 files restored\n")


def test_what_is_there_is_left_alone_where_only_what_is_gone_is_wanted(terminal: Terminal) -> None:
    for name in ("b.json", "new.json"):
        (terminal.home.store / "sub" / name).unlink()
    (terminal.home.store / "sub" / "é.json").rename(terminal.home.store / "sub" / "e\u0301.json")
    (terminal.home.store / "sub" / "a.json").write_bytes(b"edited")
    code, out, _ = terminal.run("restore", "flows:", "--deleted", "--at", AT_NOON)
    assert (code, out) == (0, "restored flows:sub/b.json: it was gone\n")
    assert held(terminal)["sub/a.json"] == b"edited"
    assert "sub/new.json" not in held(terminal), "it was not there then"


def test_a_folder_is_made_as_it_was_and_nothing_is_removed(terminal: Terminal) -> None:
    (terminal.home.store / "sub" / "b.json").unlink()
    code, out, _ = terminal.run("restore", str(terminal.home.store), "--at", AT_NOON)
    assert code == 0
    assert "restored flows:sub/a.json: what it held is in history\n" in out
    assert "restored flows:sub/b.json: it was gone\n" in out
    assert out.endswith("2 files restored; 3 files hold these bytes already\n")
    assert held(terminal) == {
        "sub.json": b"6", "sub/a.json": b"1", "sub/b.json": b"1", "sub/é.json": b"1",
        "sub/new.json": b"3", "subtle.json": b"5",
    }  # fmt: skip


def test_what_holds_it_already_is_not_nothing(terminal: Terminal) -> None:
    words = ("restore", str(terminal.home.store), "--at", AT_NOON)
    assert terminal.run(*words)[0] == 0
    assert terminal.run(*words) == (0, "5 files hold these bytes already\n", "")


def test_a_file_of_lines_has_no_versions(tmp_path: Path) -> None:
    lines = '[[store]]\nname = "perf"\nkind = "metric"\npath = "perf"\n'
    terminal = Terminal(Home(tmp_path, lines))
    for version in (("--at", "1h"), ("--deleted",)):
        code, _, err = terminal.run("restore", "perf:a.jsonl", *version)
        assert code == 2
        assert "lines; nothing was changed" in err
        assert "lines are only read" in err


def test_several_paths_are_restored_and_what_is_not_kept_keeps_none_from_it(
    terminal: Terminal,
) -> None:
    told(terminal.home, "sub/lost.json", "pushed", MORNING, b"7")
    for name in ("a.json", "b.json", "lost.json"):
        (terminal.home.store / "sub" / name).unlink()
    for each in terminal.home.state.history.rglob(content_of(b"7")):
        each.unlink()
    code, out, err = terminal.run(
        "restore", "flows:sub/a.json", "flows:sub/b.json", "flows:sub/lost.json", "--deleted"
    )
    assert (code, held(terminal)["sub/a.json"], held(terminal)["sub/b.json"]) == (1, b"2", b"1")
    assert out.endswith("2 files restored; 1 file stays as before\n")
    assert "flows:sub/lost.json: the bytes of" in err
    answer = terminal.json("restore", "flows:sub/a.json", "flows:sub/b.json", "--at", AT_NOON)
    assert [each["what"] for each in answer["done"]] == ["restored", "restored"]


def test_a_file_that_holds_a_version_needs_none_that_is_kept(terminal: Terminal) -> None:
    for each in terminal.home.state.history.rglob(content_of(b"1")):
        each.unlink()
    code, out, err = terminal.run("restore", "flows:sub/b.json", "--at", AT_NOON)
    assert (code, err) == (0, "")
    assert out == "restored flows:sub/b.json: it held these bytes already\n"


@pytest.mark.parametrize(("asked", "events"), [("flows:sub", 7), ("flows:", 9), ("flows:su", 0)])
def test_the_log_of_a_folder_is_that_of_the_files_below(
    terminal: Terminal, asked: str, events: int
) -> None:
    assert len(terminal.json("log", asked)["events"]) == events
    out = terminal.run("log", asked)[1]
    assert out.count("\n  flows:sub/a.json\n") == (2 if events else 0)


def test_what_cannot_be_chosen_changes_nothing(terminal: Terminal) -> None:
    before = held(terminal)
    for words in (["flows:sub/a.json", "flows:none.json"], ["flows:sub", "/etc/passwd"]):
        code, _, err = terminal.run("restore", *words, "--at", AT_NOON)
        assert (code, "nothing was changed" in err) == (2, True)
    assert held(terminal) == before


def content_of(body: bytes) -> str:
    from tests.ledger.test_ledger import content

    return f"*{content(body).digest[2:]}*"
