"""What is printed and logged: no name and no answer drives a terminal or turns a line around."""

from __future__ import annotations

import json
from importlib import import_module

import pytest
import structlog

from syncd import logs
from syncd.cli.status import print_problems
from syncd.core.model import Digest, Key
from syncd.engine.looking.verify import Drift, Verdict
from syncd.report.standing import Problem, State, StatusReport

EVIL = {
    "clears the screen": "\x1b[2J",
    "sets the title": "\x1b]0;owned\x07",
    "an 8-bit escape": "\x9b31m",
    "a line of its own": "\nin sync: all is well",
    "writes over the line": "\rin sync",
    "right to left": "invoice\u202egnp.exe",
    "isolates": "\u2066a\u2069",
    "backspaces": "bad\b\b\bgood",
    "NUL": "\0",
}
TEXTS = pytest.mark.parametrize("text", EVIL.values(), ids=EVIL.keys())


def is_harmless(line: str) -> bool:
    return all(letter.isprintable() for letter in line)


@TEXTS
@pytest.mark.parametrize("form", ["json", "text"])
def test_log_lines(
    text: str, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SYNCD_LOG_FORMAT", form)
    monkeypatch.delenv("SYNCD_LOG", raising=False)
    logs.set_up()
    structlog.get_logger().warning("held", key=f"flows:{text}.json", detail=text)
    (line,) = capsys.readouterr().err.splitlines()
    assert is_harmless(line)
    assert "held" in line
    if form == "json":
        assert is_harmless(json.loads(line)["key"]), "not when it is decoded either"


@TEXTS
def test_problems_of_status(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem(sort="held", key=f"flows:{text}", reason="bad-path", detail=text,
                      advice="rename it", since=0.0)  # fmt: skip
    print_problems(StatusReport(state=State.DEGRADED, detail="", running=1, url=None,
                                workspace="default", held=1, problems=[problem]))  # fmt: skip
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 4
    assert all(map(is_harmless, lines))


@TEXTS
def test_what_verify_prints(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = Verdict("flows", held={text: "bad-path"})
    verdict.drifts.append(Drift(Key("flows", text), Digest("a" * 64), None))
    import_module("syncd.cli.verify")._print([verdict])
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 6
    assert all(map(is_harmless, lines))
