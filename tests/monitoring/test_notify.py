"""People are told by a command or a URL, which hold no daemon up, end none and learn no secret."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from syncd.config import NotifyConfig
from syncd.core import notice
from syncd.monitoring import notify
from syncd.monitoring.notify import Notifier
from syncd.report.standing import State, StatusReport
from tests.engine.test_epoch import until

OFFLINE = StatusReport(state=State.OFFLINE, detail="away", running=1, url=None, workspace="w")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "LASTS", 0.0)


async def told(config: NotifyConfig) -> list[str]:
    """What the log says of one notice, once it was told or given up."""
    notifier = Notifier(config)
    with capture_logs() as logged:
        async with asyncio.timeout(1):
            await notifier.told(OFFLINE)
        async with asyncio.timeout(30):
            await asyncio.gather(*notifier._telling)
    return [f"{line['event']}: {line.get('why', '')}" for line in logged]


async def test_a_command_reads_what_happened_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SYNCD_TOKEN", "CONVEX_DEPLOY_KEY", "CONVEX_SELF_HOSTED_ADMIN_KEY", "OTHER"):
        monkeypatch.setenv(name, f"the value of {name}")
    words = ["sh", "-c", f"cat > {tmp_path}/read; env > {tmp_path}/env"]
    assert await told(NotifyConfig(exec=words)) == ["noticed: "]
    read = json.loads((tmp_path / "read").read_text())
    assert (read["version"], read["former"], read["state"]) == (1, "ok", "offline")
    environment = (tmp_path / "env").read_text()
    assert "the value of OTHER" in environment
    assert "SYNCD_STATE=offline\n" in environment
    assert "SYNCD_DETAIL=away\n" in environment
    assert "TOKEN" not in environment
    assert "_KEY" not in environment


async def test_a_command_that_hangs_or_fails_is_logged_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 0.5)
    words = ["sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 600"]
    assert await told(NotifyConfig(exec=words)) == ["notice_failed: no end in time"]
    hung = int((tmp_path / "pid").read_text())
    await until(lambda: not Path(f"/proc/{hung}").exists())
    assert await told(NotifyConfig(exec=["sh", "-c", "exit 3"])) == [
        "notice_failed: sh ended with 3"
    ]
    (gone,) = await told(NotifyConfig(exec=[str(tmp_path / "none")]))
    assert gone.startswith("notice_failed: ")


@asynccontextmanager
async def hook(status: int) -> AsyncIterator[tuple[str, list[tuple[str, object]]]]:
    """A URL that answers `status`, and leads elsewhere; what was sent, and where to."""
    called: list[tuple[str, object]] = []

    async def handler(request: web.Request) -> web.Response:
        called.append((request.path, await request.json()))
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}/hook", called
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (204, "noticed: "),
        (307, "notice_failed: the webhook answered HTTP 307"),
        (500, "notice_failed: the webhook answered HTTP 500"),
    ],
)
async def test_a_url_is_sent_what_happened_and_leads_nowhere_else(status: int, said: str) -> None:
    async with hook(status) as (url, called):
        assert await told(NotifyConfig(webhook=url)) == [said]
    ((path, message),) = called
    assert path == "/hook"
    assert isinstance(message, dict)
    assert message["state"] == "offline"


async def test_a_url_that_nobody_serves_is_logged() -> None:
    (said,) = await told(NotifyConfig(webhook="http://127.0.0.1:9/"))
    assert said.startswith("notice_failed: ")
