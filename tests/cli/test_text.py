"""Lines for terminals of any width, and for pipes."""

from __future__ import annotations

import io
import os
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.cli.text import folded

WORDS = st.lists(st.text("ab-`>:", min_size=1, max_size=12), min_size=1, max_size=30)


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
    assert all(len(line) <= width for line in lines)
    assert " ".join(lines).split() == ["->", *words]
    assert all(line.startswith("     ") for line in lines[1:])
