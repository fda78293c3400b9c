"""Lines for terminals of any width, and for pipes."""

from __future__ import annotations

import io
import os
import shutil
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.cli import status
from syncd.cli.text import cells, folded, padded, print_trouble
from syncd.report.standing import Part, State, StatusReport, StoreReport

WORDS = st.lists(st.text("ab-`>:日e\u0301", min_size=1, max_size=12), min_size=1, max_size=30)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(WORDS)
def test_what_is_piped_stays_one_line(words: list[str]) -> None:
    assert folded(" ".join(words), "  ", io.StringIO()) == " ".join(words)


@given(WORDS, st.sampled_from([20, 80, 160]))
def test_on_a_terminal_no_line_is_cut_and_no_word_is_lost(words: list[str], width: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((width, 24)))
        lines = folded("  -> " + " ".join(words), "     ", Terminal()).split("\n")
    indented = max(5 + cells(word) for word in words)
    assert all(cells(line) <= max(width, indented) for line in lines)
    assert " ".join(lines).split() == ["->", *words]
    assert all(line.startswith("     ") for line in lines[1:])


def test_columns_are_counted_as_terminals_do() -> None:
    texts = ["", "abc", "日本", "e\u0301", "ä"]
    assert [cells(text) for text in texts] == [0, 3, 4, 1, 1]
    assert {cells(padded(text, 5)) for text in texts} == {5}


def test_what_stands_apart_stays_apart() -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((12, 24)))
        assert folded("ok    check: one two", "      ", Terminal()) == (
            "ok    check:\n      one\n      two"
        )


def test_status_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((40, 24)))
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    away = Part(state="offline", detail="the deployment cannot be reached, is it up?", since=0,
                checked=0)  # fmt: skip
    store = StoreReport(name="workflows", path="/w", files=1000, held=3, bootstrapped=False)
    status._print(
        StatusReport(state=State.OFFLINE, detail="nothing waits; it cannot be reached", running=7,
                     url="https://a.convex.cloud", workspace="default", stores=[store],
                     parts={"deployment": away})
    )  # fmt: skip
    lines = terminal.getvalue().splitlines()
    assert lines
    assert [line for line in lines if cells(line) > 40] == []


def test_what_a_deployment_says_in_a_trouble_cannot_drive_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_trouble("it answered \x1b[2J\u202e", "see \x07 its log")
    said = capsys.readouterr().err
    assert said == "syncd: it answered \\x1b[2J\\u202e\n  -> see \\x07 its log\n"
