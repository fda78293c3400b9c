"""Every check there is, one after the other. Does IO."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import AsyncIterator, Iterator

from syncd.config import Config
from syncd.core.wording import counted
from syncd.doctor import contents, deployment, devices, ledger, machine, stores, systemd, watching
from syncd.doctor.finding import Finding, fail, ok, warn
from syncd.files.trouble import refused


async def examine(config: Config) -> AsyncIterator[Finding]:
    """What each check finds, as it finds it."""
    if config.stores:
        yield ok("configuration", f"{config.source}, {counted(len(config.stores), 'store')}")
    else:
        yield fail("configuration", f"{config.source} names no store: nothing can be mirrored",
                   "syncd init, which finds stores; or add a [[store]] there")  # fmt: skip
    here = {
        "machine": machine.examine(config),
        "watching": watching.examine(config),
        "ledger": ledger.examine(config),
        "service": systemd.examine(config),
    }
    for store in config.stores:
        here[f"store:{store.name}"] = stores.examine(store, config.state)
        here[f"files:{store.name}"] = contents.examine(store)
    for check, findings in here.items():
        for finding in _as_far_as(check, findings):
            yield finding
    async for finding in deployment.examine(config):
        yield finding
    yield await devices.examine(config)
    yield _ignored(config)


def _as_far_as(check: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """`findings`, as far as this user may look."""
    try:
        yield from findings
    except OSError as error:
        place = f" at {error.filename}" if error.filename else ""
        closed = isinstance(error, PermissionError)
        advice = "run this as the user whose daemon it is" if closed else refused(error).advice
        yield warn(check, f"it could not be looked at: {error.strerror or error}{place}", advice)


def _ignored(config: Config) -> Finding:
    command = ["git", "-C", str(config.source.parent), "check-ignore", "-q", f"{config.state}/"]
    try:
        ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    except OSError:
        return ok("git-ignore", "there is no git here")
    if ended.returncode == 1 and not (config.state / ".gitignore").exists():
        return warn("git-ignore", f"git would take {config.state} along",
                    f"echo {shlex.quote(config.state.name + '/')} >> .gitignore")  # fmt: skip
    return ok("git-ignore", f"git passes over {config.state}")
