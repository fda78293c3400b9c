"""`syncd init` asks before it goes on where both sides differ, and takes no answer for a no."""

from __future__ import annotations

import sys

import pytest
import typer

from syncd.cli.init import _agreed


@pytest.mark.parametrize("ends", [KeyboardInterrupt, EOFError])
def test_who_ends_the_question_did_not_agree(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ends: type[BaseException]
) -> None:
    def asked(_: str) -> bool:
        raise typer.Abort from ends()

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", asked)
    assert not _agreed()
    assert capsys.readouterr().out.endswith("\n")
