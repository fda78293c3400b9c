"""What a line of the log looks like on a terminal, and a setting of the log that is none."""

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


@pytest.mark.parametrize(
    ("setting", "values"), [("SYNCD_LOG", "debug, info"), ("SYNCD_LOG_FORMAT", "text, json")]
)
def test_a_setting_that_is_not_understood_is_said_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], setting: str, values: str
) -> None:
    monkeypatch.setenv(setting, "verbose")
    set_up()
    structlog.get_logger().info("began")
    said, began = capsys.readouterr().err.splitlines()
    for word in (setting, "verbose", values):
        assert word in said
    assert "began" in began


@pytest.mark.parametrize("level", ["", "WARNING", "debug"])
def test_of_a_setting_that_is_understood_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], level: str
) -> None:
    monkeypatch.setenv("SYNCD_LOG", level)
    monkeypatch.setenv("SYNCD_LOG_FORMAT", "")
    set_up()
    assert capsys.readouterr().err == ""
