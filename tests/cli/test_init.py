"""`syncd init` asks before it goes on where both sides differ, and takes no answer for a no. What
it writes can be read again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from syncd.cli.init import _agreed, _configure
from syncd.config import load
from syncd.errors import ConfigError


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


@pytest.mark.parametrize(("url", "workspace"), [("embedded", "my team"), ("foo", "team")])
def test_what_no_configuration_may_say_is_not_written(
    tmp_path: Path, url: str, workspace: str
) -> None:
    with pytest.raises(ConfigError):
        _configure(tmp_path / "config.toml", url, workspace)
    assert [*tmp_path.iterdir()] == []


def test_a_person_s_configuration_keeps_its_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    store = b'[[store]]\r\nname = "a"\r\nkind = "file"\r\npath = "a"\r\n'
    path.write_bytes(b"\xef\xbb\xbf" + store)
    _configure(path, "embedded", "default")
    assert load(path, {}).url == "embedded"
    assert path.read_bytes().endswith(store)
