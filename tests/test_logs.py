"""What a line of the log looks like on a terminal."""

from __future__ import annotations

import sys

import pytest
import structlog

from syncd.logs import set_up


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_left_out_where_they_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    coloured: bool,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    set_up()
    structlog.get_logger().warning("happened", key="a")
    said = capsys.readouterr().err
    structlog.reset_defaults()
    assert "happened" in said
    assert ("\x1b" in said) is coloured
