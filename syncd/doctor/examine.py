"""Every check there is, one after the other. Does IO."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator

from syncd.config import Config
from syncd.doctor import contents, deployment, devices, ledger, machine, stores, systemd, watching
from syncd.doctor.finding import Finding, ok, warn


async def examine(config: Config) -> AsyncIterator[Finding]:
    """What each check finds, as it finds it."""
    yield ok("configuration", f"{config.source}, {len(config.stores)} stores")
    for finding in machine.examine(config):
        yield finding
    for finding in watching.examine(config):
        yield finding
    for finding in ledger.examine(config):
        yield finding
    yield systemd.examine(config)
    for store in config.stores:
        for finding in (*stores.examine(store, config.state), *contents.examine(store)):
            yield finding
    async for finding in deployment.examine(config):
        yield finding
    yield await devices.examine(config)
    yield _ignored(config)


def _ignored(config: Config) -> Finding:
    command = ["git", "-C", str(config.source.parent), "check-ignore", "-q", f"{config.state}/"]
    try:
        ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return ok("git-ignore", "there is no git here")
    if ended.returncode == 1 and not (config.state / ".gitignore").exists():
        return warn("git-ignore", f"git would take {config.state} along",
                    f"echo {json.dumps(config.state.name + '/')} >> .gitignore")  # fmt: skip
    return ok("git-ignore", f"git passes over {config.state}")
