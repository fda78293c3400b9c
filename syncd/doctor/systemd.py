"""The service of this project, where there is one: whether it starts without a login. Does IO."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from syncd.config import Config
from syncd.doctor.finding import Finding, ok, warn
from syncd.errors import SyncdError
from syncd.setup.units import Unit, caller, enabled, system_unit, user_unit

LINGER = Path("/var/lib/systemd/linger")
"""A file for each user whose services run without a login: loginctl(1)."""


def examine(config: Config) -> Iterator[Finding]:
    """Whether the daemon is a service, and outlives a logout and a reboot."""
    yield _service(config)


def _service(config: Config) -> Finding:
    user = caller()
    try:
        units = {"user": user_unit(config), "system": system_unit(config, user)}
    except SyncdError as error:
        return ok("service", str(error))
    installed = [whose for whose, unit in units.items() if _installed(unit)]
    if not installed and shutil.which("systemctl") is None:
        return ok("service", "there is no systemd here: start `syncd run` by other means")
    if not installed:
        return ok("service", "none is installed: `syncd service install` would start it at login")
    name = units[installed[0]].name
    if not any(enabled(units[whose]) for whose in installed):
        return warn("service", f"the unit files of {name} are there, but nothing starts it",
                    "syncd service install, or syncd service uninstall")  # fmt: skip
    if installed == ["user"] and os.geteuid() and not (LINGER / user).exists():
        return warn("service", f"{name} runs only while you are logged in",
                    f"loginctl enable-linger {user}")  # fmt: skip
    return ok("service", f"{name} starts at boot")


def _installed(unit: Unit) -> bool:
    return all(path.exists() for path in unit.files)
