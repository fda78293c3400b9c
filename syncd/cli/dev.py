"""`syncd dev`: the embedded backend by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.app import app, reporting

if TYPE_CHECKING:
    from syncd.embedded.launcher import EmbeddedBackend
    from syncd.signals import Signals


@app.command()
@reporting
def dev(
    data: Annotated[Path, typer.Option(help="Where the backend keeps its data.")] = Path(
        ".syncd/convex"
    ),
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where it listens on 127.0.0.1; 0 for any.")
    ] = 3210,
) -> int:
    """Run the embedded Convex-compatible backend until stopped.

    Examples: `syncd dev`, `syncd dev --data /tmp/convex --port 0`
    """
    from syncd.logs import set_up

    set_up()
    asyncio.run(_dev(data.absolute(), port))
    return 0


async def _dev(data: Path, port: int) -> None:
    from syncd.embedded.launcher import EmbeddedBackend
    from syncd.signals import Signals

    signals = Signals()
    signals.listen()
    backend = EmbeddedBackend(data, port=port, log=lambda line: typer.echo(line, err=True))
    if not await _begun(backend, signals):
        return
    typer.echo(f"CONVEX_URL={backend.url}")
    typer.echo(f"admin key: {backend.admin_key}")
    ended = asyncio.create_task(
        backend.supervise(lambda event, detail: typer.echo(f"{event}: {detail}", err=True))
    )
    await signals.ending.wait()
    ended.cancel()
    await backend.stop()


async def _begun(backend: EmbeddedBackend, signals: Signals) -> bool:
    """Whether it listens; False where it was to end before. Raises EmbeddedUnavailable."""
    starting = asyncio.create_task(backend.start())
    ending = asyncio.create_task(signals.ending.wait())
    await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
    ending.cancel()
    if starting.done():
        await starting
        return True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await backend.stop()
    return False
