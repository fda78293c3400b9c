"""This device's token, from wherever it is told. Does IO: reads a small file once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from syncd.errors import ConfigError

CREDENTIAL = "syncd-token"
"""The device token's name among the credentials that systemd hands over: systemd.exec(5)."""

DEVICE_TOKEN = "device-token"  # noqa: S105 - a file's name
"""The file of the state folder in which `syncd init` keeps this device's token."""


def device_token(settings: Mapping[str, str], state: Path) -> str | None:
    """SYNCD_TOKEN, else the first file that is there: the one SYNCD_TOKEN_FILE names, the
    credential that systemd hands over, the one that `syncd init` wrote.
    """
    if token := settings.get("SYNCD_TOKEN"):
        return token.strip()
    if path := settings.get("SYNCD_TOKEN_FILE"):
        return _token_in(Path(path), f"SYNCD_TOKEN_FILE {path}")
    credentials = settings.get("CREDENTIALS_DIRECTORY")
    places = [Path(credentials) / CREDENTIAL] if credentials else []
    for place in (*places, state / DEVICE_TOKEN):
        if _may_be_there(place):
            return _token_in(place, str(place))
    return None


def _may_be_there(place: Path) -> bool:
    try:
        place.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # In a folder that is another user's: who reads it is told why.
    return True


def _token_in(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except PermissionError as error:
        raise ConfigError(
            f"{name} cannot be read: {error.strerror}; nothing was started",
            "run this as the user whose daemon it is, or let this one read it",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(
            f"{name} cannot be read: {why}; nothing was started",
            "point it at a file that holds the device token",
        ) from error
