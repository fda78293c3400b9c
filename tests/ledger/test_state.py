"""The state folder: what cannot be looked at, or is lost, does not pass for missing."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.config import Config, load
from syncd.errors import LedgerError
from syncd.ledger.following import write_durably
from syncd.ledger.places import LEFT, SUCCESSOR
from syncd.ledger.state import StateFolder
from syncd.report.status import report
from tests.files.person import as_ordinary_user

URL = "http://x"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateFolder]:
    opened = StateFolder(tmp_path / "state")
    opened.open()
    yield opened
    opened.close()


def test_the_folder_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before_test = os.umask(0)
    try:
        opened(tmp_path)[1].close()
    finally:
        os.umask(before_test)
    assert stat.S_IMODE((tmp_path / ".syncd").stat().st_mode) == 0o700


def test_a_folder_that_was_made_open_is_closed_and_git_keeps_out_of_it(tmp_path: Path) -> None:
    (tmp_path / ".syncd").mkdir()
    (tmp_path / ".syncd").chmod(0o755)
    config, state = opened(tmp_path)
    state.close()
    assert stat.S_IMODE(config.state.stat().st_mode) == 0o700
    assert (config.state / ".gitignore").read_text() == "*\n"
    (ledger,) = (config.state / "ledger").glob("*.db")
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o600


@pytest.mark.parametrize("closed", [".", "ledger", "bindings.json"])
def test_a_ledger_that_may_not_be_looked_at_is_not_missing(closed: str, tmp_path: Path) -> None:
    report(opened(tmp_path)[0])  # As ourselves: the interpreter's files may be closed to others.

    def looked(base: Path) -> None:
        config, state = opened(base)
        place = config.state / closed
        place.chmod(0)
        try:
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                state.ledger_path(None, "default")
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                report(config)
            with pytest.raises(LedgerError, match="cannot be read: Permission denied"):
                state.open_ledger(None, "default")
        finally:
            place.chmod(0o700)
            state.close()

    as_ordinary_user(looked)


def opened(base: Path) -> tuple[Config, StateFolder]:
    (base / "config.toml").write_text("")
    config = load(base / "config.toml", {"SYNCD_TOKEN": "token"})
    state = StateFolder(config.state)
    state.open()
    state.open_ledger(None, "default").close()
    return config, state


LOST = [None, "", "{", "[]", "3"]
"""What is left of bindings that are lost."""


@pytest.mark.parametrize("text", LOST)
def test_a_ledger_is_found_again_where_the_bindings_are_lost(
    state: StateFolder, text: str | None
) -> None:
    former = made(state, "w", "former")
    bound = made(state, "w", "bound")
    made(state, "other", "of another workspace")
    os.utime(state.path / "tidemarks" / former.name, (0, 0))
    os.utime(former, (0, 0))
    lose(state, text)
    assert state.ledger_path(URL, "w") == bound
    assert state.ledger_path(None, "w") == bound
    with capture_logs() as told:
        assert whose(state, "w") == "bound"
    assert [each["event"] for each in told] == ["bindings_lost"]
    assert str(bound) in told[0]["next"]
    with capture_logs() as told:
        assert whose(state, "w") == "bound"
    assert told == []


@pytest.mark.parametrize("text", LOST)
def test_where_no_ledger_fits_lost_bindings_begin_anew(
    state: StateFolder, text: str | None
) -> None:
    made(state, "other", "of another workspace")
    foreign = made(state, "w", "of another folder")
    lose(state, text)
    (state.path / "nonce").unlink()
    assert state.ledger_path(URL, "w") is None
    with capture_logs() as told:
        assert whose(state, "w") is None
    assert [each["event"] for each in told] == ([] if text is None else ["bindings_lost"])
    assert state.ledger_path(URL, "w") not in (None, foreign)


def test_a_first_run_says_nothing_of_bindings(state: StateFolder) -> None:
    with capture_logs() as told:
        state.open_ledger(URL, "w").close()
    assert told == []


def made(state: StateFolder, workspace: str, name: str) -> Path:
    """A ledger of its own that says whose it is; what was bound before stays as it was."""
    ledger = state.new_ledger(URL, workspace)
    with ledger.transaction():
        ledger.places.put("whose", name)
    ledger.close()
    path = state.ledger_path(URL, workspace)
    assert path is not None
    return path


def lose(state: StateFolder, text: str | None) -> None:
    bindings = state.path / "bindings.json"
    if text is None:
        bindings.unlink()
    else:
        bindings.write_text(text)


def whose(state: StateFolder, workspace: str) -> str | None:
    ledger = state.open_ledger(URL, workspace)
    try:
        return ledger.places.get("whose")
    finally:
        ledger.close()


def test_a_ledger_is_told_that_another_followed_the_files_since(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "state")
    state.open()

    def left(url: str) -> bool:
        ledger = state.open_ledger(url, "w")
        try:
            return ledger.places.get(LEFT) is not None
        finally:
            ledger.close()

    assert not left("one"), "nobody was here before"
    assert not left("one")
    left("two")
    assert left("one")
    assert left("one"), "until it has seen to that"
    state.close()


@pytest.mark.parametrize("damaged", ["follows", "nonce", "bindings.json"])
def test_a_damaged_file_of_the_state_folder_ends_no_start(state: StateFolder, damaged: str) -> None:
    made(state, "w", "whose")
    (state.path / damaged).write_bytes(b"\xff\xfe")
    assert state.ledger_path(URL, "w") is not None
    assert whose(state, "w") == (None if damaged == "nonce" else "whose")


def test_where_it_is_not_known_who_followed_the_files_it_was_another(state: StateFolder) -> None:
    state.open_ledger(URL, "w").close()
    (state.path / "follows").write_bytes(b"\xff\xfe")
    ledger = state.open_ledger(URL, "w")
    assert ledger.places.get(LEFT) is not None
    ledger.close()


@pytest.mark.parametrize("lost", [(), ("nonce",), ("nonce", "bindings.json")])
def test_a_ledger_knows_that_it_is_not_the_first_whatever_is_lost(
    state: StateFolder, lost: tuple[str, ...]
) -> None:
    first = state.open_ledger(URL, "w")
    assert first.places.get(SUCCESSOR) is None
    first.close()
    for name in lost:
        (state.path / name).unlink()
    second = state.open_ledger(URL, "w" if lost else "other")
    assert second.places.get(SUCCESSOR) is not None
    second.close()


def test_what_is_written_durably_has_its_name_durably(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            seen.append((tmp_path / "follows").read_text())
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    for text in ("one", "two"):
        write_durably(tmp_path / "follows", text)
    assert seen == ["one", "two"]


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some space"),
                           (errno.EROFS, "make it writable")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["nonce", "bindings.json", "follows"])
def test_what_lies_beside_the_ledger_and_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int, advice: str
) -> None:
    rename = Path.rename

    def refused(self: Path, target: Path) -> Path:
        if target.name == name:
            raise OSError(number, os.strerror(number))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    state = StateFolder(tmp_path / ".syncd")
    state.open()
    with pytest.raises(LedgerError, match=f"{name} cannot be written") as raised:
        state.open_ledger("http://a", "w").close()
    assert raised.value.advice.startswith(advice)
    state.close()
