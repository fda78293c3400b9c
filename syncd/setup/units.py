"""Unit files of systemd for one project: what is written where, and which commands follow. Does IO.

The templates lie in `systemd/`; what differs between projects is in a drop-in beside them.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from syncd.config import Config
from syncd.errors import ConfigError, SyncdError

TEMPLATE = "syncd@.service"


@dataclass(frozen=True, slots=True)
class Unit:
    """The service of one project. `files` are to be written, by path."""

    name: str
    files: dict[Path, str]
    systemctl: tuple[str, ...]


class ServiceManagerFailed(SyncdError):
    """systemd refused, or is not there; unit files may have been written."""


class NoServiceManager(ServiceManagerFailed):
    """systemd is not there, or not for us."""


def user_unit(config: Config) -> Unit:
    """The service of the calling user. Raises ConfigError where they can have none."""
    return _unit(_own_units(), "user", config, ("systemctl", "--user"), ())


def system_unit(config: Config, user: str, root: Path = Path("/etc/systemd/system")) -> Unit:
    """The service of the machine, run as `user`."""
    folders = {config.source.parent, config.state, *(store.path for store in config.stores)}
    lines = [f"User={user}", *(f"BindPaths={_quoted(str(folder))}" for folder in _tops(folders))]
    program = Path(sys.prefix)
    if program.is_relative_to("/home") or program.is_relative_to("/root"):
        lines.append(f"BindReadOnlyPaths={_quoted(str(program))}")
    return _unit(root, "system", config, ("systemctl",), lines)


def caller() -> str:
    """Who runs this; a number where the machine knows no name for it, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _own_units() -> Path:
    try:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    except RuntimeError as error:
        raise ConfigError(
            f"user {caller()} has no home folder, and so no services of its own; nothing was "
            "changed",
            "set HOME; or start `syncd run` by other means, or as a service of the machine: "
            "--system",
        ) from error
    return home / "systemd/user"


def install(unit: Unit) -> None:
    """Write the files, enable and start the service. Raises ConfigError, ServiceManagerFailed."""
    if shutil.which("systemctl") is None:
        raise ConfigError(
            "there is no systemd here (`systemctl` is missing); nothing was installed",
            "start `syncd run` by other means",
        )
    for path, text in unit.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}; no service was started",
                "run this as root for --system, or leave --system out",
            ) from error
    control(unit, "daemon-reload")
    control(unit, "enable", unit.name)
    control(unit, "restart", unit.name)


def uninstall(unit: Unit) -> None:
    """Stop and disable the service, and remove its drop-in. The template may be others' too.

    Raises ServiceManagerFailed: where there is no systemd, after the files are removed.
    """
    try:
        control(unit, "disable", "--now", unit.name)
    except NoServiceManager as away:
        _remove(unit)
        raise NoServiceManager(
            f"{away}; its unit files were removed, and the service was not stopped if it runs",
            "`syncd status` tells whether a daemon runs; end that yourself",
        ) from away
    _remove(unit)
    control(unit, "daemon-reload")


def _remove(unit: Unit) -> None:
    """Remove what enables the service, and what is only its own. Raises ConfigError."""
    own = [path for path in unit.files if path.name != TEMPLATE]
    for path in (*_links(unit), *own):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be removed: {error.strerror}; the service may start again",
                "run this as root for --system, or leave --system out",
            ) from error
    for path in own:
        with suppress(OSError):  # It was never there, or a person's own drop-in is in it.
            path.parent.rmdir()


def control(unit: Unit, *words: str) -> str:
    """What `systemctl` says. Raises ServiceManagerFailed."""
    command = [*unit.systemctl, *words]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise NoServiceManager(
            f"`{' '.join(command)}` cannot be run: {error.strerror}",
            "without systemd start `syncd run` by other means",
        ) from error
    said = (ended.stderr or ended.stdout).strip()
    # Those exit otherwise where the service does not run: systemctl(1).
    if ended.returncode and (words[0] not in _ASKING or any(each in said for each in _AWAY)):
        raise _refused(unit, command, said)
    return ended.stdout


