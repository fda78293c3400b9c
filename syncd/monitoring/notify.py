"""Tells people when things went wrong, or well again: a command is run, a URL is called. Does IO.

Nothing here may hold the daemon up or end it: what fails is logged, and the next change of state
is told anew.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence

import orjson
import structlog

from syncd.config import NotifyConfig
from syncd.core.notice import Notice, Notices
from syncd.core.wording import refusal
from syncd.report.standing import State, StatusReport

PATIENCE = 10.0
"""Seconds that a command or a URL gets."""

PROBLEMS = 5
"""Problems that a notice names; the rest are counted."""

_GOOD = {State.IN_SYNC, State.SYNCING, State.PAUSED}

log = structlog.get_logger()


class Notifier:
    """Is told how things are, and tells those whom the configuration names when that changed."""

    def __init__(self, config: NotifyConfig) -> None:
        self._config = config
        self._notices = Notices()
        self._telling: set[asyncio.Task[None]] = set()

    async def told(self, found: StatusReport) -> None:
        """How things are now."""
        state = "ok" if found.state in _GOOD else found.state.value
        notice = self._notices.judged(state, time.monotonic())
        if notice is None or not (self._config.exec or self._config.webhook):
            return
        # In a task of its own: a slow hook must not look like a daemon that hangs.
        task = asyncio.create_task(self._tell(_message(notice, found)))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _tell(self, message: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                if self._config.exec:
                    await _run(self._config.exec, message)
                if self._config.webhook:
                    await _post(self._config.webhook, message)
        except (OSError, TimeoutError, _Failed) as error:
            why = str(error) or "no end in time"
            if isinstance(error, OSError) and error.errno is not None:
                why = refusal(error)
            log.warning("notice_failed", state=message["state"], why=why,
                        advice="mend [notify] in config.toml")  # fmt: skip
        else:
            log.info("noticed", state=message["state"], former=message["former"])


class _Failed(Exception):
    pass


def _message(notice: Notice, found: StatusReport) -> dict[str, object]:
    """Version 1 of a notice: fields are only ever added."""
    shown = found.problems[:PROBLEMS]
    return {
        "version": 1,
        "former": notice.former,
        "state": notice.state,
        "detail": found.detail,
        "workspace": found.workspace,
        "stores": [store.path for store in found.stores],
        "problems": [problem.model_dump() for problem in shown],
        "more": found.unwell - len(shown),
        "at": time.time(),
    }


async def _run(words: Sequence[str], message: dict[str, object]) -> None:
    secret = ("TOKEN", "DEPLOY_KEY", "ADMIN_KEY")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not any(part in name for part in secret)
    }
    environment |= {"SYNCD_STATE": str(message["state"]), "SYNCD_DETAIL": str(message["detail"])}
    child = await asyncio.create_subprocess_exec(
        *words, env=environment, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await child.communicate(orjson.dumps(message))
    except asyncio.CancelledError:
        child.kill()
        raise
    if child.returncode:
        raise _Failed(f"{words[0]} ended with {child.returncode}")


async def _post(url: str, message: dict[str, object]) -> None:
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, json=message, allow_redirects=False) as response,
        ):
            if response.status >= 300:
                raise _Failed(f"the webhook answered HTTP {response.status}")
    except aiohttp.ClientError as error:
        raise _Failed(str(error)) from error
