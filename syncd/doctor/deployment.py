"""The deployment: reachable, with the right functions, and this device known to it. Does IO."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import aiohttp

from syncd.config import EMBEDDED, Config
from syncd.doctor.finding import Finding, fail, ok, warn
from syncd.errors import FunctionFailed, ProtocolError, SyncdError
from syncd.ledger.state import StateFolder
from syncd.remote.client import ConvexHttp
from syncd.remote.meter import Meter
from syncd.remote.replica import ConvexReplica
from syncd.remote.trouble import words_of
from syncd.slips import Slips

SKEW = 60.0
"""Seconds by which clocks may differ before it is worth a word: nothing is decided by them."""

SLOW = 1.0

_PATIENCE = aiohttp.ClientTimeout(total=10)


async def examine(config: Config) -> AsyncIterator[Finding]:
    """Everything that concerns the deployment; as far as it answers."""
    url, token = _where(config)
    if url is None:
        yield _nowhere(config)
        return
    async for finding in _reach(url):
        yield finding
        if finding.level == "fail":
            return
    if token is None:
        yield fail("token", f"there is no device token for {url}",
                   "`syncd init` enrolls this device")  # fmt: skip
        return
    yield await _known(config, url, token)


def _where(config: Config) -> tuple[str | None, str | None]:
    if config.url != EMBEDDED:
        return config.url, config.token
    state = StateFolder(config.state)
    if state.owner() is None:
        return None, None
    return _told(state.backend_url), _told(state.token)


def _told(place: Path) -> str | None:
    """What a file of the daemon's says; None where it says nothing, or not to this user."""
    try:
        return place.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def _nowhere(config: Config) -> Finding:
    if config.url == EMBEDDED:
        return ok("deployment", "the embedded backend starts with the daemon, which does not run")
    return warn("deployment", "no deployment is configured: saves wait in the outbox",
                'set CONVEX_URL, or url = "embedded" in config.toml')  # fmt: skip


async def _reach(url: str) -> AsyncIterator[Finding]:
    began = time.monotonic()
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.get(f"{url}/version") as response,
        ):
            status, date = response.status, response.headers.get("Date")
            version = (await response.content.read(60)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        yield fail("deployment", f"{url} does not answer ({words_of(error)})",
                   "check the URL and the network: saves wait in the outbox meanwhile")  # fmt: skip
        return
    if status != HTTPStatus.OK:
        yield fail("deployment", f"{url}/version was answered HTTP {status}",
                   "is it the URL of a Convex deployment, without a path behind it?")  # fmt: skip
        return
    took = time.monotonic() - began
    evidence = f"{url} answers in {took * 1000:.0f} ms, version {version}"
    if took < SLOW:
        yield ok("deployment", evidence)
    else:
        yield warn("deployment", evidence, "nothing to do: it is slow, and saves wait for it")
    with suppress(TypeError, ValueError):  # Whatever is between may write what it likes.
        yield _clock(parsedate_to_datetime(date or "").timestamp())


def _clock(theirs: float) -> Finding:
    skew = time.time() - theirs
    evidence = f"this clock differs from the deployment's by {abs(skew):.0f} s"
    if abs(skew) <= SKEW:
        return ok("clock", evidence)
    return warn("clock", evidence, "sudo timedatectl set-ntp true: nothing is decided by clocks, "
                "but times in logs mislead")  # fmt: skip


async def _known(config: Config, url: str, token: str) -> Finding:
    meter = Meter()
    try:
        async with ConvexHttp(url, meter=meter) as http, asyncio.timeout(15):
            with Slips(config).left(meter.spending):
                replica = ConvexReplica(http, token, config.workspace)
                head = await replica.head()
                current = await _are_current(replica)
    except SyncdError as error:
        return fail("functions", str(error), error.advice)
    except TimeoutError:
        return warn("functions", "they did not answer within 15 s", "try again")
    evidence = f"they know this device; the feed ends at {head}"
    if current:
        return ok("functions", evidence)
    return warn("functions", f"{evidence}; they are of an earlier version than this program",
                "deploy this version's: see convex/README.md")  # fmt: skip


async def _are_current(replica: ConvexReplica) -> bool:
    """Whether the deployment has what of all functions was added last."""
    try:
        await replica.authors([])
    except (ProtocolError, FunctionFailed):
        return False
    return True
