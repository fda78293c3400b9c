"""Unit files: systemd itself says whether they are sound, and how much they are exposed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from syncd.config import load
from syncd.errors import ConfigError
from syncd.setup.units import (
    ServiceManagerFailed,
    Unit,
    enabled,
    install,
    system_unit,
    uninstall,
    user_unit,
)

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd judges its own files"
)
MOST_EXPOSED = 1.5


def project(folder: Path) -> Path:
    home = folder / "my project"
    (home / "flows").mkdir(parents=True)
    (home / "config.toml").write_text(
        '[[store]]\nname = "flows"\nkind = "workflow"\npath = "flows"\n'
        '[[store]]\nname = "far"\nkind = "workflow"\npath = "../far"\n'
    )
    return home / "config.toml"


def written(unit: Unit, folder: Path) -> Path:
    """The files as systemd finds them, the template as an instance of it."""
    for path, text in unit.files.items():
        place = folder / path.relative_to(path.anchor).relative_to(*path.parts[1:2])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    template = next(folder.rglob("syncd@.service"))
    instance = template.with_name(unit.name)
    shutil.copy(template, instance)

    return instance


def analyze(*words: str, folder: Path) -> str:
    ended = subprocess.run(
        ["systemd-analyze", *words], capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder), "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def test_the_units_are_sound(tmp_path: Path) -> None:
    config = load(project(tmp_path), {})
    user = written(user_unit(config), tmp_path / "user")
    system = written(system_unit(config, "root"), tmp_path / "system")
    assert analyze("--user", "verify", str(user), folder=tmp_path) == ""
    assert analyze("verify", str(system), folder=tmp_path) == ""


def test_an_apostrophe_in_a_path_is_no_quote(tmp_path: Path) -> None:
    (tmp_path / "bob's").mkdir()
    system = written(system_unit(load(project(tmp_path / "bob's"), {}), "root"), tmp_path / "units")
    assert analyze("verify", str(system), folder=tmp_path) == ""


def test_the_service_of_the_machine_is_little_exposed(tmp_path: Path) -> None:
    system = written(system_unit(load(project(tmp_path), {}), "daemon"), tmp_path / "system")
    words = ("security", "--offline=true", "--no-pager", str(system))
    said = analyze(*words, folder=tmp_path)
    (level,) = re.findall(r"Overall exposure level for .*: ([0-9.]+)", said)
    assert float(level) <= MOST_EXPOSED


def test_a_project_may_write_its_own_folders_and_no_others(tmp_path: Path) -> None:
    unit = system_unit(load(project(tmp_path), {}), "web")
    drop_in = next(text for path, text in unit.files.items() if path.name == "project.conf")
    bound = re.findall(r'^BindPaths="?([^"\n]+)"?$', drop_in, re.MULTILINE)
    assert bound == [str(tmp_path / "far"), str(tmp_path / "my project")]
    assert "User=web\n" in drop_in
    assert unit.name.startswith("syncd@")
    assert unit.name.endswith("my\\x20project.service")


def test_no_unit_holds_a_token(tmp_path: Path) -> None:
    secret = "syncd_0123456789"
    config = load(project(tmp_path), {"SYNCD_TOKEN": secret})
    units = (user_unit(config), system_unit(config, "web"))
    assert not any(secret in text for unit in units for text in unit.files.values())


def test_what_a_service_pulls_may_be_read_as_what_syncd_run_pulls(tmp_path: Path) -> None:
    config = load(project(tmp_path), {})
    user, system = (
        re.findall(r"^UMask=(.*)$", "\n".join(unit.files.values()), re.MULTILINE)
        for unit in (user_unit(config), system_unit(config, "web"))
    )
    assert user == [], "that of the person's own session counts"
    assert system == ["0022"]


def test_restarts_know_the_exit_codes(tmp_path: Path) -> None:
    config = load(project(tmp_path), {})
    for unit in (user_unit(config), system_unit(config, "web")):
        text = next(text for path, text in unit.files.items() if path.name == "syncd@.service")
        assert "RestartPreventExitStatus=2 5 8 9\n" in text
        assert "Type=notify\n" in text


def test_a_folder_whose_path_makes_too_long_a_name(tmp_path: Path) -> None:
    home = tmp_path / "日本語の名前" / ("ein langer Name " * 8)
    home.mkdir(parents=True)
    config = project(home)
    with pytest.raises(ConfigError, match="makes no name of a unit"):
        user_unit(load(config, {}))
    (tmp_path / "short").symlink_to(config.parent)
    assert len(user_unit(load(tmp_path / "short/config.toml", {})).name) < 255


def test_what_was_never_installed_is_uninstalled_without_a_word(
    tmp_path: Path, systemctl: Path
) -> None:
    unit = user_unit(load(project(tmp_path), {}))
    uninstall(unit)
    install(unit)
    drop_in = next(path for path in unit.files if path.name == "project.conf")
    (own := drop_in.with_name("own.conf")).touch()
    uninstall(unit)
    assert not drop_in.exists()
    assert own.exists(), "what a person wrote stays"


def test_a_machine_without_systemd_is_told_what_to_do_instead(
    tmp_path: Path, systemctl: Path
) -> None:
    unit = user_unit(load(project(tmp_path), {}))
    systemctl.write_text("echo Failed to connect to bus: No medium found >&2; exit 1")
    with pytest.raises(ServiceManagerFailed, match="Failed to connect to bus") as raised:
        install(unit)
    assert "start `syncd run` by other means" in raised.value.advice
    systemctl.write_text("exit 3")
    with pytest.raises(ServiceManagerFailed, match="it does not say why") as raised:
        uninstall(unit)
    assert "journalctl --user" in raised.value.advice
    assert all(path.exists() for path in unit.files), "nothing is half taken away"


@pytest.mark.parametrize("there", [True, False])
def test_without_systemd_its_files_are_removed_and_it_is_told_what_was_not_done(
    tmp_path: Path, systemctl: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    config = load(project(tmp_path), {})
    unit = user_unit(config)
    install(unit)
    template, drop_in = unit.files
    wants = template.with_name("default.target.wants")
    wants.mkdir()
    (wants / unit.name).symlink_to(template)
    systemctl.write_text("echo Failed to connect to bus: No medium found >&2; exit 1")
    if not there:
        monkeypatch.setenv("PATH", str(tmp_path))
        unit = user_unit(config)
    with pytest.raises(ServiceManagerFailed, match="its unit files were removed") as raised:
        uninstall(unit)
    assert "was not stopped" in str(raised.value)
    assert not drop_in.parent.exists()
    assert not enabled(unit)
    assert template.exists(), "it may be others' too"


@pytest.mark.parametrize("name", ["a b", ".hidden/x-y", "\u00e4/1:2_3.z", "at@home"])
def test_an_instance_has_the_same_name_without_systemd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).mkdir(parents=True)
    config = load(project(tmp_path / name), {})
    told = user_unit(config).name
    monkeypatch.setenv("PATH", str(tmp_path))
    assert user_unit(config).name == told
    with pytest.raises(ConfigError, match="nothing was installed"):
        install(user_unit(config))