_ASKING = ("status", "is-active")

RUNNING = ("active", "reloading", "activating")
"""What systemd says of a service that runs, or is about to."""


def active(unit: Unit) -> str:
    """How the service is, in systemd's word. Raises ServiceManagerFailed."""
    return control(unit, "is-active", unit.name).strip() or "unknown"


def enabled(unit: Unit) -> bool:
    """Whether systemd starts the service by itself."""
    return bool(_links(unit))


def _links(unit: Unit) -> list[Path]:
    roots = {path.parent for path in unit.files if path.name == TEMPLATE}
    wants = [each / unit.name for root in roots for each in root.glob("*.wants")]
    return [each for each in wants if each.is_symlink()]


def _refused(unit: Unit, command: Sequence[str], said: str) -> ServiceManagerFailed:
    what = (
        f"`{' '.join(command)}` failed: {said.splitlines()[0] if said else 'it does not say why'}"
    )
    if any(words in said for words in _AWAY):
        return NoServiceManager(
            what,
            "systemd does not run here: start `syncd run` by other means; unit files that are "
            "there do nothing without it",
        )
    whose = "--user " if "--user" in command else ""
    return ServiceManagerFailed(what, f"`journalctl {whose}-u {unit.name}` tells more")


_AWAY = ("Failed to connect to bus", "has not been booted with systemd")


def _instance(config: Config) -> str:
    escape = shutil.which("systemd-escape")
    if escape is None:
        return TEMPLATE.replace("@", f"@{_escaped(config.source.parent)}")
    command = [escape, "--path", f"--template={TEMPLATE}", str(config.source.parent)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:  # A unit's name has at most 255 characters: systemd.unit(5).
        said = ended.stderr.strip() or f"{escape} failed"
        raise ConfigError(
            f"{config.source.parent} makes no name of a unit: {said}; nothing was installed",
            "where its path is too long, make a link to it: --config LINK/config.toml",
        )
    return ended.stdout.strip()


def _escaped(folder: Path) -> str:
    """As `systemd-escape --path`, where there is none: units may have to go all the same."""
    path = os.fsencode(folder).strip(b"/")
    letters = [
        "-" if byte == ord("/")
        else chr(byte) if _PLAIN.fullmatch(chr(byte)) and (at or byte != ord("."))
        else f"\\x{byte:02x}"
        for at, byte in enumerate(path)
    ]  # fmt: skip
    return "".join(letters) or "-"


_PLAIN = re.compile("[A-Za-z0-9:_.]")


def _template(whose: str) -> str:
    shipped = resources.files("syncd") / "systemd" / whose / TEMPLATE
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "systemd" / whose / TEMPLATE
    return checkout.read_text(encoding="utf-8")


def _unit(
    root: Path, whose: str, config: Config, systemctl: tuple[str, ...], lines: Sequence[str]
) -> Unit:
    name = _instance(config)
    program = f"{_quoted(sys.executable)} -m syncd run --config /%I/{_quoted(config.source.name)}"
    drop_in = [
        f"# Written by `syncd service install` for {config.source}.",
        "[Service]",
        "ExecStart=",  # The template's is taken back first.
        f"ExecStart={program}",
        *lines,
    ]
    files = {
        root / TEMPLATE: _template(whose),
        root / f"{name}.d/project.conf": "\n".join(drop_in) + "\n",
    }
    return Unit(name, files, systemctl)


def _tops(folders: set[Path]) -> Sequence[Path]:
    """Those that lie in no other of them."""
    return sorted(f for f in folders if not any(f.is_relative_to(o) for o in folders - {f}))


def _quoted(text: str) -> str:
    # systemd.syntax(7): % begins a specifier, quotes take blanks.
    escaped = text.replace("\\", "\\\\").replace("%", "%%").replace('"', '\\"')
    return f'"{escaped}"' if re.search(r"[\s\"']", escaped) else escaped
