"""`syncd init` asks before it goes on where both sides differ, and takes no answer for a no. What
it writes can be read again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import typer

from syncd.cli.enrolling import _keep
from syncd.cli.init import _agreed, _configure
from syncd.config import DEVICE_TOKEN, load
from syncd.errors import ConfigError, LedgerError


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


def test_a_token_that_cannot_be_kept_is_told_in_words(tmp_path: Path) -> None:
    place = tmp_path / DEVICE_TOKEN
    place.mkdir()
    with pytest.raises(LedgerError, match="nobody has it"):
        _keep(tmp_path, "secret")
    place.rmdir()
    place.touch(mode=0o644)
    assert _keep(tmp_path, "secret").read_text() == "secret\n"
    assert (place.stat().st_mode & 0o777, [*tmp_path.iterdir()]) == (0o600, [place])
