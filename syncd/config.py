"""The configuration: flags > environment > .env.local > .env > config.toml > defaults.

Frozen models; an unknown key is an error that names it. Does IO: reads a few small files once.
"""

from __future__ import annotations

import errno
import os
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from syncd.device_token import DEVICE_TOKEN as DEVICE_TOKEN
from syncd.device_token import device_token
from syncd.errors import ConfigError
from syncd.misconfiguration import Number, described
from syncd.store_config import StoreConfig as StoreConfig

EMBEDDED = "embedded"
"""The url that stands for a local backend which syncd starts itself."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmbeddedConfig(_Model):
    """The local backend, where `url` is "embedded"."""

    port: Number = Field(default=3210, ge=0, le=65535)


class HttpConfig(_Model):
    """Health and metrics on 127.0.0.1; without a port nothing listens."""

    port: Number | None = Field(default=None, ge=1, le=65535)


class NotifyConfig(_Model):
    """Who is told when things go wrong, or well again."""

    exec: tuple[str, ...] = ()
    webhook: str | None = Field(default=None, pattern=r"^https?://")


class CostConfig(_Model):
    """What the deployment may cost. Bytes and calls; None takes what the plan says, or no bound."""

    plan: Literal["free", "professional", "unmetered"] | None = None
    calls_a_month: Number | None = Field(default=None, gt=0)
    database_bytes_a_month: Number | None = Field(default=None, gt=0)
    bytes_a_second: Number | None = Field(default=None, gt=0)
    most_calls_a_day: Number | None = Field(default=None, gt=0)
    most_bytes_a_day: Number | None = Field(default=None, gt=0)
    most_bytes_a_month: Number | None = Field(default=None, gt=0)


class FileConfig(_Model):
    """What config.toml may hold."""

    url: str | None = None
    workspace: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    embedded: EmbeddedConfig = EmbeddedConfig()
    http: HttpConfig = HttpConfig()
    notify: NotifyConfig = NotifyConfig()
    cost: CostConfig = CostConfig()
    store: tuple[StoreConfig, ...] = ()

    @model_validator(mode="after")
    def _unique(self) -> FileConfig:
        names = [store.name for store in self.store]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two stores are named {name!r}")
        return self


class Config(_Model):
    """Everything the daemon is told. Store paths are absolute; `url` None means offline."""

    source: Path
    state: Path
    url: str | None
    token: str | None = Field(repr=False)
    workspace: str
    embedded: EmbeddedConfig
    http: HttpConfig = HttpConfig()
    notify: NotifyConfig = NotifyConfig()
    cost: CostConfig = CostConfig()
    stores: tuple[StoreConfig, ...]


def load(path: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of `path`, completed from the environment. Raises ConfigError."""
    path = path.absolute()
    settings = {**_env_file(path.parent / ".env"), **_env_file(path.parent / ".env.local")}
    settings |= {name: value for name, value in environment.items() if value}
    told = _validated(path, _read(path))
    stores = tuple(
        store.model_copy(update={"path": _folder_of(path, store)}) for store in told.store
    )
    state = path.parent / settings.get("SYNCD_STATE_DIR", ".syncd")
    for place in (path, state, *(store.path for store in stores)):
        _speakable(place)
    _separate(path, stores, state)
    return Config(
        source=path,
        state=state,
        url=_url(settings, told),
        token=device_token(settings, state),
        workspace=told.workspace,
        embedded=told.embedded,
        http=told.http,
        notify=told.notify,
        cost=told.cost,
        stores=stores,
    )


def require_usable(path: Path, url: str | None, workspace: str) -> None:
    """Raises ConfigError for what a configuration at `path` must not say."""
    _url({}, _validated(path, {"url": url, "workspace": workspace}))


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no configuration at {path}; nothing was started",
            "`syncd init` finds stores and writes one; or name another with --config",
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(
            f"{path} is a folder; nothing was started",
            f"name the file: --config {path}/config.toml",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}; nothing was started",
            "let the user that runs syncd read it, or name another with --config",
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"{path} cannot be read: {error}; nothing was started", "mend that line"
        ) from error


def _validated(path: Path, told: dict[str, Any]) -> FileConfig:
    try:
        return FileConfig.model_validate(told)
    except ValidationError as error:
        problems = "; ".join(described(told, each, _KNOWN) for each in error.errors())
        raise ConfigError(
            f"{path}: {problems}; nothing was started",
            "mend these lines: syncd's own config.toml explains every key",
        ) from error


_KNOWN: Mapping[str, Collection[str]] = {
    "": FileConfig.model_fields, "store": StoreConfig.model_fields,
    "embedded": EmbeddedConfig.model_fields, "http": HttpConfig.model_fields,
    "notify": NotifyConfig.model_fields, "cost": CostConfig.model_fields,
}  # fmt: skip


def _folder_of(path: Path, store: StoreConfig) -> Path:
    try:
        folder = path.parent / store.path.expanduser()
        _follow(folder)
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"{path}: the path of store {store.name!r} leads nowhere: {error}; nothing was started",
            "name a folder that is there, or can be",
        ) from error
    return _real(folder)


def _follow(place: Path) -> None:
    """Raises ValueError for links that lead in a circle, and for what no path may hold."""
    try:
        place.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{error.strerror}: {place}") from error


def _real(place: Path) -> Path:
    # Not Path.resolve: before Python 3.13 it raises RuntimeError for links that lead in a circle.
    return Path(os.path.realpath(place))


def _speakable(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the path {str(path)!a} is not UTF-8 and cannot be recorded; nothing was started",
            "rename that folder, or move the project to another one",
        ) from error


def _url(settings: Mapping[str, str], told: FileConfig) -> str | None:
    url = settings.get("CONVEX_URL") or settings.get("CONVEX_SELF_HOSTED_URL") or told.url
    if url is None or url == EMBEDDED or _names_host(url):
        return url
    raise ConfigError(
        f"the deployment's URL {url!r} is none: http:// or https:// and a host; nothing was "
        "started",
        'set CONVEX_URL to the URL the dashboard shows, or url = "embedded" in config.toml',
    )


def _names_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        # To ask for a port is what finds out whether there is a wrong one.
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and url.split() == [url]


def _env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; blank lines, comments, `export` and one pair of quotes are understood."""
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except OSError as error:  # Without it another deployment might be taken for the right one.
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}; nothing was started",
            "let the user that runs syncd read it",
        ) from error
    found: dict[str, str] = {}
    for line in lines:
        name, equals, value = line.strip().removeprefix("export ").partition("=")
        if equals and not name.startswith("#"):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            found[name.strip()] = value[1:-1] if quoted else value.partition(" #")[0].strip()
    return found


def _separate(path: Path, stores: tuple[StoreConfig, ...], state: Path) -> None:
    """Refuse folders that lie in one another: only patterns would tell whose a file is."""
    own = _real(state)
    for store in stores:
        if store.path == own or own in store.path.parents:
            raise ConfigError(
                f"{path}: store {store.name!r} lies inside the state folder {state}; "
                "nothing was started",
                "move one of them",
            )
        for other in stores:
            if store.name < other.name and (
                store.path == other.path
                or store.path in other.path.parents
                or other.path in store.path.parents
            ):
                both = "have one folder" if store.path == other.path else "lie in one another"
                raise ConfigError(
                    f"{path}: stores {store.name!r} and {other.name!r} {both}; "
                    "a file must belong to one store; nothing was started",
                    "give each its own folder",
                )
