"""Progress where no terminal shows bars."""

from __future__ import annotations

import pytest

from syncd.cli.progress import showing_progress


def test_work_is_told_while_it_lasts_and_not_when_it_is_done_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with showing_progress() as progress:
        progress("comparing flows", 2, 2)
        progress("upload a.bin", 0, 20)
        progress("upload a.bin", 10, 20)
        progress("hearing", 7, None)
    assert capsys.readouterr().err == "upload a.bin: 0 of 20\nhearing: 7\n"


def test_large_counts_are_written_with_separators(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_progress() as progress:
        progress("comparing flows", 1200, 100_000)
    assert capsys.readouterr().err == "comparing flows: 1,200 of 100,000\n"
