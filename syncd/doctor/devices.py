"""The other machines of the workspace: who was not there for long. Does IO."""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Sequence

from syncd.config import Config
from syncd.doctor.finding import Finding, ok, warn
from syncd.errors import ConfigError, SyncdError
from syncd.remote.devices import WireDevice
from syncd.setup.enrolment import open_enrolment

LONG = 14 * 86400.0
"""Seconds away after which a machine is worth a word: what was deleted meanwhile is kept for it."""

_PATIENCE = 15.0


async def examine(config: Config) -> Finding:
    """Whether every device that may use the mirror does."""
    try:
        async with asyncio.timeout(_PATIENCE), open_enrolment(config) as enrolment:
            devices = await enrolment.devices()
    except ConfigError:
        return ok("devices", "not asked: that takes a key, CONVEX_DEPLOY_KEY=... syncd doctor")
    except (SyncdError, TimeoutError) as error:
        return ok("devices", f"not asked: {str(error) or 'no answer in time'}")
    return judged(devices, time.time())


def judged(devices: Sequence[WireDevice], now: float) -> Finding:
    """What the list of devices amounts to; `now` in seconds since the epoch."""
    living = [device for device in devices if not device.revoked]
    away = [d for d in living if d.seen_at is not None and now - d.seen_at / 1000 > LONG]
    if not away:
        former = [d for d in living if _waited(d) is not None and now - (_waited(d) or 0) > LONG]
        if former:
            return _former(min(former, key=lambda device: _waited(device) or 0), now)
        return ok("devices", f"{len(living)} may use the workspace, none was away for two weeks")
    longest = min(away, key=lambda device: device.seen_at or 0)
    days = (now - (longest.seen_at or 0) / 1000) / 86400
    more = f", {len(away) - 1} more for over two weeks" if len(away) > 1 else ""
    return warn("devices", f"{longest.name!r} was not there for {days:.0f} days{more}: "
                "what changed since it has not heard, what was saved there nobody has, and "
                "what was deleted since is kept on the deployment until it hears of it",
                f"start it, or syncd devices revoke {shlex.quote(longest.name)}")  # fmt: skip


def _former(device: WireDevice, now: float) -> Finding:
    """One that has lost its ledger, or runs on two machines: the other may still come."""
    days, name = (now - (_waited(device) or 0)) / 86400, shlex.quote(device.name)
    return warn("devices", f"a ledger that {device.name!r} had was not heard of for {days:.0f} "
                "days: what was deleted since is kept on the deployment until it is",
                f"syncd devices revoke {name}, then syncd devices enroll {name}, and give it the "
                "new token: it compares its files anew, and nothing is deleted")  # fmt: skip


def _waited(device: WireDevice) -> float | None:
    """When the ledger was heard of that tombstones are kept for, in seconds since the epoch."""
    return None if device.waited_since is None else device.waited_since / 1000
