"""What the configuration names, opened: the stores' folders, their history, the clocks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import structlog

from syncd.config import Config, StoreConfig
from syncd.core.news import StoreSettings
from syncd.engine.ports import Clock
from syncd.engine.registry import Registration
from syncd.errors import ConfigError
from syncd.files.history import History
from syncd.files.lines import LinesFolder
from syncd.files.payloads import Payloads
from syncd.files.replica import FileReplica
from syncd.files.swapped import Swapped
from syncd.ledger.belonging import never_ran_with
from syncd.ledger.state import StateFolder

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Place:
    """Where acts happen: what the configuration says, opened."""

    config: Config
    stores: Mapping[str, FileReplica]
    history: History
    clock: Clock


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump, from an arbitrary start."""
        return time.monotonic()

    def read_ns(self) -> int:
        """Nanoseconds since the epoch, on the clock that stamps files."""
        return time.time_ns()


def place_of(config: Config) -> Place:
    """Where commands act."""
    history = History(StateFolder(config.state).history)
    return Place(config, replicas(config, history), history, SystemClock())


def replicas(config: Config, history: History | None = None) -> dict[str, FileReplica]:
    """The folders of the configured stores that go both ways, by name."""
    state = StateFolder(config.state)
    kept = history or History(state.history)
    payloads = payloads_of(state, kept)

    def opened(store: StoreConfig) -> FileReplica:
        lasting = store.pointer is None
        swapped = Swapped(state.swapped / store.name, kept, lasting=lasting)
        return FileReplica(
            store.path, store.kind, store.patterns(), swapped, payloads=payloads,
            pointer=store.pointer, way=store.direction,
        )  # fmt: skip

    return {store.name: opened(store) for store in config.stores if store.layout != "lines"}


def let_go(stores: Iterable[FileReplica]) -> None:
    """Close what was taken out of `stores` and is looked at again: what lies in the state folder is
    for the next to look at.
    """
    for store in stores:
        store.swapped.close()


def lines_folders(config: Config) -> dict[str, LinesFolder]:
    """The folders of the configured stores of lines, by name."""
    kept = config.state / "lines"
    return {
        store.name: LinesFolder(store.path, store.kind, store.patterns(), kept / store.name)
        for store in config.stores
        if store.layout == "lines"
    }


def payloads_of(state: StateFolder, history: History) -> Payloads:
    """Where payloads lie that were fetched and are not in their files yet."""
    return Payloads(state.path / "payloads", history)


def registration(store: StoreConfig, identity: str | None) -> Registration:
    """What the ledger remembers of a store; `identity` is its folder's, None while missing."""
    return Registration(store.told(), store.patterns().matches, str(store.path), identity)


def settings(store: StoreConfig) -> StoreSettings:
    """What the deployment is told of a store."""
    return StoreSettings(
        store.name, store.kind, store.layout, store.direction, store.creates_at(), store.pointer
    )


def make_folder(config: Config, name: str) -> bool:
    """Make the folder of a store where there is none, and say so: its path may be mistyped.
    Whether it was made. Raises ConfigError.
    """
    # Only for a store that was never in touch: later a missing folder is a reason to stop.
    path = next(store.path for store in config.stores if store.name == name)
    try:
        path.mkdir(parents=True)
    except FileExistsError as error:
        if not path.is_dir():
            raise ConfigError(
                f"{path} is no folder; the path of store {name!r} must be one; nothing was started",
                "mend its path in config.toml",
            ) from error
        return False
    except OSError as error:
        raise ConfigError(
            f"{path}, the folder of store {name!r}, cannot be made: {error.strerror}; "
            "nothing was started",
            "make it, or mend its path in config.toml",
        ) from error
    else:
        log.info("folder_made", store=name, path=str(path))
        return True


def never_ran(config: Config) -> ConfigError:
    """The trouble of having no ledger to look into."""
    elsewhere = StateFolder(config.state).ledger_path(None, config.workspace)
    return ConfigError(
        f"{never_ran_with(config.url, elsewhere)}; nothing was changed",
        "`syncd init` tells what the first contact does, `syncd run` begins",
    )


def no_deployment() -> ConfigError:
    """The trouble of having no deployment to ask."""
    return ConfigError(
        "no deployment is configured; nothing was changed",
        'set CONVEX_URL, or url = "embedded" in config.toml',
    )


def no_token(url: str) -> ConfigError:
    """The trouble of having no device token for `url`."""
    return ConfigError(
        f"there is no device token for {url}; nothing was started",
        "`CONVEX_DEPLOY_KEY=... syncd init` enrolls this device; or set SYNCD_TOKEN to its token",
    )
