"""What the configuration names, opened."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from syncd.config import Config, load
from syncd.errors import ConfigError
from syncd.opening import make_folder

STORE = '[[store]]\nname = "flows"\nkind = "workflow"\npath = "a/flows"\n'


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "config.toml").write_text(STORE)
    return load(tmp_path / "config.toml", {})


def test_a_folder_that_is_made_is_told_once(config: Config) -> None:
    path = config.stores[0].path
    with capture_logs() as said:
        make_folder(config, "flows")
        make_folder(config, "flows")
    assert path.is_dir()
    told = [(line["event"], line["store"], line["path"]) for line in said]
    assert told == [("folder_made", "flows", str(path))]


def test_a_file_in_its_place_is_told_as_one(config: Config, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match="cannot be made: Not a directory"):
        make_folder(config, "flows")
    (tmp_path / "a").unlink()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/flows").touch()
    with pytest.raises(ConfigError, match="a/flows is no folder; the path of store 'flows' must"):
        make_folder(config, "flows")
